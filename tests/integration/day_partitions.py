"""Housekeeping of partitions on a desk, and a look at what it did."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from howdah._db import worker as workers
from tests.conftest import Clock
from tests.integration.desk import Desk

DAY = timedelta(days=1)
USUAL = 14
AHEAD = 3
LOG_DAYS = 14
MANY = 20_001
ENDLESS = "20000 years"

NAMES = """
    SELECT c.relname::text
    FROM pg_catalog.pg_inherits AS i
    JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid
    WHERE i.inhparent = pg_catalog.to_regclass('howdah.' || %s)
    ORDER BY 1
"""
WHERE_IT_STANDS = """
    SELECT c.relname::text
    FROM howdah.archive AS a
    JOIN pg_catalog.pg_class AS c ON c.oid = a.tableoid
    WHERE a.id = %s::text::uuid
"""
ARCHIVED = """
    INSERT INTO howdah.archive (keep_until, finished_at, fence, created_at, id, attempt, priority,
                                crash_count, state, queue, task, args)
    SELECT howdah.keep_until(%s::text::interval), howdah.now(), 1, howdah.now(),
           pg_catalog.gen_random_uuid(), 1, 0, 0, 'completed', 'q', 't', '{}'
    FROM pg_catalog.generate_series(1, %s)
"""
LOGGED = """
    INSERT INTO howdah.log (at, job_id, fence, attempt, level, message)
    VALUES (%s::text::timestamptz, pg_catalog.gen_random_uuid(), 1, 1, 'info', 'hello')
"""


def noon(clock: Clock) -> date:
    """Move the schema to noon in UTC, so that no day ends within a test. Returns the day."""
    now = datetime.now(UTC)
    then = now.replace(hour=12, minute=0, second=0, microsecond=0) + DAY
    clock.advance(then - now)
    return then.date()


def day_of(today: date, retention: int) -> date:
    """The day until which a job is kept that finishes today."""
    return today + timedelta(days=retention + 1)


def named(parent: str, day: date) -> str:
    return f"{parent}_{day:%Y%m%d}"


def partitions(desk: Desk, parent: str) -> list[str]:
    schema = desk.value("SELECT pg_catalog.quote_ident(%s)", desk.schema)
    return [row[0] for row in desk.sql(NAMES.replace("'howdah.'", "%s"), f"{schema}.", parent)]


def make(desk: Desk) -> tuple[int, int]:
    return desk.run(workers.make_partitions(days=AHEAD))


def make_all(desk: Desk) -> None:
    """Make until nothing is missing."""
    while make(desk)[1]:
        pass


def drop(desk: Desk) -> list[str]:
    return desk.run(workers.drop_partitions(log_days=LOG_DAYS, sample_days=LOG_DAYS))


def delete(desk: Desk, *, limit: int = 10_000) -> int:
    return desk.run(workers.delete_strays(log_days=LOG_DAYS, sample_days=LOG_DAYS, limit=limit))


def finished(desk: Desk, *, retention: timedelta | None = None) -> UUID:
    """Send a job and complete it."""
    sent = desk.send(retention=retention)
    (claim,) = desk.claim()
    assert 1 == desk.finish(claim)
    return sent


def where(desk: Desk, job_id: UUID) -> str | None:
    """The partition in which an archived job stands."""
    rows = desk.sql(WHERE_IT_STANDS, str(job_id))
    return rows[0][0] if rows else None
