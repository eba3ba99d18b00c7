"""How a worker works, as one value that can be handed to a child process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from howdah.errors import UsageError

LOWEST, HIGHEST = -32_768, 32_767


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """How a worker works. Durations are seconds.

    Attributes:
        queues: Which queues, with their weights: a queue of weight 3 is looked at first three
            times as often as one of weight 1. Empty means every queue the app's tasks name.
        concurrency: Handlers at once in one process.
        queue_concurrency: Of these queues at most so many of them.
        min_priority: Only jobs of this priority or a higher one; None for all.
        max_priority: Only jobs of this priority or a lower one; None for all.
        processes: Child processes that execute.
        lease: Without a beat for so long, a worker is taken for dead.
        grace: After a request to stop, running handlers have so long to finish.
        poll: An idle worker looks at least so often, whatever it is told.
        prefetch_max: At most so many jobs are held ready beside those that run.
        notifications: Whether to listen at all.
        crash_limit: So many deaths of its worker fail a job.
        expire_grace: The database ends an attempt that is so much over its time by itself.
        log_days: Lines that handlers logged are kept so many days.
        sample_every: So often it writes what it ran, for `app.stats`.
        sample_days: What queues were like, and what workers warned of, is kept so many days.
        backlog: More claimable jobs of a queue are warned of, unless the queue has its own number.
        slow_query: A statement of a worker that takes so long is warned of.
        clock_skew: Clocks of worker and database that differ by more are warned of.
    """

    queues: dict[str, float] = field(default_factory=dict)
    concurrency: int = 20
    queue_concurrency: dict[str, int] = field(default_factory=dict)
    min_priority: int | None = None
    max_priority: int | None = None
    processes: int = 1
    lease: float = 30.0
    grace: float = 30.0
    poll: float = 1.0
    prefetch_max: int = 1_000
    notifications: bool = True
    crash_limit: int = 3
    expire_grace: float = 10.0
    log_days: int = 14
    sample_every: float = 60.0
    sample_days: int = 14
    backlog: int = 10_000
    slow_query: float = 5.0
    clock_skew: float = 5.0

    def __post_init__(self) -> None:
        for name in ("concurrency", "processes", "crash_limit"):
            if getattr(self, name) < 1:
                raise UsageError(f"cannot work with {name}={getattr(self, name)}: at least 1")
        for name in ("lease", "poll", "sample_every"):
            if not getattr(self, name) > 0:
                raise UsageError(f"cannot work with {name}={getattr(self, name)}: more than 0")
        queues: object = self.queues
        if not isinstance(queues, Mapping):
            raise UsageError(
                f'cannot work with queues={queues!r}: say their weights, as in {{"mail": 3}}'
            )
        for name, weight in self.queues.items():
            if not weight > 0:
                raise UsageError(f"queue {name!r} has weight {weight}: it must be more than 0")
        self._check_priorities()
        for name, most in self.queue_concurrency.items():
            if isinstance(most, bool) or not isinstance(most, int) or most < 1:
                raise UsageError(
                    f"queue {name!r} has concurrency {most!r}: it must be at least 1, and whole"
                )

    def _check_priorities(self) -> None:
        for name in ("min_priority", "max_priority"):
            priority = getattr(self, name)
            if priority is not None and not LOWEST <= priority <= HIGHEST:
                raise UsageError(
                    f"cannot work with {name}={priority}: it must be from {LOWEST} to {HIGHEST}"
                )
        lowest = LOWEST if self.min_priority is None else self.min_priority
        if self.max_priority is not None and lowest > self.max_priority:
            raise UsageError(
                f"cannot work with priorities from {lowest} to {self.max_priority}: there are none"
            )

    def to_json(self) -> str:
        """As text for a child process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> WorkerSettings:
        """Read what `to_json` wrote."""
        return cls(**json.loads(text))


def parse_limits(text: str) -> dict[str, int]:
    """Read `mail=5,reports=1` as it is given on the command line.

    Raises:
        UsageError: A number is none, or a name is empty.
    """
    limits: dict[str, int] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, _, number = part.partition("=")
        if not name or not number.isdecimal():
            raise UsageError(f"cannot read {part!r}: write `name=number`, such as mail=5")
        limits[name] = int(number)
    return limits


def parse_queues(text: str) -> dict[str, float]:
    """Read `mail=3,default` as it is given on the command line.

    Raises:
        UsageError: A weight is no number, or a name is empty.
    """
    queues: dict[str, float] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, _, weight = part.partition("=")
        try:
            queues[name] = float(weight) if weight else 1.0
        except ValueError:
            raise UsageError(
                f"cannot read {part!r}: write queues as `name` or `name=weight`, such as mail=3"
            ) from None
        if not name:
            raise UsageError(f"cannot read {part!r}: a queue needs a name")
    return queues
