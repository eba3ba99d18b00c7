"""What handlers logged, as it is read back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from howdah._db import wire
from howdah._db.query import Query, Row


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line that a handler logged with `ctx.log`."""

    at: datetime
    level: str
    message: str
    fields: Mapping[str, Any]
    attempt: int


def read(job_id: UUID, *, limit: int) -> Query[list[LogLine]]:
    """What the handler of a job logged, the oldest first."""
    return Query("log/read", {"id": wire.job_id(job_id), "limit": limit}, _lines)


def _lines(rows: Sequence[Row]) -> list[LogLine]:
    return [
        LogLine(
            at=datetime.fromtimestamp(row[0], UTC),
            level=row[1],
            message=row[2],
            fields=json.loads(row[3]) if row[3] else {},
            attempt=row[4],
        )
        for row in rows
    ]
