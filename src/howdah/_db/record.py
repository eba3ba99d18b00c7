"""A job as it stands in the database, and the pages of a list of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
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
        )


@dataclass(frozen=True, slots=True)
class Page:
    """Which jobs to list: those that fit everything given, the newest first.

    Attributes:
        before: Only jobs older than this one: the last of the page before.
    """

    states: tuple[JobState, ...] = ()
    queue: str | None = None
    task: str | None = None
    key: str | None = None
    before: UUID | None = None
    limit: int = 50

    def params(self) -> Mapping[str, Any]:
        """As parameters of `job/list.sql`."""
        return {
            "state": ",".join(self.states) or None,
            "queue": self.queue,
            "task": self.task,
            "key": self.key,
            "before": None if self.before is None else str(self.before),
            "limit": self.limit,
        }


def _json(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def _span(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
