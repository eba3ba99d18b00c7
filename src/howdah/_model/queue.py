"""What can be said of a queue: what its jobs have by default, its policy, how full it may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal, get_args

from howdah._model.duration import seconds_of
from howdah._model.options import NOTHING, SendOptions
from howdah.errors import UsageError

QueuePolicy = Literal["standard", "short", "singleton", "stately", "exclusive", "key_strict_fifo"]
OnFull = Literal["reject", "drop_oldest", "block"]

MAX_WAITING = 100_000
MAX_NAME = 200
# How long a send to a full queue waits for room when nobody says.
FULL_TIMEOUT = 60.0


@dataclass(frozen=True, slots=True)
class QueueOptions:
    """What can be said of a queue; None says nothing.

    Attributes:
        jobs: What its jobs have unless their task or send says otherwise.
        policy: How many of its jobs there may be at a time, per key.
        dead_letter: The queue that gets a copy of a job that failed.
        max_waiting: So many jobs may wait to be run.
        on_full: What a send does that finds it full.
        full_timeout: How long a send waits for room with `on_full="block"`.
        ageing: To have waited so long counts as much as one more of priority.

    Raises:
        UsageError: A value is none of these, or out of range.
    """

    jobs: SendOptions = field(default=NOTHING)
    policy: QueuePolicy | None = None
    dead_letter: str | None = None
    max_waiting: int | None = None
    on_full: OnFull | None = None
    full_timeout: timedelta | float | None = None
    ageing: timedelta | float | None = None

    def __post_init__(self) -> None:
        if self.policy is not None:
            _check_choice("policy", self.policy, get_args(QueuePolicy))
        if self.on_full is not None:
            _check_choice("on_full", self.on_full, get_args(OnFull))
        if self.dead_letter is not None:
            check_queue_name(self.dead_letter, "a dead letter queue")
        limit: object = self.max_waiting
        if limit is not None and (type(limit) is not int or not 1 <= limit <= MAX_WAITING):
            raise UsageError(
                f"cannot use max_waiting={limit!r}: it must be a whole number from 1 to"
                f" {MAX_WAITING:,}"
            )
        if self.full_timeout is not None:
            seconds_of(self.full_timeout, what="full_timeout")
        if self.ageing is not None:
            seconds_of(self.ageing, what="ageing", zero=False)

    def to_mapping(self) -> dict[str, Any]:
        """The options as they are stored; durations are seconds."""
        said = self.jobs.to_mapping()
        for name in ("policy", "dead_letter", "max_waiting", "on_full"):
            if (value := getattr(self, name)) is not None:
                said[name] = value
        if self.full_timeout is not None:
            said["full_timeout"] = seconds_of(self.full_timeout, what="full_timeout")
        if self.ageing is not None:
            said["ageing"] = seconds_of(self.ageing, what="ageing", zero=False)
        return said

    def shape(self) -> Mapping[str, Any]:
        """What is said of the queue itself, and not of each of its jobs."""
        of_jobs = self.jobs.to_mapping()
        return {name: value for name, value in self.to_mapping().items() if name not in of_jobs}


UNSAID = QueueOptions()


def check_queue_name(name: object, what: str = "the name of a queue") -> None:
    """Refuse what cannot be the name of a queue.

    Raises:
        UsageError: It is no text, empty, too long, or cannot be printed.
    """
    if not isinstance(name, str) or not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise UsageError(
            f"cannot use {name!r} as {what}: it must have 1 to {MAX_NAME} characters that can be"
            " printed"
        )


def _check_choice(what: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise UsageError(
            f"cannot use {what}={value!r}: it is {', '.join(choices[:-1])} or {choices[-1]}"
        )
