"""The workers that are there: what each holds, and what an operator asks of it while it runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Never
from uuid import UUID

from howdah._db import wire
from howdah._db.query import Query, Row
from howdah._db.steps import Steps
from howdah.errors import UnknownWorkerError, UsageError

WIDEST = 10_000


@dataclass(frozen=True, slots=True)
class HeldJob:
    """A job that a worker has claimed: it runs there, or is about to.

    Attributes:
        since: When this attempt was claimed.
    """

    id: UUID
    task: str
    queue: str
    attempt: int
    since: datetime | None


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """A worker: a process that executes jobs.

    Attributes:
        pid: The process that takes signals: the supervisor, or the web process that hosts it.
        concurrency: Handlers at once, as it was asked to work last.
        started_with: Handlers at once, as it was started.
        queue_concurrency: Of these queues at most so many of them; empty also for a worker that
            does not say.
        min_priority: It takes jobs of this priority or a higher one; None for all.
        max_priority: It takes jobs of this priority or a lower one; None for all.
        memory: Resident bytes of the process that executes, as of its last beat; None before the
            first, or where the system does not say.
        beat_ago: Seconds since its last beat.
        lease: Seconds without a beat after which it is taken for dead.
        paused_at: Since when it claims nothing because somebody asked it to.
        stop_asked_at: When it was asked to leave.
        jobs: What it holds, the oldest claim first.
    """

    id: int
    host: str
    pid: int
    queues: tuple[str, ...]
    version: str
    concurrency: int
    started_with: int
    queue_concurrency: Mapping[str, int]
    min_priority: int | None
    max_priority: int | None
    memory: int | None
    started_at: datetime | None
    beat_ago: float
    lease: float
    paused_at: datetime | None
    paused_by: str | None
    stop_asked_at: datetime | None
    jobs: tuple[HeldJob, ...]

    @property
    def is_alive(self) -> bool:
        """Whether its lease stands."""
        return self.beat_ago <= self.lease

    @property
    def is_paused(self) -> bool:
        """Whether it was asked to claim nothing."""
        return self.paused_at is not None


@dataclass(frozen=True, slots=True)
class Asked:
    """What an operator asked of a worker, as it is handed on to the one in its place.

    Attributes:
        concurrency: Handlers at once; None for as many as it is started with.
        paused_at: Since when it is to claim nothing, as seconds since 1970.
    """

    concurrency: int | None = None
    paused_at: float | None = None
    paused_by: str | None = None


@dataclass(frozen=True, slots=True)
class Whom:
    """Whom an order is for: one worker, those that serve a queue, or all."""

    worker_id: int | None
    queue: str | None

    @classmethod
    def of(cls, worker: int | Literal["all"] | None, queue: str | None) -> Whom:
        """Read what a caller said.

        Raises:
            UsageError: It names nobody, or both a worker and a queue.
        """
        if (worker is None) == (queue is None):
            raise UsageError(
                "cannot tell which workers are meant: give the id of one, or 'all', or queue="
            )
        if worker == "all":
            return cls(None, None)
        if worker is not None and (isinstance(worker, bool) or not isinstance(worker, int)):
            raise UsageError(f"cannot ask worker {worker!r}: give its id, a number, or 'all'")
        return cls(worker, queue)


def workers() -> Query[list[WorkerRecord]]:
    """The workers, the oldest first."""
    return Query("worker/list", {}, _workers)


def asked(worker_id: int) -> Query[Asked]:
    """What an operator asked of a worker."""
    return Query(
        "worker/asked", {"worker_id": worker_id}, lambda rows: Asked(*rows[0]) if rows else Asked()
    )


def get(worker_id: int) -> Steps[WorkerRecord]:
    """Read one worker.

    Raises:
        UnknownWorkerError: There is none of that id.
    """
    found: list[WorkerRecord] = yield workers()
    for one in found:
        if one.id == worker_id:
            return one
    return (yield from _refuse(worker_id))


def scale(whom: Whom, *, concurrency: int | None) -> Steps[list[WorkerRecord]]:
    """Ask for so many handlers at once. Raises as `get`."""
    if concurrency is not None and not 1 <= concurrency <= WIDEST:
        raise UsageError(
            f"cannot scale to concurrency={concurrency}: from 1 to {WIDEST:,}; or pause it"
        )
    return (yield from _ask("worker/scale", whom, concurrency=concurrency))


def pause(whom: Whom, *, by: str | None) -> Steps[list[WorkerRecord]]:
    """Ask to claim nothing. Raises as `get`."""
    return (yield from _ask("worker/pause", whom, by=by))


def resume(whom: Whom) -> Steps[list[WorkerRecord]]:
    """End pauses. Raises as `get`."""
    return (yield from _ask("worker/resume", whom))


def stop(whom: Whom) -> Steps[list[WorkerRecord]]:
    """Ask to leave. Raises as `get`."""
    return (yield from _ask("worker/stop", whom))


def _ask(statement: str, whom: Whom, **said: object) -> Steps[list[WorkerRecord]]:
    """Ask something of workers, and read those that were asked."""
    params = {"worker_id": whom.worker_id, "queue": whom.queue, **said}
    read: Callable[[Sequence[Row]], set[int]] = lambda rows: {row[0] for row in rows}  # noqa: E731
    told: set[int] = yield Query(statement, params, read)
    if not told and whom.worker_id is not None:
        yield from _refuse(whom.worker_id)
    found: list[WorkerRecord] = yield workers()
    return [one for one in found if one.id in told]


def _refuse(worker_id: int) -> Steps[Never]:
    ids: list[int] = yield Query("worker/ids", {}, lambda rows: [row[0] for row in rows])
    there = f"there are {', '.join(map(str, ids))}" if ids else "none is there"
    raise UnknownWorkerError(f"no worker {worker_id}: {there}", worker_id=worker_id)


def _workers(rows: Sequence[Row]) -> list[WorkerRecord]:
    return [
        WorkerRecord(
            id=row[0],
            host=row[1],
            pid=row[2],
            queues=tuple(json.loads(row[3])),
            version=row[4],
            concurrency=row[5] if row[6] is None else row[6],
            started_with=row[5],
            queue_concurrency=json.loads(row[17] or "{}"),
            min_priority=row[15],
            max_priority=row[16],
            memory=row[7],
            started_at=wire.moment(row[8]),
            beat_ago=row[9],
            lease=row[10],
            paused_at=wire.moment(row[11]),
            paused_by=row[12],
            stop_asked_at=wire.moment(row[13]),
            jobs=tuple(_held(*job) for job in json.loads(row[14] or "[]")),
        )
        for row in rows
    ]


def _held(job_id: str, task: str, queue: str, attempt: int, since: float | None) -> HeldJob:
    return HeldJob(UUID(job_id), task, queue, attempt, wire.moment(since))
