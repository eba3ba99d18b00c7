"""What is said to many jobs at once, by whoever cleans up: each verb as a query.

A batch is one transaction, all or none. Whoever runs it goes through the jobs by id, so that a
batch that cannot be carried out is never met twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from howdah._db import wire
from howdah._db.query import Query, Row
from howdah._model.states import LIVE, JobState


@dataclass(frozen=True, slots=True)
class Filter:
    """Which jobs: those that fit everything given."""

    states: tuple[JobState, ...] = ()
    queue: str | None = None
    task: str | None = None
    key: str | None = None

    @property
    def is_live(self) -> bool:
        """Whether only live jobs can fit."""
        return bool(self.states) and LIVE.issuperset(self.states)

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
    statement = "job/count_live" if wanted.is_live else "job/count_found"
    return Query(statement, wanted.params(), lambda rows: int(rows[0][0]))


def find_ids(wanted: Filter, *, before: UUID | None, limit: int) -> Query[list[UUID]]:
    """The next jobs that fit, the newest first."""
    params = {**wanted.params(), "before": None if before is None else str(before), "limit": limit}
    statement = "job/find_live_ids" if wanted.is_live else "job/find_ids"
    return Query(statement, params, lambda rows: [UUID(row[0]) for row in rows])


def cancel(
    ids: Sequence[UUID], *, states: Iterable[JobState], reason: str | None
) -> Query[dict[UUID, JobState]]:
    """Cancel those that are in one of these states, or ask them to stop. Answers with states."""
    params = {"ids": wire.array(ids), "states": ",".join(states), "reason": reason}
    return Query("job/cancel_each", params, _states)


def retry(ids: Sequence[UUID]) -> Query[dict[UUID, JobState]]:
    """Run finished jobs again. Answers with their states."""
    return Query("job/retry_each", {"ids": wire.array(ids)}, _states)


def _states(rows: Sequence[Row]) -> dict[UUID, JobState]:
    return {UUID(row[0]): JobState(row[1]) for row in rows}
