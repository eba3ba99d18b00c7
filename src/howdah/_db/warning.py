"""What workers warned of: kept in the database, one row for each thing while it lasts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from howdah._db import wire
from howdah._db.query import Query, Row
from howdah._model.notice import Notice, WarningKind
from howdah.errors import UsageError


@dataclass(frozen=True, slots=True)
class WarningRecord:
    """Something that workers warned of.

    Attributes:
        kind: What it is about. A newer version may know more kinds.
        subject: Which of its kind: a queue, a statement, a host.
        queue: The queue it is about, if it is about one.
        at: When it was first found.
        last_at: When it was last found.
        count: How often it was found.
        text: What is the case, as it was last found.
        facts: The same for programs.
        is_open: Whether it lasts: it was found in the last 15 minutes.
    """

    kind: str
    subject: str
    queue: str | None
    at: datetime
    last_at: datetime
    count: int
    text: str
    facts: Mapping[str, Any]
    is_open: bool


def warn(notices: Sequence[Notice]) -> Query[set[tuple[str, str]]]:
    """Keep warnings. Answers with kind and subject of those that are new."""
    said = json.dumps([asdict(notice) for notice in notices])
    return Query(
        "warning/warn",
        {"warnings": said},
        lambda rows: {(row[0], row[1]) for row in rows if row[2]},
    )


def find(
    *, kind: WarningKind | str | None, queue: str | None, limit: int
) -> Query[list[WarningRecord]]:
    """Warnings, the latest first."""
    return Query(
        "warning/list",
        {"kind": _kind(kind), "queue": queue, "limit": limit},
        lambda rows: [_read(row) for row in rows],
    )


def clear(*, kind: WarningKind | str | None, queue: str | None) -> Query[int]:
    """Forget warnings. Answers with how many."""
    return Query(
        "warning/clear", {"kind": _kind(kind), "queue": queue}, lambda rows: int(rows[0][0])
    )


def prune(*, days: float) -> Query[None]:
    """Forget warnings that are over for so many days."""
    return Query("warning/prune", {"days": days}, lambda rows: None)


def backlog(queue: str, ready: int | None) -> Query[None]:
    """Say from how many claimable jobs of a queue workers warn.

    Raises:
        UsageError: The number is negative.
    """
    if ready is not None and not 0 <= ready < 2**31:
        raise UsageError(f"cannot warn of a backlog of {ready!r} jobs: say 0 or more")
    return Query("warning/backlog", {"queue": queue, "ready": ready}, lambda rows: None)


def _kind(kind: WarningKind | str | None) -> str | None:
    return None if kind is None else str(kind)


def _read(row: Row) -> WarningRecord:
    at, last_at = wire.moment(row[3]), wire.moment(row[4])
    assert at is not None
    assert last_at is not None
    return WarningRecord(
        kind=row[0],
        subject=row[1],
        queue=row[2],
        at=at,
        last_at=last_at,
        count=row[5],
        text=row[6],
        facts=json.loads(row[7]),
        is_open=row[8],
    )
