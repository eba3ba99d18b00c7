"""Which sends are one job: those of a window of time, or those that come while a job waits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from howdah._model.duration import seconds_of
from howdah.errors import UsageError

#: What `replace` may name, and what `jobs.update` may change.
CHANGEABLE = (
    "args",
    "priority",
    "start_after",
    "retry",
    "expire_in",
    "tags",
    "retention",
    "deadline",
)


@dataclass(frozen=True, slots=True)
class Throttle:
    """At most one job of a task and key in each window of time.

    Windows are counted from 1970: with 60 seconds, each begins with a minute. The job counts for
    its window also when it has finished.

    Attributes:
        per: How long a window is; a timedelta or seconds.
        next_slot: Whether a send that comes too early makes a job for the next window, unless
            that has one, instead of none.

    Raises:
        UsageError: A value is out of range.
    """

    per: timedelta | float
    next_slot: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "per", seconds_of(self.per, what="throttle", zero=False))
        if not isinstance(self.next_slot, bool):
            raise UsageError(
                f"cannot use Throttle(next_slot={self.next_slot!r}): it must be True or False"
            )

    def to_mapping(self) -> dict[str, Any]:
        """As `howdah.send` takes it."""
        return {"per": self.per, "next_slot": True} if self.next_slot else {"per": self.per}


@dataclass(frozen=True, slots=True)
class Debounce:
    """One job for sends of a task and key that follow each other closely, with the last arguments.

    While the job waits, each send gives it its arguments and puts it off.

    Attributes:
        wait: It starts so long after the last send; a timedelta or seconds.
        max_wait: But at most so long after the first one.

    Raises:
        UsageError: A value is out of range.
    """

    wait: timedelta | float
    max_wait: timedelta | float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "wait", seconds_of(self.wait, what="debounce", zero=False))
        if self.max_wait is None:
            return
        longest = seconds_of(self.max_wait, what="Debounce max_wait")
        if longest < seconds_of(self.wait, what="debounce"):
            raise UsageError(
                f"cannot use Debounce(max_wait={self.max_wait!r}): it must be no shorter than wait"
            )
        object.__setattr__(self, "max_wait", longest)

    def to_mapping(self) -> dict[str, Any]:
        """As `howdah.send` takes it."""
        found: dict[str, Any] = {"wait": self.wait}
        return found if self.max_wait is None else {**found, "max_wait": self.max_wait}


def throttle_of(value: object) -> Throttle:
    """A throttle as it was given: whole, or just its window.

    Raises:
        UsageError: It is neither.
    """
    return value if isinstance(value, Throttle) else Throttle(seconds_of(value, what="throttle"))


def debounce_of(value: object) -> Debounce:
    """A debounce as it was given: whole, or just its wait.

    Raises:
        UsageError: It is neither.
    """
    return value if isinstance(value, Debounce) else Debounce(seconds_of(value, what="debounce"))


def checked_fields(fields: object) -> tuple[str, ...]:
    """The names given as `replace`.

    Raises:
        UsageError: They are no names, or name what cannot be replaced.
    """
    if isinstance(fields, str) or not isinstance(fields, Iterable):
        raise UsageError(f"cannot use replace={fields!r}: it must be a list of names")
    found = tuple(fields)
    for name in found:
        if name not in CHANGEABLE:
            raise UsageError(
                f"cannot use replace={list(found)!r}: {name!r} cannot be replaced, only"
                f" {', '.join(CHANGEABLE)}"
            )
    if not found:
        raise UsageError(f"cannot use replace={fields!r}: name what is to be replaced")
    return found
