"""Reads what people type on a command line: durations, moments, arguments of jobs."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from howdah.errors import NaiveDatetimeError, UsageError

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}
_DURATION = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)?\s*$")


def seconds(text: str | None) -> float | None:
    """Read `90`, `90s`, `10m`, `2h` or `1d` as seconds.

    Raises:
        UsageError: It is none of these.
    """
    if text is None:
        return None
    if not (match := _DURATION.match(text)):
        raise UsageError(
            f"cannot read {text!r} as a duration: write seconds, or such as 90s, 10m, 2h, 1d"
        )
    return float(match[1]) * _UNITS[match[2] or "s"]


def is_duration(text: str) -> bool:
    """Whether `seconds` can read it."""
    return _DURATION.match(text) is not None


def duration(text: str) -> timedelta:
    """Read `90`, `90s`, `10m`, `2h` or `1d`.

    Raises:
        UsageError: It is none of these.
    """
    return timedelta(seconds=seconds(text) or 0)


def moment(text: str | None) -> datetime | None:
    """Read a moment such as `2026-01-31T08:00+01:00`.

    Raises:
        UsageError: It is none.
        NaiveDatetimeError: It has no time zone.
    """
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"cannot read {text!r} as a moment: write such as 2026-01-31T08:00+01:00"
        ) from None
    if found.utcoffset() is None:
        raise NaiveDatetimeError(
            f"{text!r} has no time zone, so it names no moment: write {text}Z for UTC, or"
            f" {text}+01:00"
        )
    return found


def time(text: str | None) -> datetime | float | None:
    """Read a duration such as `2h`, or a moment.

    Raises:
        UsageError: It is neither.
        NaiveDatetimeError: It is a moment without a time zone.
    """
    if text is None or is_duration(text):
        return seconds(text)
    return moment(text)


def past(text: str | None) -> datetime | None:
    """Read a moment, or how long ago one was: `2h`. Raises as `time`."""
    found = time(text)
    if found is None or isinstance(found, datetime):
        return found
    return datetime.now(UTC) - timedelta(seconds=found)


def arguments(words: Sequence[str]) -> dict[str, Any]:
    """Read the arguments of a job: `name=value` words, or one JSON object.

    A value is read as JSON where it is JSON, else taken as text.

    Raises:
        UsageError: A word is neither.
    """
    if len(words) == 1 and words[0].lstrip().startswith("{"):
        return _object(words[0])
    found: dict[str, Any] = {}
    for name, value in _pairs(words):
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def texts(words: Sequence[str]) -> dict[str, Any] | None:
    """The same words with every value taken as text; None where they were one JSON object."""
    if len(words) == 1 and words[0].lstrip().startswith("{"):
        return None
    return dict(_pairs(words))


def _pairs(words: Sequence[str]) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(
                f"cannot read argument {word!r}: write name=value, or one JSON object such as"
                ' \'{"email": "ann@example.com"}\''
            )
        if name in dict(pairs):
            raise UsageError(f"argument {name!r} is given twice")
        pairs.append((name, value))
    return pairs


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"cannot read the arguments as a JSON object: {error}") from error
    assert isinstance(found, dict)
    return found
