"""A job as it stands in the database, and a page of a list of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, overload
from uuid import UUID

from howdah._db.query import Row
from howdah._db.wire import moment
from howdah._model.states import JobState


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as it was when it was read.

    Attributes:
        attempt: How many attempts have begun and counted; snoozes and crashes do not count.
        fence: Raised by every claim.
        args: The arguments by parameter name, as JSON values.
        result: What the handler returned, as a JSON value.
        errors: One entry for each attempt that went wrong, the oldest first.
        ready: Whether a worker may claim it now.
        deadline: When it is too late to begin.
        held: Why nobody may claim it although its time has come: `task` is paused, or `flow`.
        line: Jobs of one line of a queue are claimed in order.
        limits: What it takes a slot of while it runs, each as `limit` or `limit:key`.
        policy: The policy of its queue when it was sent, unless that was the standard one.
        flow_id: The flow that it is part of.
        dead_letter: The queue that gets a copy when it fails.
        source: Of such a copy: the id, queue and task of the job that failed.
        blockers: How many jobs of its flow it waits for.
        scheduled_for: The tick for which a schedule sent it.
    """

    id: UUID
    queue: str
    task: str
    state: JobState
    priority: int
    attempt: int
    crash_count: int
    fence: int
    key: str | None
    tags: tuple[str, ...]
    args: Mapping[str, Any]
    created_at: datetime
    start_after: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    worker_id: int | None
    retry: Mapping[str, Any] | None
    expire_in: timedelta | None
    retention: timedelta | None
    cancel_requested_at: datetime | None
    cancel_reason: str | None
    progress: Any
    errors: tuple[Mapping[str, Any], ...]
    result: Any
    ready: bool
    deadline: datetime | None
    held: str | None
    line: str | None
    limits: tuple[str, ...]
    policy: str | None
    flow_id: UUID | None
    dead_letter: str | None
    source: Mapping[str, Any] | None
    blockers: int | None
    scheduled_for: datetime | None

    @classmethod
    def read(cls, row: Row) -> JobRecord:
        """Read a row of `job/get.sql` or `job/list.sql`."""
        created_at = moment(row[11])
        assert created_at is not None
        return cls(
            id=UUID(row[0]),
            queue=row[1],
            task=row[2],
            state=JobState(row[3]),
            priority=row[4],
            attempt=row[5],
            crash_count=row[6],
            fence=row[7],
            key=row[8],
            tags=tuple(_json(row[9]) or ()),
            args=_json(row[10]),
            created_at=created_at,
            start_after=moment(row[12]),
            started_at=moment(row[13]),
            finished_at=moment(row[14]),
            worker_id=row[15],
            retry=_json(row[16]),
            expire_in=_span(row[17]),
            retention=_span(row[18]),
            cancel_requested_at=moment(row[19]),
            cancel_reason=row[20],
            progress=_json(row[21]),
            errors=tuple(_json(row[22]) or ()),
            result=_json(row[23]),
            ready=row[24],
            deadline=moment(row[25]),
            held=row[26],
            line=row[27],
            limits=tuple(_json(row[28]) or ()),
            policy=row[29],
            flow_id=None if row[30] is None else UUID(row[30]),
            dead_letter=row[31],
            source=_json(row[32]),
            blockers=row[33],
            scheduled_for=moment(row[34]),
        )


@dataclass(frozen=True, slots=True)
class JobPage(Sequence[JobRecord]):
    """Some of the jobs that were asked for: a sequence of `JobRecord`.

    Attributes:
        next: Where the next page begins, for `find(after=...)`; None when this is the last. It
            names a job and not a number, so nothing is shown twice or left out when jobs come
            and go meanwhile.
    """

    jobs: tuple[JobRecord, ...]
    next: UUID | None = None

    @overload
    def __getitem__(self, at: int) -> JobRecord: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[JobRecord, ...]: ...
    def __getitem__(self, at: int | slice) -> JobRecord | tuple[JobRecord, ...]:
        return self.jobs[at]

    def __len__(self) -> int:
        return len(self.jobs)

    @classmethod
    def read(cls, rows: Sequence[Row], *, limit: int) -> JobPage:
        """Read rows of `job/list.sql`, which was asked for one more than the page holds."""
        jobs = tuple(JobRecord.read(row) for row in rows[:limit])
        return cls(jobs, jobs[-1].id if len(rows) > limit else None)


def _json(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def _span(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
