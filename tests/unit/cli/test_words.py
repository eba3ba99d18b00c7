"""What people type: durations, moments, arguments."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from howdah.cli import words
from howdah.errors import NaiveDatetimeError, UsageError


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90", 90), ("1.5", 1.5), ("250ms", 0.25), ("10 m", 600), ("2h", 7_200), ("1d", 86_400)],
)
def test_durations_have_units(text: str, expected: float) -> None:
    assert expected == words.seconds(text)


@pytest.mark.parametrize("text", ["", "soon", "-5", "5 parsecs", "1h30"])
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="such as 90s"):
        words.seconds(text)


def test_a_moment_has_a_time_zone() -> None:
    assert datetime(2026, 1, 31, 8, tzinfo=UTC) == words.moment("2026-01-31T08:00Z")


def test_a_moment_without_a_time_zone_is_refused() -> None:
    with pytest.raises(NaiveDatetimeError, match="write 2026-01-31T08:00Z for UTC"):
        words.moment("2026-01-31T08:00")


def test_values_are_read_as_json_where_they_are_json() -> None:
    said = ["n=1", "name=Ann", "tags=[1, 2]", "flag=true", "empty=", "equation=a=b"]

    assert {
        "n": 1,
        "name": "Ann",
        "tags": [1, 2],
        "flag": True,
        "empty": "",
        "equation": "a=b",
    } == words.arguments(said)


def test_one_json_object_is_taken_as_it_is() -> None:
    assert {"a": {"b": None}} == words.arguments(['{"a": {"b": null}}'])


def test_every_value_can_be_taken_as_text() -> None:
    assert {"zip": "01234", "n": "1"} == words.texts(["zip=01234", "n=1"])


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        (["ann@example.com"], "write name=value"),
        (["a b=1"], "write name=value"),
        (["a=1", "a=2"], "'a' is given twice"),
        (['{"a": '], "as a JSON object"),
        (["{" * 100_000], "as a JSON object"),
    ],
)
def test_what_cannot_be_read_is_refused(said: list[str], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        words.arguments(said)
