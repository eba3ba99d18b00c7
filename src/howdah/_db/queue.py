"""What can be asked of queues and pauses: each verb as a query."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from howdah._db import wire
from howdah._db.query import Query, Row

_FIRST = UUID(int=0)


@dataclass(frozen=True, slots=True)
class QueueRecord:
    """A queue: what is said of it, and what stands in it now.

    Attributes:
        ready: Claimable now, or as soon as the queue is resumed.
        delayed: Created or retried, for later.
        held: Of a paused task, or waiting for parents.
        oldest: Age of the oldest claimable job.
        code: What `app.queue(...)` says, in the code of the worker that started last.
        override: What an operator says with `queues.put`; it wins.
        paused_with_all: Whether it is paused since everything is.
        blocked_until: Until when nobody claims from it, since a handler was told to come later.
    """

    name: str
    ready: int
    delayed: int
    held: int
    active: int
    waiting: int
    oldest: timedelta | None
    code: dict[str, Any]
    override: dict[str, Any]
    paused_at: datetime | None
    paused_by: str | None
    pause_reason: str | None
    paused_with_all: bool
    blocked_until: datetime | None

    @property
    def options(self) -> dict[str, Any]:
        """What holds: the operator's word, and the code's where there is none."""
        return {**self.code, **self.override}

    @property
    def policy(self) -> str:
        """How many of its jobs, per key, there may be at a time."""
        return str(self.options.get("policy", "standard"))

    @property
    def is_paused(self) -> bool:
        """Whether nobody claims from it until it is resumed."""
        return self.paused_at is not None


@dataclass(frozen=True, slots=True)
class BlockedKey:
    """A key of a key_strict_fifo queue whose jobs wait until a failed one is dealt with.

    Attributes:
        job_id: The job that failed.
        at: When it did.
    """

    key: str
    job_id: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class Pause:
    """Something that is paused.

    Attributes:
        name: The queue or the task; empty for everything.
    """

    kind: Literal["everything", "queue", "task"]
    name: str
    at: datetime
    by: str | None
    reason: str | None


def register(code: Mapping[str, Mapping[str, Any] | None]) -> Query[None]:
    """Make queues known, with what the code says of each; None says nothing of it."""
    return Query("queue/register", {"code": json.dumps(code)}, _nothing)


def find() -> Query[list[QueueRecord]]:
    """Every queue, by name."""
    return Query("queue/list", {"name": None}, lambda rows: [_record(row) for row in rows])


def get(name: str) -> Query[QueueRecord | None]:
    """One queue."""
    return Query("queue/list", {"name": name}, lambda rows: _record(rows[0]) if rows else None)


def names() -> Query[list[str]]:
    """The names of the queues that are known."""
    return Query("queue/names", {}, lambda rows: [row[0] for row in rows])


def used() -> Query[list[str]]:
    """The names of the queues that an app or an operator says something of, or that held a job."""
    return Query("queue/used", {}, lambda rows: [row[0] for row in rows])


def put(name: str, override: Mapping[str, Any]) -> Query[None]:
    """Say what an operator says of a queue, in the place of what was said before."""
    return Query("queue/put", {"name": name, "override": json.dumps(override)}, _nothing)


def delete(name: str, *, with_jobs: bool) -> Query[int]:
    """Forget a queue, unless it has live jobs. Answers with how many it has."""
    return Query("queue/delete", {"name": name, "with_jobs": with_jobs}, _scalar)


def cancel_jobs(
    name: str, *, after: UUID | None, limit: int, reason: str
) -> Query[tuple[UUID | None, int]]:
    """Cancel the queue's jobs among the next `limit` of all: the last looked at, and how many."""
    params = {"queue": name, "after": str(after or _FIRST), "limit": limit, "reason": reason}
    return Query("queue/cancel_jobs", params, _step)


def pause(name: str, *, by: str | None, reason: str | None) -> Query[bool]:
    """Keep everybody from claiming from a queue. Answers whether there is such a queue."""
    return Query("queue/pause", {"name": name, "by": by, "reason": reason}, _scalar)


def resume(name: str) -> Query[bool]:
    """End the pause of a queue. Answers whether there is such a queue."""
    return Query("queue/resume", {"name": name}, _scalar)


def pause_everything(*, by: str | None, reason: str | None) -> Query[None]:
    """Keep everybody from claiming anything."""
    return Query("queue/pause_everything", {"by": by, "reason": reason}, _nothing)


def resume_everything() -> Query[None]:
    """End the pause of everything."""
    return Query("queue/resume_everything", {}, _nothing)


def blocked_keys(name: str) -> Query[list[BlockedKey]]:
    """The keys that a failed job blocks."""
    return Query("queue/blocked_keys", {"queue": name}, _blocked)


def unblock(name: str, key: str) -> Query[bool]:
    """Let the jobs of a key run again. Answers whether it was blocked."""
    return Query("queue/unblock", {"queue": name, "line": key}, bool)


def free_keys(*, limit: int) -> Query[list[tuple[str, str, str]]]:
    """Free keys whose failed job is not kept any more. Answers with queue, key and job of each."""
    return Query("queue/free_keys", {"limit": limit}, _freed)


def has_room(name: str, *, max_waiting: int) -> Query[bool]:
    """Whether fewer jobs wait in a queue than may."""
    return Query("queue/has_room", {"queue": name, "max_waiting": max_waiting}, _scalar)


def pause_task(name: str, *, by: str | None, reason: str | None) -> Query[bool]:
    """Keep everybody from claiming jobs of a task. Answers whether it was not paused before."""
    return Query("pause/task", {"name": name, "by": by, "reason": reason}, bool)


def resume_task(name: str) -> Query[bool]:
    """End the pause of a task. Answers whether it was paused."""
    return Query("pause/resume_task", {"name": name}, bool)


def knows_task(name: str) -> Query[tuple[bool, list[str]]]:
    """Whether a live job or a worker may have a task, and the tasks that workers have."""
    return Query(
        "pause/knows_task",
        {"name": name},
        lambda rows: (rows[0][0], json.loads(rows[0][1] or "[]")),
    )


def pauses() -> Query[list[Pause]]:
    """What is paused."""
    return Query("pause/list", {}, _pauses)


def hold(task: str, *, after: UUID | None, limit: int) -> Query[tuple[UUID | None, int]]:
    """Hold the task's jobs among the next `limit` of all: the last looked at, and how many."""
    params = {"task": task, "after": str(after or _FIRST), "limit": limit}
    return Query("pause/hold", params, _step)


def lift(*, limit: int) -> Query[int]:
    """Let at most `limit` jobs wait as others do that are held for no pause."""
    return Query("pause/lift", {"limit": limit}, _scalar)


def _scalar(rows: Sequence[Row]) -> Any:
    return rows[0][0]


def _nothing(rows: Sequence[Row]) -> None:
    return None


def _step(rows: Sequence[Row]) -> tuple[UUID | None, int]:
    last, count = rows[0]
    return None if last is None else UUID(last), count


def _record(row: Row) -> QueueRecord:
    return QueueRecord(
        name=row[0],
        ready=row[1],
        delayed=row[2],
        held=row[3],
        active=row[4],
        waiting=row[5],
        oldest=None if row[6] is None else timedelta(seconds=row[6]),
        code=json.loads(row[7]),
        override=json.loads(row[8]),
        paused_at=wire.moment(row[9]),
        paused_by=row[10],
        pause_reason=row[11],
        paused_with_all=row[12],
        blocked_until=wire.moment(row[13]),
    )


def _blocked(rows: Sequence[Row]) -> list[BlockedKey]:
    return [BlockedKey(row[0], UUID(row[1]), _moment(row[2])) for row in rows]


def _freed(rows: Sequence[Row]) -> list[tuple[str, str, str]]:
    return [(row[0], row[1], row[2]) for row in rows]


def _pauses(rows: Sequence[Row]) -> list[Pause]:
    return [Pause(row[0], row[1], _moment(row[2]), row[3], row[4]) for row in rows]


def _moment(epoch: float) -> datetime:
    moment = wire.moment(epoch)
    assert moment is not None
    return moment
