"""Whatever is encoded is stored as JSON and arrives equal; whatever is refused is refused early."""

from __future__ import annotations

import dataclasses
import enum
import json
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from howdah._model.json_limits import MAX_DEPTH
from howdah._model.payload import Signature
from howdah.errors import PayloadError, ResultError

JSON_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
FINITE = st.floats(allow_nan=False, allow_infinity=False)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | FINITE | JSON_TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(JSON_TEXT, inner),
    max_leaves=20,
)
ANY_VALUES = st.recursive(
    st.none() | st.integers() | st.floats() | st.text() | st.binary() | st.decimals(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=20,
)


class Context:
    """Stands for the worker's context."""


class Colour(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


class Address(BaseModel):
    street: str
    number: int | None = None
    tags: dict[str, list[str]] = {}


@dataclasses.dataclass
class Point:
    x: int
    y: Decimal


# Not on the first and last day of time, of which another zone knows nothing.
WITH_ZONE = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=st.timezones()).map(
    lambda at: at.astimezone()
)
SUPPORTED: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (str, JSON_TEXT),
    (int, st.integers()),
    (bool, st.booleans()),
    (float, FINITE),
    (UUID, st.uuids()),
    (Decimal, st.decimals(allow_nan=False, allow_infinity=False)),
    (date, st.dates()),
    (time, st.times()),
    (datetime, st.datetimes()),
    (datetime, WITH_ZONE),
    (timedelta, st.timedeltas()),
    (bytes, JSON_TEXT.map(str.encode)),
    (Colour, st.sampled_from(Colour)),
    (Point, st.builds(Point, st.integers(), st.decimals(allow_nan=False, allow_infinity=False))),
    (
        Address,
        st.builds(
            Address,
            street=JSON_TEXT,
            number=st.none() | st.integers(),
            tags=st.dictionaries(JSON_TEXT, st.lists(JSON_TEXT)),
        ),
    ),
    (int | str | None, st.none() | st.integers() | JSON_TEXT),
    (tuple[int, str], st.tuples(st.integers(), JSON_TEXT)),
    (set[UUID], st.sets(st.uuids())),
    (dict[int, list[date]], st.dictionaries(st.integers(), st.lists(st.dates()))),
    (Any, JSON_VALUES),
]


def signature_of(hint: Any) -> Signature:
    def handle(it: Any) -> Any: ...

    handle.__annotations__ = {"it": hint, "return": hint}
    return Signature.of(handle, name="handle", context_type=Context)


def refuse_constant(name: str) -> None:
    raise AssertionError(f"the text holds {name}")


def levels_of(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value
    return 1 + max(map(levels_of, inner), default=0) if isinstance(value, dict | list) else 0


def check_storable(text: str) -> None:
    document = json.loads(text, parse_constant=refuse_constant)
    again = json.dumps(document, ensure_ascii=False)
    again.encode()

    assert "\\u0000" not in again.replace("\\\\", "")
    assert levels_of(document) <= MAX_DEPTH
    # Lists of documents travel joined by this character.
    assert "\x1e" not in text


@pytest.mark.parametrize(("hint", "values"), SUPPORTED, ids=lambda it: str(it)[:30])
def test_what_is_encoded_arrives_equal(hint: Any, values: st.SearchStrategy[Any]) -> None:
    found = signature_of(hint)

    @settings(max_examples=50)
    @given(values)
    def arrives_equal(value: Any) -> None:
        text = found.encode((value,), {})
        check_storable(text)
        assert {"it": value} == found.decode(text)
        result = found.encode_result(value)
        assert value == found.decode_result(result)

    arrives_equal()


@settings(max_examples=300)
@given(ANY_VALUES)
def test_any_value_is_either_storable_or_refused(value: Any) -> None:
    found = signature_of(Any)
    verbs: list[tuple[Callable[[Any], str | None], type[Exception]]] = [
        (lambda it: found.encode((it,), {}), PayloadError),
        (found.encode_result, ResultError),
    ]
    for encode, refusal in verbs:
        try:
            text = encode(value)
        except refusal:
            continue
        if text is not None:
            check_storable(text)


@settings(max_examples=200)
@given(st.text())
def test_any_text_is_either_decoded_or_refused(text: str) -> None:
    found = signature_of(int)

    try:
        arguments = found.decode(text)
    except PayloadError:
        return

    assert ["it"] == list(arguments)


@settings(max_examples=300)
@given(st.lists(ANY_VALUES, min_size=1, max_size=3), st.sampled_from([Any, str, float | None, int]))
def test_many_are_encoded_and_refused_as_each_would_be(values: list[Any], hint: Any) -> None:
    found = signature_of(hint)
    try:
        each = [found.encode((value,), {}) for value in values]
    except PayloadError as refusal:
        with pytest.raises(type(refusal)):
            found.encode_many([(value,) for value in values])
    else:
        assert each == found.encode_many([(value,) for value in values])
