"""What is said to many jobs at once, by whoever cleans up: each verb as a query.

A batch is one transaction, all or none. Whoever runs it goes through the jobs by id, so that a
batch that cannot be carried out is never met twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from howdah._db import wire
from howdah._db.query import Query, Row
from howdah._model.states import JobState


@dataclass(frozen=True, slots=True)
class Filter:
    """Which jobs: those that fit everything given."""

    states: tuple[JobState, ...] = ()
    queue: str | None = None
    task: str | None = None
    key: str | None = None

    def params(self) -> dict[str, Any]:
        """As parameters of a statement."""
        return {
            "state": ",".join(self.states) or None,
            "queue": self.queue,
            "task": self.task,
            "key": self.key,
        }


def count(wanted: Filter) -> Query[int]:
    """How many jobs fit."""
    return Query("job/count_found", wanted.params(), lambda rows: int(rows[0][0]))


def find_ids(wanted: Filter, *, after: UUID | None, limit: int) -> Query[list[UUID]]:
    """The next jobs that fit, the oldest first."""
    params = {**wanted.params(), "after": None if after is None else str(after), "limit": limit}
    return Query("job/find_ids", params, lambda rows: [UUID(row[0]) for row in rows])


def cancel(ids: Sequence[UUID], *, reason: str | None = None) -> Query[dict[UUID, JobState]]:
    """Cancel jobs, or ask running ones to stop. Answers with their states."""
    return Query("job/cancel_each", {"ids": wire.array(ids), "reason": reason}, _states)


def retry(ids: Sequence[UUID]) -> Query[dict[UUID, JobState]]:
    """Run finished jobs again. Answers with their states."""
    return Query("job/retry_each", {"ids": wire.array(ids)}, _states)


def _states(rows: Sequence[Row]) -> dict[UUID, JobState]:
    return {UUID(row[0]): JobState(row[1]) for row in rows}
