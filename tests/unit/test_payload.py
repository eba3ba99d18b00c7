"""The arguments of a job: what fits a signature, and what comes back."""

from __future__ import annotations

import dataclasses
import enum
import functools
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import pytest
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, computed_field

from howdah._model.payload import Signature
from howdah.errors import (
    PayloadMismatchError,
    PayloadTooLargeError,
    PayloadValueError,
    UsageError,
)


class Context:
    """Stands for the worker's context."""


class Colour(enum.Enum):
    RED = "red"


class Address(BaseModel):
    street: str
    tags: list[str] = []


@dataclasses.dataclass
class Point:
    x: int
    y: int


def signature(fn: Any, **options: Any) -> Signature:
    return Signature.of(fn, name="welcome", context_type=Context, **options)


async def welcome(email: str, first_name: str = "friend", *, count: int = 1) -> str:
    return email


def test_arguments_are_stored_by_name_whether_given_by_position_or_by_name() -> None:
    text = signature(welcome).encode(("a@x.org",), {"first_name": "Ann", "count": 2})

    assert text == '{"email":"a@x.org","first_name":"Ann","count":2}'


def test_an_absent_argument_stays_absent_so_that_the_default_applies_in_the_worker() -> None:
    found = signature(welcome)

    assert {"email": "a@x.org"} == found.decode(found.encode(("a@x.org",), {}))


@pytest.mark.parametrize(
    ("args", "kwargs", "problem"),
    [
        ((), {}, "email is missing"),
        (("a",), {"email": "b"}, "email is given twice, by position and by name"),
        (("a", "b", 3), {}, "3 arguments are given by position and 2 can be taken"),
        (("a",), {"frist_name": "b"}, "frist_name is not a parameter, did you mean 'first_name'?"),
        (("a",), {"zip_code": "b"}, "zip_code is not a parameter"),
        (("a",), {"count": "many"}, "count: input should be a valid integer, unable to parse"),
    ],
)
def test_a_call_that_does_not_fit_says_what_is_wrong(
    args: tuple[Any, ...], kwargs: dict[str, Any], problem: str
) -> None:
    with pytest.raises(PayloadMismatchError) as caught:
        signature(welcome).encode(args, kwargs)

    assert caught.value.problems[0].startswith(problem)


def test_every_problem_is_named_together_with_the_task_and_its_parameters() -> None:
    with pytest.raises(PayloadMismatchError) as caught:
        signature(welcome).encode((), {"count": "x", "other": 1})

    assert 3 == len(caught.value.problems)
    assert str(caught.value).startswith("cannot send 'welcome': email is missing; count: input")
    assert str(caught.value).endswith(
        "its parameters are (email: str, first_name: str = ..., count: int = ...)"
    )


def test_the_path_of_a_misfit_reaches_into_models() -> None:
    def move(to: Address) -> None: ...

    with pytest.raises(PayloadMismatchError) as caught:
        signature(move).encode(({"street": "High St", "tags": ["a", 2]},), {})

    assert caught.value.problems == ("to.tags[1]: input should be a valid string",)


def test_values_of_rich_types_arrive_as_they_were_sent() -> None:
    def handle(
        key: UUID, at: datetime, on: date, price: Decimal, colour: Colour, to: Address,
        where: Point, unique: set[int], by_number: dict[int, str], blob: bytes, wait: timedelta,
    ) -> None: ...  # fmt: skip

    found = signature(handle)
    arguments = {
        "key": UUID(int=7),
        "at": datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC),
        "on": date(2026, 1, 2),
        "price": Decimal("1.10"),
        "colour": Colour.RED,
        "to": Address(street="High St"),
        "where": Point(1, 2),
        "unique": {1, 2},
        "by_number": {1: "one"},
        "blob": b"text",
        "wait": timedelta(microseconds=1),
    }

    assert arguments == found.decode(found.encode((), arguments))


def test_a_naive_datetime_is_a_value_like_any_other() -> None:
    def handle(at: datetime) -> None: ...

    found = signature(handle)

    assert {"at": datetime(2026, 1, 2)} == found.decode(found.encode((datetime(2026, 1, 2),), {}))


def test_a_model_with_aliases_and_computed_fields_arrives_whole() -> None:
    class Order(BaseModel):
        model_config = ConfigDict(extra="forbid", serialize_by_alias=True)
        number: int = Field(alias="orderNumber")
        city: str = Field(validation_alias=AliasChoices("town", "place"))
        note: str = Field(serialization_alias="remark")

        @computed_field  # type: ignore[prop-decorator]
        @property
        def label(self) -> str:
            return f"#{self.number}"

    def handle(order: Order) -> None: ...

    found = signature(handle, local_names=locals())
    order = Order(orderNumber=1, town="Bern", note="x")  # type: ignore[call-arg]

    assert {"order": order} == found.decode(found.encode((order,), {}))


def test_decode_takes_the_aliases_that_other_languages_send() -> None:
    class Order(BaseModel):
        number: int = Field(alias="orderNumber")

    def handle(order: Order) -> None: ...

    found = signature(handle, local_names=locals())

    assert 5 == found.decode('{"order": {"orderNumber": 5}}')["order"].number


def test_constraints_of_an_annotation_are_checked_at_send() -> None:
    def handle(count: Annotated[int, Field(gt=0)]) -> None: ...

    with pytest.raises(PayloadMismatchError, match="count: input should be greater than 0"):
        signature(handle).encode((0,), {})


def test_in_an_untyped_place_values_arrive_as_json_has_them() -> None:
    def handle(anything) -> None: ...  # type: ignore[no-untyped-def]

    found = signature(handle)
    text = found.encode(({1: {"at": date(2026, 1, 2)}, "them": (1, 2)},), {})

    assert {"anything": {"1": {"at": "2026-01-02"}, "them": [1, 2]}} == found.decode(text)


def test_a_type_that_cannot_read_what_it_writes_is_refused_at_send() -> None:
    def handle(grid: dict[tuple[int, int], str]) -> None: ...

    with pytest.raises(PayloadValueError, match="when it is read back") as caught:
        signature(handle).encode(({(1, 2): "x"},), {})

    assert "grid['1,2']" == caught.value.path


def test_encode_many_takes_tuples_and_mappings_alike() -> None:
    texts = signature(welcome).encode_many([("a",), ("b", "B"), {"email": "c"}])

    assert ['{"email":"a"}', '{"email":"b","first_name":"B"}', '{"email":"c"}'] == texts


@pytest.mark.parametrize(
    "item", [("a", "b", "c"), {"mail": "a"}, "ab", ["a"], 7, (1, "a"), {"email": "a", "count": "x"}]
)
def test_encode_many_names_the_item_that_does_not_fit(item: Any) -> None:
    with pytest.raises(PayloadMismatchError, match=r"^item 1: cannot send 'welcome': "):
        signature(welcome).encode_many([("fits",), item])


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"email": 1}', '{"email": "a", "b": 1}', "{}", "[" * 20_000],
)
def test_decode_refuses_what_does_not_fit(text: str) -> None:
    with pytest.raises(PayloadMismatchError, match=r"^cannot run 'welcome': "):
        signature(welcome).decode(text)


def test_arguments_over_the_limit_are_refused_with_both_sizes() -> None:
    with pytest.raises(PayloadTooLargeError) as caught:
        signature(welcome, limit=20).encode(("x" * 10,), {})

    assert (22, 20) == (caught.value.size, caught.value.limit)


def test_the_limit_counts_bytes_and_not_characters() -> None:
    found = signature(welcome, limit=20)

    assert '{"email":"abcdefgh"}' == found.encode(("abcdefgh",), {})
    with pytest.raises(PayloadTooLargeError):
        found.encode(("äbcdefgh",), {})


def test_the_context_is_found_by_its_annotation_and_is_no_argument() -> None:
    def handle(file_id: int, ctx: Context | None, size: int) -> None: ...

    found = signature(handle)

    assert "ctx" == found.context
    assert '{"file_id":1,"size":2}' == found.encode((1, 2), {})


def test_an_annotated_context_is_found() -> None:
    def handle(ctx: Annotated[Context, "mine"], size: int) -> None: ...

    assert "ctx" == signature(handle).context


def test_a_context_cannot_be_sent() -> None:
    def handle(ctx: Context, file_id: int) -> None: ...

    with pytest.raises(PayloadMismatchError, match="ctx is not a parameter"):
        signature(handle).encode((), {"ctx": 1, "file_id": 1})


def test_a_context_imported_for_type_checkers_only_is_found() -> None:
    namespace: dict[str, Any] = {}
    exec("def handle(ctx: 'Context', n: int) -> None: ...", namespace)

    assert "ctx" == signature(namespace["handle"]).context


def test_a_class_in_the_closure_of_the_handler_is_found() -> None:
    class Local(BaseModel):
        n: int

    def handle(it: Local) -> Local:
        return Local(n=it.n)

    found = signature(handle)

    assert {"it": Local(n=1)} == found.decode(found.encode((Local(n=1),), {}))


def test_a_wrapped_handler_is_read_through_its_wrapper() -> None:
    elsewhere: dict[str, Any] = {}
    exec("def wrapped(*args, **kwargs): ...", elsewhere)

    def move(to: Address) -> None: ...

    wrapped = functools.wraps(move)(elsewhere["wrapped"])

    assert "(to: Address)" == str(signature(wrapped))


def test_a_partial_and_an_object_with_call_are_read_as_functions() -> None:
    class Welcome:
        def __call__(self, email: str, ctx: Context) -> None: ...

    assert "(email: str)" == str(signature(Welcome()))
    assert "(first_name: str = ..., count: int = ...)" == str(
        signature(functools.partial(welcome, "a@x.org"))
    )


def test_a_name_that_the_closure_has_not_bound_yet_is_no_obstacle() -> None:
    def handle(email: str) -> str:
        return later + email

    found = signature(handle)
    later = "x"

    assert "(email: str)" == str(found)


# fmt: off
def _takes_args(*args: int) -> None: ...
def _takes_kwargs(**kwargs: int) -> None: ...
def _takes_positional(a: int, /) -> None: ...
def _takes_two_contexts(a: Context, b: Context) -> None: ...
def _yields() -> Any:
    yield 1
def _takes_the_unknown(a: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821
def _takes_nonsense(a: "1 +") -> None: ...  # type: ignore[valid-type]  # noqa: F722
def _takes_a_lock(a: Lock) -> None: ...
def _returns_a_lock() -> Lock: ...  # type: ignore[empty-body]
def _takes_the_unfinished(a: Unfinished) -> None: ...
# fmt: on


class Lock:
    """A class that pydantic knows nothing about."""


class Unfinished(BaseModel):
    part: Nowhere  # type: ignore[name-defined]  # noqa: F821


@pytest.mark.parametrize(
    ("handler", "reason"),
    [
        (_takes_args, "it takes *args: every argument is stored under a name"),
        (_takes_kwargs, "it takes **kwargs: name the parameters, or take one dict"),
        (_takes_positional, "it takes a, positional-only: remove the '/'"),
        (_takes_two_contexts, "'a' and 'b' are both annotated Context; keep one"),
        (_yields, "it has a `yield`"),
        (_takes_the_unknown, "an annotation names 'Nowhere', which does not exist"),
        (_takes_nonsense, "an annotation cannot be read: "),
        (_takes_a_lock, "parameter 'a' is annotated Lock, which has no JSON form"),
        (_takes_the_unfinished, "parameter 'a' is annotated Unfinished, which has no JSON form"),
        (_returns_a_lock, "its result is annotated Lock, which has no JSON form"),
    ],
)
def test_a_handler_that_cannot_be_a_task_is_refused_with_the_reason(
    handler: Any, reason: str
) -> None:
    with pytest.raises(UsageError) as caught:
        signature(handler)

    assert str(caught.value).startswith(f"cannot make a task of 'welcome': {reason}")


def test_an_error_does_not_show_the_values_it_is_about() -> None:
    with pytest.raises(PayloadMismatchError) as caught:
        signature(welcome).encode((), {"count": "my password"})

    assert "my password" not in f"{caught.value} {caught.value.__cause__}"
