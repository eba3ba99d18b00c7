"""Values that JSON or Postgres cannot hold are refused at send, with their path."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Annotated, Any

import pytest
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    RootModel,
    SecretBytes,
    SecretStr,
    field_serializer,
)

from howdah._model.json_limits import MAX_DEPTH
from howdah._model.payload import Signature
from howdah.errors import PayloadValueError

NAN = float("nan")
INFINITY = float("inf")


class Context:
    """Stands for the worker's context."""


class Free(BaseModel):
    model_config = ConfigDict(extra="allow")


class Names(RootModel[list[str]]):
    pass


class Wrapped(RootModel[list[Any]]):
    pass


class User(BaseModel):
    score: float | None = None
    tags: list[str] = []
    photo: bytes = b""
    password: SecretStr = SecretStr("")
    names: Names = Names([])


@dataclasses.dataclass
class Measure:
    value: float


class Node(BaseModel):
    children: list[Node] = []


class Foreign:
    """A class without a JSON form."""


def signature_of(hint: Any) -> Signature:
    def handle(it: Any) -> None: ...

    handle.__annotations__["it"] = hint
    return Signature.of(handle, name="welcome", context_type=Context)


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


def failing() -> Iterator[int]:
    yield 1
    raise KeyError("boom")


@pytest.mark.parametrize(
    ("hint", "value", "path", "reason"),
    [
        (str, "a\0b", "it", "holds a NUL character"),
        (User, User(tags=["a", "b\0"]), "it.tags[1]", "holds a NUL character"),
        (User, User(names=Names(["\0"])), "it.names[0]", "holds a NUL character"),
        (Any, {"a b": [{"c": "\0"}]}, "it['a b'][0].c", "holds a NUL character"),
        (Any, {"a": {"k\0": 1}}, "it.a['k\\x00']", "stands under a key that holds a NUL"),
        (str, "\ud800", "it", "holds a lone surrogate"),
        (Any, [1, {"x": "a\udfff"}], "it[1].x", "holds a lone surrogate"),
        (Any, {"\ud800": 1}, "it['\\ud800']", "stands under a key that holds a lone surrogate"),
        (float, NAN, "it", "is nan, which JSON cannot hold"),
        (float, -INFINITY, "it", "is -inf, which JSON cannot hold"),
        (Any, {"x": (1.0, INFINITY)}, "it.x[1]", "is inf, which JSON cannot hold"),
        (User, User(score=NAN), "it.score", "is nan, which JSON cannot hold"),
        (Any, [User(score=NAN)], "it[0].score", "is nan, which JSON cannot hold"),
        (list[Measure], [Measure(NAN)], "it[0].value", "is nan, which JSON cannot hold"),
        (Any, ["\0", NAN], "it[0]", "holds a NUL character"),
        (Free, Free(more=SecretStr("x")), "it.more", "is a secret"),  # type: ignore[call-arg]
        (Annotated[str, Field(max_length=3)], "\ud800", "it", "holds a lone surrogate"),
        (Decimal, Decimal("NaN"), "it", "is NaN, which JSON cannot hold"),
        (Any, Decimal("NaN"), "it", "is NaN, which JSON cannot hold"),
        (Any, Decimal("-Infinity"), "it", "is -Infinity, which JSON cannot hold"),
        (SecretStr, SecretStr("x"), "it", "is a secret, which would be stored as asterisks"),
        (SecretBytes, b"x", "it", "is a secret, which would be stored as asterisks"),
        (User, User(password=SecretStr("x")), "it.password", "is a secret"),
        (list[int], [10**4300], "it[0]", "is an integer of over 4300 digits"),
        (Any, {"n": -(10**9999)}, "it.n", "is an integer of over 4300 digits"),
        (bytes, b"\xff", "it", "holds bytes that are not UTF-8"),
        (User, User(photo=b"\xff"), "it.photo", "holds bytes that are not UTF-8"),
        (Any, {"x": Foreign()}, "it.x", "is of type Foreign, which has no JSON form"),
        (Any, User.model_construct(tags=[Foreign()]), "it.tags[0]", "is of type Foreign"),
        (User, User.model_construct(tags=5), "it.tags", "would not be understood"),
        (Any, failing(), "payload", "has no JSON form: Error serializing to JSON: KeyError"),
        (Iterable[int], ["x"], "payload", "has no JSON form"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_stored_is_refused_with_its_path(
    hint: Any, value: Any, path: str, reason: str
) -> None:
    with pytest.raises(PayloadValueError) as caught:
        signature_of(hint).encode((value,), {})

    assert path == caught.value.path
    assert f"cannot send 'welcome': {path} {reason}" in str(caught.value)


@pytest.mark.parametrize("levels", [MAX_DEPTH, 300, 20_000])
def test_lists_nested_too_deep_are_refused(levels: int) -> None:
    # The object that holds the arguments is a level of its own.
    with pytest.raises(PayloadValueError, match="is nested deeper than 100 levels") as caught:
        signature_of(Any).encode((nested(levels),), {})

    assert caught.value.path.startswith("it[0][0]")


def test_lists_nested_to_the_limit_are_accepted() -> None:
    found = signature_of(list)

    assert {"it": nested(MAX_DEPTH - 1)} == found.decode(found.encode((nested(MAX_DEPTH - 1),), {}))


def test_many_brackets_side_by_side_are_not_deep() -> None:
    value = [[{"a": "[[[["}], []] * 500

    assert '{"it":[' in signature_of(Any).encode((value,), {})


@pytest.mark.parametrize("levels", [MAX_DEPTH, 2_000])
def test_models_nested_too_deep_are_refused(levels: int) -> None:
    node = Node()
    for _ in range(levels):
        node = Node.model_construct(children=[node])

    with pytest.raises(PayloadValueError, match="is nested deeper than 100 levels"):
        signature_of(Node).encode((node,), {})


def test_brackets_inside_strings_do_not_hide_the_depth() -> None:
    value: list[Any] = []
    for _ in range(MAX_DEPTH):
        value = ["]", value, "["]

    with pytest.raises(PayloadValueError, match="is nested deeper than 100 levels"):
        signature_of(Any).encode((value,), {})


def test_a_step_that_leaves_no_mark_in_the_text_is_no_level() -> None:
    value: Any = "NaN"
    for _ in range(MAX_DEPTH - 1):
        value = Wrapped([value])

    assert '{"it":[[[' in signature_of(Any).encode((value,), {})


def test_a_validator_that_runs_out_of_stack_is_told_as_too_deep() -> None:
    def flat(value: Any) -> Any:
        return flat(value[0]) if value else value

    with pytest.raises(PayloadValueError, match="is nested deeper than 100 levels"):
        signature_of(Annotated[Any, BeforeValidator(flat)]).encode((nested(20_000),), {})


def test_a_mapping_that_holds_itself_is_refused_where_a_model_is_expected() -> None:
    value: dict[str, Any] = {"children": []}
    value["children"].append(value)

    with pytest.raises(PayloadValueError, match="or holds itself"):
        signature_of(Node).encode((value,), {})


def test_a_list_that_holds_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)

    with pytest.raises(PayloadValueError, match="or holds itself"):
        signature_of(Any).encode((value,), {})


@pytest.mark.parametrize(
    "text", ["\\u0000", "NaN", "Infinity", "-Infinity", "**********", "9" * 5000, "[" * 300]
)
def test_text_that_only_looks_like_trouble_is_accepted(text: str) -> None:
    found = signature_of(dict[str, Any])

    assert {"it": {text: text}} == found.decode(found.encode(({text: text},), {}))


def test_an_absent_number_beside_one_that_is_fine_is_accepted() -> None:
    found = signature_of(User)

    assert {"it": User(score=None)} == found.decode(found.encode((User(score=None),), {}))


def test_an_empty_secret_is_accepted_because_nothing_is_lost() -> None:
    found = signature_of(User)

    assert {"it": User()} == found.decode(found.encode((User(),), {}))


def test_a_secret_whose_model_writes_it_out_is_accepted() -> None:
    class Open(BaseModel):
        password: SecretStr

        @field_serializer("password")
        def reveal(self, password: SecretStr) -> str:
            return password.get_secret_value()

    found = signature_of(Open)

    assert {"it": Open(password=SecretStr("x"))} == found.decode(
        found.encode((Open(password=SecretStr("x")),), {})
    )


def test_what_a_serializer_hides_is_found_in_the_text() -> None:
    class Sly(BaseModel):
        name: str

        @field_serializer("name")
        def spoil(self, name: str) -> str:
            return name + "\0"

    with pytest.raises(PayloadValueError, match=r"it\.name holds a NUL character"):
        signature_of(Sly).encode((Sly(name="x"),), {})


def test_an_overlong_integer_that_a_serializer_writes_is_found_in_the_text() -> None:
    class Sly(BaseModel):
        n: int

        @field_serializer("n")
        def spoil(self, n: int) -> int:
            return n * 10**5000

    with pytest.raises(PayloadValueError, match=r"it\.n is an integer of over 4300 digits"):
        signature_of(Sly).encode((Sly(n=-1),), {})


def test_the_longest_integer_that_python_reads_is_accepted() -> None:
    found = signature_of(Any)
    value = {"digits": "9" * 5000, "n": 10**4300 - 1}

    assert {"it": value} == found.decode(found.encode((value,), {}))


def test_an_iterator_is_stored_as_a_list() -> None:
    assert '{"it":[1,2]}' == signature_of(Any).encode((iter([1, 2]),), {})


def test_encode_many_names_the_item_with_the_value() -> None:
    with pytest.raises(PayloadValueError, match=r"^item 1: cannot send 'welcome': it holds a NUL"):
        signature_of(str).encode_many([("a",), ("\0",)])
