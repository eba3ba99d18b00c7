"""What a drain has done."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from howdah._db.record import JobRecord
from howdah._model.states import JobState


@dataclass(frozen=True, slots=True)
class Drained:
    """What a drain has done.

    Attributes:
        jobs: Every job of which an attempt ran, as it was afterwards, in the order of their first
            attempts.
        attempts: How many attempts ran; a job may have had several.
    """

    jobs: tuple[JobRecord, ...] = ()
    attempts: int = 0

    @property
    def completed(self) -> int:
        """How many of the jobs are completed."""
        return self.count(JobState.COMPLETED)

    @property
    def failed(self) -> int:
        """How many of the jobs have failed for good."""
        return self.count(JobState.FAILED)

    @property
    def retrying(self) -> int:
        """How many of the jobs will run again later."""
        return self.count(JobState.RETRY)

    def count(self, state: JobState) -> int:
        """How many of the jobs are in a state."""
        return sum(job.state is state for job in self.jobs)

    def __str__(self) -> str:
        states = Counter(job.state.value for job in self.jobs)
        counts = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        return f"{self.attempts} attempts of {len(self.jobs)} jobs: {counts or 'none'}"
