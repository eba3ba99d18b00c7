"""What a testbed asks of its own schema: each verb as a query."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from howdah._db import wire
from howdah._db.query import Query, Row


def is_testbed(schema: str) -> Query[bool]:
    """Whether the schema was made for a test."""
    return Query("testing/is_testbed", {"schema": schema}, _scalar)


def now() -> Query[datetime]:
    """What time it is there."""
    return Query("testing/clock_now", {}, _moment)


def hold() -> Query[bool]:
    """Stop the clock. Answers with false when it stands already."""
    return Query("testing/clock_hold", {}, _scalar)


def move(seconds: float) -> Query[datetime]:
    """Move the clock. Answers with the time it then is."""
    return Query("testing/clock_move", {"by": seconds}, _moment)


def release() -> Query[datetime]:
    """Let the clock run. Answers with the time it then is."""
    return Query("testing/clock_release", {}, _moment)


def left(*, worker_id: int, queues: Sequence[str]) -> Query[tuple[int, int]]:
    """How many jobs the worker holds or could claim, and how many more limits may hold up."""
    return Query(
        "testing/left",
        {"worker_id": worker_id, "queues": wire.RS.join(queues)},
        lambda rows: (rows[0][0], rows[0][1]),
    )


def _scalar(rows: Sequence[Row]) -> Any:
    return rows[0][0]


def _moment(rows: Sequence[Row]) -> datetime:
    found = wire.moment(rows[0][0])
    assert found is not None
    return found
