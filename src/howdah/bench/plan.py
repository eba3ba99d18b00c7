"""How a benchmark is run, and how it says how far it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from howdah.errors import UsageError


@dataclass(frozen=True, slots=True)
class Plan:
    """How a benchmark is run.

    Attributes:
        n: Jobs; what is counted is said by each workload.
        rounds: Laps of either side.
        cycles: Laps of the workloads that only watch how speed changes.
        processes: Child processes of the worker.
        notifications: Whether the worker listens, or only polls.
        limit: The jobs have a limit of so many at once.
        rate: The jobs have a rate of so many in a second.
        keys: The jobs have so many keys, which claims go round.
    """

    n: int
    rounds: int
    cycles: int = 8
    processes: int = 1
    notifications: bool = True
    limit: int | None = None
    rate: int | None = None
    keys: int | None = None

    def __post_init__(self) -> None:
        for name in ("n", "rounds", "cycles", "processes"):
            if getattr(self, name) < 1:
                raise UsageError(f"cannot measure with {name}={getattr(self, name)}: at least 1")
        if sum(one is not None for one in (self.limit, self.rate, self.keys)) > 1:
            raise UsageError("cannot measure a limit, a rate and keys at once: choose one")

    @property
    def share(self) -> int:
        """Jobs in each lap, where a workload divides them."""
        return max(1, self.n // self.rounds)


class Progress(Protocol):
    """Hears how far a benchmark is."""

    def begin(self, what: str, total: int) -> None:
        """A part begins that has so many steps."""

    def advance(self, steps: int = 1) -> None:
        """So many more steps are done."""


class Silence:
    """Tells nobody."""

    def begin(self, what: str, total: int) -> None:
        """As `Progress.begin`."""

    def advance(self, steps: int = 1) -> None:
        """As `Progress.advance`."""
