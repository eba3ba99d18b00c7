"""What a handler returned: stored as it is, read back as the type it declares."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

import pytest
from pydantic import BaseModel, SecretStr

from howdah._model.payload import Signature
from howdah.errors import ResultError


class Context:
    """Stands for the worker's context."""


class Receipt(BaseModel):
    number: int
    lines: list[str] = []


def signature_of(hint: Any, *, limit: int = 1000) -> Signature:
    def handle() -> Any: ...

    handle.__annotations__["return"] = hint
    return Signature.of(handle, name="charge", context_type=Context, limit=limit)


@pytest.mark.parametrize(
    ("hint", "value"),
    [(Receipt, Receipt(number=1)), (list[Receipt], [Receipt(number=1)]), (str, "ä"), (Any, [1])],
)
def test_a_result_comes_back_as_the_type_the_handler_declares(hint: Any, value: Any) -> None:
    found = signature_of(hint)

    assert value == found.decode_result(found.encode_result(value))


def test_none_is_stored_as_nothing() -> None:
    found = signature_of(None)

    assert found.encode_result(None) is None
    assert found.decode_result(None) is None


def test_a_handler_that_declares_nothing_may_return_anything() -> None:
    def handle():  # type: ignore[no-untyped-def]
        ...

    found = Signature.of(handle, name="charge", context_type=Context)

    assert [1, {"a": "b"}] == found.decode_result(found.encode_result((1, {"a": "b"})))


def test_a_handler_that_never_returns_is_no_obstacle() -> None:
    assert "1" == signature_of(NoReturn).encode_result(1)


def test_a_result_that_breaks_its_annotation_is_stored_all_the_same() -> None:
    assert '{"number":1,"lines":[]}' == signature_of(str).encode_result(Receipt(number=1))


def test_reading_such_a_result_says_what_does_not_fit() -> None:
    with pytest.raises(ResultError, match="'charge' as the type it declares: number is missing"):
        signature_of(Receipt).decode_result('{"lines": []}')


def _failing() -> Iterator[int]:
    yield 1
    raise KeyError("boom")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (object(), "result is of type object, which has no JSON form"),
        ({"a": [float("nan")]}, r"result\.a\[0\] is nan"),
        ("\0", "result holds a NUL character"),
        ("\ud800", "result holds a lone surrogate"),
        (b"\xff", "result holds bytes that are not UTF-8"),
        ([SecretStr("x")], r"result\[0\] is a secret"),
        (_failing(), "result has no JSON form: .*KeyError"),
        ("x" * 999, "it has 1,001 bytes and 1,000 are allowed"),
    ],
)
def test_a_result_that_cannot_be_stored_is_refused_with_the_reason(value: Any, reason: str) -> None:
    with pytest.raises(ResultError, match=f"^cannot store what task 'charge' returned: {reason}"):
        signature_of(Any).encode_result(value)


def test_a_result_nested_too_deep_is_refused() -> None:
    value: list[Any] = []
    for _ in range(20_000):
        value = [value]

    with pytest.raises(ResultError, match="is nested deeper than 100 levels"):
        signature_of(Any).encode_result(value)
