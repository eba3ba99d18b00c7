"""What a schedule is, and which of its ticks are sent when some were missed."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from howdah._model.cron import Timing
from howdah.errors import UsageError

Overlap = Literal["allow", "skip"]
CatchUp = Literal["none", "last", "all"]

# A tick that is no older is merely late, and is sent whatever the policy: a busy moment or the
# restart of a worker is no outage.
LATE = timedelta(seconds=10)
DEFAULT_CATCH_UP_LIMIT = 100
MAX_CATCH_UP_LIMIT = 10_000
MAX_NAME = 200
_SECOND = timedelta(seconds=1)
_FIRST_WINDOW = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Policy:
    """What becomes of ticks that come while a job still runs, or while no worker was there.

    Attributes:
        overlap: Whether a tick is sent while the job of an earlier one has not finished.
        catch_up: Which missed ticks are sent: none, the last, or all.
        catch_up_limit: Of all, at most so many of the newest.
        jitter: Each job starts up to so many seconds after its tick.

    Raises:
        UsageError: A value is none of these.
    """

    overlap: Overlap = "allow"
    catch_up: CatchUp = "last"
    catch_up_limit: int = DEFAULT_CATCH_UP_LIMIT
    jitter: float = 0.0

    def __post_init__(self) -> None:
        _check_choice("overlap", self.overlap, get_args(Overlap))
        _check_choice("catch_up", self.catch_up, get_args(CatchUp))
        limit: object = self.catch_up_limit
        if type(limit) is not int or not 1 <= limit <= MAX_CATCH_UP_LIMIT:
            raise UsageError(
                f"cannot use catch_up_limit={limit!r}: it must be a whole number from 1 to"
                f" {MAX_CATCH_UP_LIMIT:,}"
            )


@dataclass(frozen=True, slots=True)
class Definition:
    """A schedule as somebody defined it, ready to be stored.

    Attributes:
        args: The encoded arguments of each job.
        options: The options of each job, as `howdah.send` takes them.
        is_paused: Whether it is paused with that. If not, it is as before.
    """

    name: str
    task: str
    queue: str
    args: str
    options: dict[str, Any]
    timing: Timing
    policy: Policy
    is_paused: bool = False

    def __post_init__(self) -> None:
        name: object = self.name
        if not isinstance(name, str) or not 1 <= len(name) <= MAX_NAME or not name.isprintable():
            raise UsageError(
                f"cannot use {name!r} as the name of a schedule: it must have 1 to {MAX_NAME}"
                " characters that can be printed"
            )

    def to_mapping(self, moment: datetime) -> dict[str, Any]:
        """The schedule as it is stored, first due after `moment`."""
        next_at = self.timing.next_after(moment)
        return {
            "name": self.name,
            "task": self.task,
            "queue": self.queue,
            "args": json.loads(self.args),
            "options": self.options,
            "cron": self.timing.cron,
            "every": self.timing.every,
            "tz": self.timing.tz,
            "jitter": self.policy.jitter,
            "overlap": self.policy.overlap,
            "catch_up": self.policy.catch_up,
            "catch_up_limit": self.policy.catch_up_limit,
            "is_paused": self.is_paused,
            "next_at": None if next_at is None else int(next_at.timestamp()),
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done with a schedule that is due: the ticks to send, and when it is due again."""

    ticks: tuple[datetime, ...]
    next_at: datetime | None


def plan(
    timing: Timing,
    *,
    first: datetime,
    now: datetime,
    catch_up: str,
    limit: int = DEFAULT_CATCH_UP_LIMIT,
) -> Plan:
    """Decide which due ticks are sent.

    Late ones always are. Of those missed, `catch_up` says: none; the last, if no late one stands
    for it; or all, at most `limit` of the newest.

    Args:
        timing: When the schedule is due.
        first: The earliest tick that was neither sent nor dropped; not after `now`.
        now: The database's time.
        catch_up: The policy.
        limit: What `all` means at most.
    """
    late_from = (now - LATE).replace(microsecond=0)
    late: list[datetime] = []
    # Each tick is computed from the one before, and the walk ends at the next that is to come: it
    # is not computed a second time from `now`, since that is most of what a plan costs.
    tick = first if first >= late_from else timing.next_after(late_from - _SECOND)
    while tick is not None and tick <= now:
        late.append(tick)
        tick = timing.next_after(tick)
    wanted = {"none": 0, "last": 0 if late else 1, "all": limit}[catch_up]
    missed = _newest(timing, first, late_from, wanted)
    return Plan((*missed, *late), tick)


def _between(timing: Timing, first: datetime, start: datetime, end: datetime) -> Iterator[datetime]:
    """The ticks from `start`, but not before `first`, up to and with `end`."""
    tick = first if first >= start else timing.next_after(start - _SECOND)
    while tick is not None and tick <= end:
        yield tick
        tick = timing.next_after(tick)


def _newest(timing: Timing, first: datetime, before: datetime, count: int) -> tuple[datetime, ...]:
    """The last `count` ticks before a moment, but none before `first`.

    Looks back ever further, so that a month of missed seconds is not walked for one of them.
    """
    window = _FIRST_WINDOW
    end = before - _SECOND
    if not count or first > end:
        return ()
    while True:
        start = max(first, end - window)
        found = deque(_between(timing, first, start, end), maxlen=count)
        if len(found) == count or start == first:
            return tuple(found)
        window *= 4


def _check_choice(what: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise UsageError(
            f"cannot use {what}={value!r}: it is {', '.join(choices[:-1])} or {choices[-1]}"
        )
