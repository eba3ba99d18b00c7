"""What the hot statements touch: no more than they need, whatever the statistics say.

Counted are scans, index entries and rows, not time: a wrong plan shows on a fast machine too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from howdah._db import by_hand
from howdah._db import job as jobs
from howdah._db.by_hand import ClaimRecord
from howdah._db.migrate import migrate
from howdah._db.statements import quote_name
from tests.integration.desk import Claim, Desk
from tests.integration.touched import touched_by

MANY = 50_000
BATCH = 20
# For one job of a batch: its entry, its row, and some slack for looking twice.
EACH = 10
# By how much the hints of claims by hand may lag behind.
LAG = 1_000

# A third is ready, a third is running, and the time of a third has just come.
CROWD = """
    INSERT INTO howdah.job (id, queue, task, args, state, ready_xid, worker_id, fence, attempt,
                            start_after)
    SELECT pg_catalog.gen_random_uuid(), 'q', 't', '{}',
           CASE pg_catalog.mod(n, 3) WHEN 1 THEN 'active' ELSE 'created' END,
           CASE pg_catalog.mod(n, 3) WHEN 0 THEN howdah.turn() END,
           CASE pg_catalog.mod(n, 3) WHEN 1 THEN %s END,
           1, 1,
           CASE pg_catalog.mod(n, 3) WHEN 2 THEN howdah.now() - interval '1 hour' END
    FROM pg_catalog.generate_series(1, %s) AS n
"""
GONE = """
    INSERT INTO howdah.job (id, queue, task, args, ready_xid, line)
    SELECT pg_catalog.gen_random_uuid(), 'q', 't', '{}', howdah.turn(), %s::text
    FROM pg_catalog.generate_series(1, %s) AS n
"""
LANE = "INSERT INTO howdah.lane (queue, priority) VALUES ('q', 0)"
BY_HAND = "ALTER TABLE howdah.job SET (autovacuum_enabled = false)"
RUNNING = "SELECT id::text, fence FROM howdah.job WHERE state = 'active' ORDER BY id LIMIT %s"


def a_crowd_nobody_counted(desk: Desk, worker: int) -> None:
    """Statistics of an empty table, and very many rows."""
    desk.sql("ANALYZE howdah.job")
    desk.sql(CROWD, worker, 3 * MANY)


def a_crowd_counted_rightly(desk: Desk, worker: int) -> None:
    """Very many rows, and statistics that say so."""
    desk.sql(CROWD, worker, 3 * MANY)
    desk.sql("ANALYZE howdah.job")


def a_crowd_that_has_gone(desk: Desk, worker: int) -> None:
    """Statistics of very many rows, and few rows."""
    desk.sql(CROWD, worker, 3 * MANY)
    desk.sql("ANALYZE howdah.job")
    desk.sql("DELETE FROM howdah.job")
    desk.sql(CROWD, worker, 3 * BATCH)


def a_crowd_that_came_back(desk: Desk, worker: int) -> None:
    """Statistics of very many pages with nothing in them, and very many rows."""
    desk.sql(CROWD, worker, 3 * MANY)
    desk.sql("DELETE FROM howdah.job")
    desk.sql("ANALYZE howdah.job")
    desk.sql(CROWD, worker, 3 * MANY)


def a_crowd_after_the_plans(desk: Desk, worker: int) -> None:
    """Very many rows, and plans that this session made while the table was empty."""
    desk.sql("ANALYZE howdah.job")
    nothing = Crowd(desk, worker, [Claim(str(uuid4()), 1, worker) for _ in range(BATCH)])
    # Postgres keeps a plan for all parameters from the sixth execution on.
    for _ in range(8):
        for statement in (claim, finish, put_back, promote):
            statement(nothing)
    desk.sql(CROWD, worker, 3 * MANY)


def no_statistics(desk: Desk, worker: int) -> None:
    """Very many rows in a table that was never looked at."""
    desk.sql(CROWD, worker, 3 * MANY)


@dataclass(frozen=True, slots=True)
class Crowd:
    """A worker in a schema with wrong statistics, and a batch of what runs there."""

    desk: Desk
    worker: int
    batch: list[Claim]


@pytest.fixture(
    scope="module",
    params=[
        a_crowd_nobody_counted,
        a_crowd_counted_rightly,
        a_crowd_that_has_gone,
        a_crowd_that_came_back,
        a_crowd_after_the_plans,
        no_statistics,
    ],
    ids=lambda prepare: prepare.__name__.replace("_", " "),
)
def crowd(database_url: str, request: pytest.FixtureRequest) -> Iterator[Crowd]:
    """A crowd for all statements: what they do is taken back."""
    name = f"plans {request.param.__name__}"
    migrate(database_url, schema=name)
    desk = Desk(database_url, name)
    worker = alone(desk)
    request.param(desk, worker)
    yield Crowd(desk, worker, a_batch(desk, worker))
    desk.sql(f"DROP SCHEMA {quote_name(name)} CASCADE")
    desk.close()


def alone(desk: Desk) -> int:
    """See to it that nobody gathers statistics but the test. Returns a worker."""
    # What is not yet on disk does not count as dead.
    desk.sql("SET synchronous_commit = on")
    desk.sql(BY_HAND)
    desk.sql(LANE)
    return desk.worker()


def a_batch(desk: Desk, worker: int) -> list[Claim]:
    """Some of what runs."""
    return [Claim(job_id, fence, worker) for job_id, fence in desk.sql(RUNNING, BATCH)]


def claim(crowd: Crowd) -> int:
    return len(crowd.desk.claim(crowd.worker, limit=BATCH))


def finish(crowd: Crowd) -> int:
    return crowd.desk.finish(*crowd.batch)


def put_back(crowd: Crowd) -> int:
    return crowd.desk.put_back(*crowd.batch)


def promote(crowd: Crowd) -> int:
    return crowd.desk.run(jobs.promote(limit=BATCH, within=None))[0]


@pytest.mark.parametrize("statement", [claim, finish, put_back, promote])
def test_a_batch_touches_no_more_than_its_jobs(
    crowd: Crowd, statement: Callable[[Crowd], int]
) -> None:
    done: list[int] = []
    # The first one marks in the index what is dead, for those who come later.
    touched_by(crowd.desk, lambda: statement(crowd))

    touched = touched_by(crowd.desk, lambda: done.append(statement(crowd)))

    assert [BATCH] == done
    assert touched.scans == 0
    assert touched.entries <= EACH * BATCH
    assert touched.rows <= EACH * BATCH


# Dead entries under a held snapshot


@pytest.fixture
def held(desk: Desk, open_desk: Callable[[], Desk]) -> Iterator[int]:
    """A forgotten transaction, because of which nothing that dies is cleared away. A worker."""
    worker = alone(desk)
    forgotten = open_desk()
    with forgotten.transaction():
        forgotten.sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        forgotten.sql("SELECT 1")
        yield worker


@pytest.mark.standard("a claim remembers where to look")
def test_a_claim_with_a_hint_walks_no_dead_entries(desk: Desk, held: int) -> None:
    desk.sql(CROWD, held, 3 * MANY)
    assert MANY == len(desk.claim(held, limit=MANY))
    hints = desk.hints(held)
    desk.send()

    without = touched_by(desk, lambda: desk.claim(held))
    touched = touched_by(desk, lambda: desk.claim(held, hints=hints))

    assert without.entries >= MANY
    assert touched.entries <= EACH


@pytest.mark.standard("a claim remembers where to look")
def test_a_claim_by_hand_walks_few_dead_entries(desk: Desk, held: int) -> None:
    desk.sql(CROWD, held, 3 * MANY)
    # The memory is moved on by chance: by the same chance each time.
    desk.sql("SELECT pg_catalog.setseed(0.5)")
    while desk.run(by_hand.claim("q", limit=5 * BATCH, lease=60)):
        pass
    desk.send()
    found: list[ClaimRecord] = []

    touched = touched_by(
        desk, lambda: found.extend(desk.run(by_hand.claim("q", limit=BATCH, lease=60)))
    )

    assert 1 == len(found)
    assert touched.entries <= EACH + LAG


@pytest.mark.standard("the count remembers where to look")
@pytest.mark.parametrize("group", [None, "ann"], ids=["plain jobs", "jobs of a group"])
def test_a_send_to_a_bounded_queue_walks_few_dead_entries(
    desk: Desk, held: int, group: str | None
) -> None:
    said = json.dumps({"defaults": {"max_waiting": 10}} | ({"group": group} if group else {}))
    send = jobs.send(queue="q", task="t", args="{}", options=said)
    # The memory is moved on by chance: by the same chance each time.
    desk.sql("SELECT pg_catalog.setseed(0.5)")
    desk.run(send)
    desk.sql(GONE, group, MANY)
    assert MANY + 1 == len(desk.claim(held, limit=2 * MANY))
    hints = desk.hints(held)
    for _ in range(2 * BATCH):
        assert desk.run(send).created
        assert 1 == len(desk.claim(held, hints=hints))
    done: list[bool] = []

    touched = touched_by(desk, lambda: done.append(desk.run(send).created))

    assert [True] == done
    assert touched.scans == 0
    assert touched.entries <= EACH + LAG


@pytest.mark.standard("a claim remembers where to look")
def test_a_claim_that_finds_nothing_walks_no_dead_entries(desk: Desk, held: int) -> None:
    desk.sql(CROWD, held, 3 * MANY)
    assert MANY == len(desk.claim(held, limit=MANY))
    hints = desk.hints(held)

    touched = touched_by(desk, lambda: desk.claim(held, hints=hints))

    assert touched.entries <= EACH


@pytest.mark.standard("a claim remembers where to look")
def test_a_hint_leads_to_a_job_committed_late_past_the_dead_entries(
    desk: Desk, open_desk: Callable[[], Desk], held: int
) -> None:
    late = open_desk()
    found: list[Claim] = []
    with late.transaction():
        sent = late.send()
        desk.sql(CROWD, held, 3 * MANY)
        assert MANY == len(desk.claim(held, limit=MANY))
        hints = desk.hints(held)

    touched = touched_by(desk, lambda: found.extend(desk.claim(held, hints=hints)))

    assert [str(sent)] == [one.id for one in found]
    assert touched.entries <= EACH


def test_promoting_the_latest_walks_no_dead_entries(desk: Desk, held: int) -> None:
    desk.sql(CROWD, held, 3 * MANY)
    assert MANY == desk.run(jobs.promote(limit=MANY, within=None))[0]

    whole = touched_by(desk, lambda: desk.run(jobs.promote(limit=BATCH, within=None)))
    touched = touched_by(desk, lambda: desk.run(jobs.promote(limit=BATCH, within=60.0)))

    assert whole.entries >= MANY
    assert touched.entries <= EACH


@pytest.mark.parametrize("statement", [finish, put_back])
def test_ending_a_batch_walks_no_dead_entries(
    desk: Desk, held: int, statement: Callable[[Crowd], int]
) -> None:
    desk.sql(CROWD, held, 3 * MANY)
    assert MANY == len(desk.claim(held, limit=MANY))
    crowd = Crowd(desk, held, a_batch(desk, held))

    touched = touched_by(desk, lambda: statement(crowd))

    assert touched.scans == 0
    assert touched.entries <= EACH * BATCH


# Schedules

DUE = """
    INSERT INTO howdah.schedule (name, task, queue, every, next_at)
    SELECT 's' || n, 't', 'q', 86400, pg_catalog.to_timestamp(0)
    FROM pg_catalog.generate_series(1, %s) AS n
"""


@pytest.mark.parametrize("before", [0, 1, BATCH])
def test_a_batch_that_is_fired_touches_no_more_than_its_schedules(desk: Desk, before: int) -> None:
    desk.sql("ALTER TABLE howdah.schedule SET (autovacuum_enabled = false)")
    desk.sql(DUE, before)
    desk.sql("ANALYZE howdah.schedule")
    for _ in range(8):
        fired(desk)
    desk.sql("DELETE FROM howdah.schedule")
    desk.sql("DELETE FROM howdah.tick")
    desk.sql(DUE, MANY)
    done: list[int] = []

    touched = touched_by(desk, lambda: done.append(fired(desk)), table="schedule")

    assert [BATCH] == done
    assert touched.scans == 0
    assert touched.entries <= EACH * BATCH
    assert touched.rows <= EACH * BATCH


def fired(desk: Desk) -> int:
    """Fire a batch of the schedules. Returns how many were sent."""
    order: dict[str, Any] = {"expected": 0, "next": 86_400, "ticks": [0]}
    order["schedules"] = [(f"s{n}", 1) for n in range(1, BATCH + 1)]
    return int(desk.sql("SELECT fired FROM howdah.fire(%s::jsonb)", json.dumps([order]))[0][0])
