"""Claiming and settling by hand: each verb as a query."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from howdah._db import wire
from howdah._db.query import Query, Row


@dataclass(frozen=True, slots=True)
class ClaimRecord:
    """A job as it was claimed. `args` is JSON text."""

    id: UUID
    fence: int
    attempt: int
    queue: str
    task: str
    priority: int
    args: str
    key: str | None
    tags: tuple[str, ...]
    scheduled_for: datetime | None = None


def claim(queue: str, *, limit: int, lease: float) -> Query[list[ClaimRecord]]:
    """Claim jobs of a queue, with a lease of so many seconds."""
    return Query("by_hand/claim", {"queue": queue, "limit": limit, "lease": lease}, _records)


def complete(record: ClaimRecord, result: str | None) -> Query[str]:
    """Complete a job. `result` is JSON text. Answers with its state; so do the others."""
    return Query("by_hand/complete", {**_named(record), "result": result}, _scalar)


def fail(record: ClaimRecord, error: str, *, retry: bool) -> Query[str]:
    """Fail an attempt. `error` is JSON text."""
    return Query("by_hand/fail", {**_named(record), "error": error, "retry": retry}, _scalar)


def snooze(record: ClaimRecord, delay: float) -> Query[str]:
    """Give a job back for later."""
    return Query("by_hand/snooze", {**_named(record), "delay": delay}, _scalar)


def release(record: ClaimRecord) -> Query[str]:
    """Give a job back at once."""
    return Query("by_hand/release", _named(record), _scalar)


def touch(record: ClaimRecord, lease: float | None) -> Query[bool]:
    """Begin the lease anew. Answers with whether the job is still wanted."""
    return Query("by_hand/touch", {**_named(record), "lease": lease}, _scalar)


def progress(record: ClaimRecord, share: float, note: str | None) -> Query[bool]:
    """Say how far a job is."""
    return Query("by_hand/progress", {**_named(record), "share": share, "note": note}, _scalar)


def tend() -> Query[bool]:
    """Do once what any worker does for all."""
    return Query("by_hand/tend", {}, _scalar)


def forget_hints() -> Query[int]:
    """Forget hints that serve nobody. Answers with how many."""
    return Query("by_hand/forget_hints", {}, _scalar)


def _named(record: ClaimRecord) -> Mapping[str, Any]:
    return {"id": str(record.id), "fence": record.fence}


def _scalar(rows: Sequence[Row]) -> Any:
    return rows[0][0]


def _records(rows: Sequence[Row]) -> list[ClaimRecord]:
    return [
        ClaimRecord(
            id=UUID(row[0]),
            fence=row[1],
            attempt=row[2],
            queue=row[3],
            task=row[4],
            priority=row[5],
            args=row[6],
            key=row[7],
            tags=tuple(json.loads(row[8])) if row[8] else (),
            scheduled_for=wire.moment(row[9]),
        )
        for row in rows
    ]
