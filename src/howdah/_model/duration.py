"""Durations: a timedelta or a number of seconds, checked where they enter."""

from __future__ import annotations

import math
from datetime import timedelta

from howdah.errors import UsageError

Duration = timedelta | float

# More is a mistake in the unit, and far enough would not fit a timestamp.
MAX_DAYS = 36_500


def spoken(duration: timedelta) -> str:
    """A duration in the unit that says it shortest: `45 s`, `1.5 min`, `2 h`."""
    seconds = duration.total_seconds()
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if abs(seconds) >= size:
            return f"{seconds / size:.6g} {unit}"
    return f"{seconds:.6g} s"


def seconds_of(duration: object, *, what: str, zero: bool = True) -> float:
    """Turn a duration into seconds.

    Args:
        duration: What the user gave.
        what: Its name, for errors.
        zero: Whether no time at all makes sense.

    Raises:
        UsageError: It is no duration, negative, or over 100 years.
    """
    if isinstance(duration, timedelta):
        seconds = duration.total_seconds()
    elif isinstance(duration, int | float) and not isinstance(duration, bool):
        seconds = float(duration) if abs(duration) < 1e300 else math.inf
    else:
        raise UsageError(
            f"cannot use {what}={duration!r}: it must be a timedelta or a number of seconds"
        )
    if not (0 <= seconds <= MAX_DAYS * 86_400):
        raise UsageError(
            f"cannot use {what}={duration!r}: it must lie between 0 seconds and {MAX_DAYS:,} days"
        )
    if seconds == 0 and not zero:
        raise UsageError(f"cannot use {what}={duration!r}: it must be over 0 seconds")
    return seconds
