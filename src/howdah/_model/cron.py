"""When a schedule is due: cron expressions and intervals, as arithmetic without a clock.

Cron follows cronsim, which follows Debian's cron where clocks change. A fixed time that is skipped
runs once, at the first moment after the gap; one that is repeated runs once, in the first pass; a
star in minutes or hours follows the time that has passed. With six fields (seconds first) every
entry follows the time that has passed.

Every tick is a whole second.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from difflib import get_close_matches
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from howdah._model.duration import seconds_of
from howdah.errors import BadScheduleError

ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
# Any moment serves to see whether an expression ever comes; this one has a leap year ahead.
_EXAMPLE = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Timing:
    """When a schedule is due: by a cron expression in a time zone, or every so many seconds.

    Attributes:
        cron: Five or six fields, or an alias such as `@daily`.
        every: Seconds; counted from 1970 in UTC, so that no restart or edit shifts the ticks.
        tz: The IANA name of the zone whose clock the expression is about.

    Raises:
        BadScheduleError: It says when in both ways or in none, or what it says makes no sense.
    """

    cron: str | None = None
    every: int | None = None
    tz: str = "UTC"

    def __post_init__(self) -> None:
        if (self.cron is None) == (self.every is None):
            raise BadScheduleError(
                "cannot tell when the schedule is due: give a cron expression or an interval,"
                " and not both"
            )
        if self.cron is not None:
            check_cron(self.cron)
        zone(self.tz)

    def next_after(self, moment: datetime) -> datetime | None:
        """The first tick after a moment, in UTC; None when none comes within 50 years."""
        if self.every is not None:
            past = int(moment.timestamp() // self.every)
            return datetime.fromtimestamp((past + 1) * self.every, UTC)
        assert self.cron is not None
        return next_after(self.cron, self.tz, moment)

    def __str__(self) -> str:
        if self.every is not None:
            return f"every {timedelta(seconds=self.every)}"
        return f"{self.cron} ({self.tz})"


def timing_of(
    *, cron: str | None = None, every: timedelta | float | None = None, tz: str = "UTC"
) -> Timing:
    """Make a timing of what a user gave.

    Raises:
        BadScheduleError: The expression, the interval or the zone cannot be used.
    """
    if every is None:
        return Timing(cron, None, tz)
    seconds = seconds_of(every, what="every")
    if seconds < 1 or seconds != int(seconds):
        raise BadScheduleError(
            f"cannot use every={every!r}: an interval has one or more whole seconds"
        )
    return Timing(cron, int(seconds), tz)


def check_cron(expression: str) -> None:
    """Refuse an expression that cannot be read, or that never comes.

    Raises:
        BadScheduleError: With what is wrong.
    """
    if not isinstance(expression, str):
        raise BadScheduleError(
            f"cannot use {expression!r} as a cron expression: it must be text, such as"
            " '0 3 * * *', or a timedelta for an interval"
        )
    if not _ever_comes(expression):
        raise BadScheduleError(
            f"cannot use the cron expression {expression!r}: no day in the next 50 years fits it"
        )


def zone(name: str) -> tzinfo:
    """The time zone of an IANA name.

    Raises:
        BadScheduleError: There is none of that name on this machine.
    """
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError, TypeError) as error:
        near = get_close_matches(str(name), available_timezones(), n=1)
        hint = f"did you mean {near[0]!r}?" if near else "write such as 'Europe/Paris' or 'UTC'"
        raise BadScheduleError(f"there is no time zone {name!r} here: {hint}") from error


def next_after(expression: str, tz: str, moment: datetime) -> datetime | None:
    """The first tick of a cron expression after a moment, in UTC.

    None when none comes within 50 years, as for the 30th of February.

    Raises:
        BadScheduleError: The expression or the zone cannot be used.
    """
    found = _next(expression, tz, int(moment.timestamp() // 1))
    return None if found is None else datetime.fromtimestamp(found, UTC)


@lru_cache(maxsize=16_384)
def _ever_comes(expression: str) -> bool:
    return _next(expression, "UTC", int(_EXAMPLE.timestamp())) is not None


@lru_cache(maxsize=16_384)
def _next(expression: str, tz: str, moment: int) -> int | None:
    """The same in whole seconds since 1970. Thousands of schedules share few expressions."""
    fields = _fields(expression)
    start = datetime.fromtimestamp(moment, UTC).astimezone(zone(tz))
    try:
        # In a repeated hour, and after a gap, cronsim may answer with a moment that is over: a
        # fixed time is looked for on the wall clock, which stood there twice.
        for found in CronSim(fields, start):
            second = int(found.astimezone(UTC).timestamp())
            if second > moment:
                return second
    except (CronSimError, AssertionError, ValueError, TypeError, OverflowError) as error:
        raise BadScheduleError(
            f"cannot use the cron expression {expression!r}: {_what_is_wrong(error, expression)}"
        ) from error
    return None


def _fields(expression: str) -> str:
    said = expression.strip()
    if not said.startswith("@"):
        return said
    if (fields := ALIASES.get(said.lower())) is None:
        raise BadScheduleError(
            f"cannot use the cron expression {expression!r}: the aliases are {', '.join(ALIASES)}"
        )
    return fields


def _what_is_wrong(error: Exception, expression: str) -> str:
    said = str(error)
    if said.startswith("Bad "):
        return f"its {said.removeprefix('Bad ')} field cannot be read, or names no day there is"
    return (
        f"it has {len(expression.split())} fields, and needs five (minute, hour, day of the month,"
        " month, day of the week) or six (with seconds first)"
    )
