"""What claims of jobs in lines touch, under wrong statistics and past dead entries.

As test_plans.py does for plain jobs: scans, index entries and rows are counted, not time.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from howdah._db import queue as queues
from howdah._db import quota as quotas
from tests.integration.desk import Desk
from tests.integration.touched import touched_by

MANY = 20_000
FEW = 5_000
LINES = 1_000
BATCH = 20
# For one job of a batch: a look for its line, for its place in it and at what else runs there.
EACH = 30
# By how much the memory of a line may lag behind, in looks past some hundreds of jobs: see
# functions/16_claim_line.
LAG = 1_500

CROWD = """
    INSERT INTO howdah.job (id, queue, task, args, ready_xid, line, key, limits, policy, sending)
    SELECT pg_catalog.gen_random_uuid(), 'q', 't', '{}', howdah.turn(),
           pg_catalog.format(%s, pg_catalog.mod(n, %s)),
           pg_catalog.format(%s, pg_catalog.mod(n, %s)),
           pg_catalog.string_to_array(%s::text, ','), %s::text,
           pg_catalog.nextval('howdah.sending')
    FROM pg_catalog.generate_series(1, %s) AS n
"""
KNOWN = """
    INSERT INTO howdah.line (queue, priority, line)
    SELECT DISTINCT j.queue, j.priority, j.line FROM howdah.job AS j
"""


IDLE = """
    INSERT INTO howdah.line (queue, priority, line)
    SELECT 'q', 0::smallint, 'idle-' || n FROM pg_catalog.generate_series(1, %s) AS n
"""
HEADS = """
    INSERT INTO howdah.line_head (queue, line)
    SELECT DISTINCT j.queue, j.line FROM howdah.job AS j
"""


def one_limited_line(desk: Desk) -> None:
    desk.sql(CROWD, "api", 1, "k%s", MANY + 1, "api", None, MANY)


def a_thousand_groups(desk: Desk) -> None:
    desk.sql(CROWD, "group-%s", LINES, "k%s", MANY + 1, None, None, MANY)


def lines_of_a_policy(desk: Desk) -> None:
    desk.sql(CROWD, "key-%s", LINES, "key-%s", LINES, None, "singleton", MANY)


def lines_in_strict_order(desk: Desk) -> None:
    desk.sql(CROWD, "key-%s", LINES, "key-%s", LINES, None, "key_strict_fifo", MANY)


def few_lines_of_a_policy(desk: Desk) -> None:
    desk.sql(CROWD, "key-%s", BATCH, "key-%s", BATCH, None, "singleton", FEW)


def few_lines_in_strict_order(desk: Desk) -> None:
    desk.sql(CROWD, "key-%s", BATCH, "key-%s", BATCH, None, "key_strict_fifo", FEW)


CROWDS = [one_limited_line, a_thousand_groups, lines_of_a_policy, lines_in_strict_order]


@pytest.fixture
def worker(desk: Desk) -> int:
    """A worker of a queue of which nobody gathers statistics but the test."""
    desk.sql("SET synchronous_commit = on")
    for table in ("job", "line", "line_head", "slot"):
        desk.sql(f"ALTER TABLE howdah.{table} SET (autovacuum_enabled = false)")
        desk.sql(f"ANALYZE howdah.{table}")
    desk.sql("INSERT INTO howdah.lane (queue, priority, lined) VALUES ('q', 0, true)")
    desk.run(queues.register({"q": None}))
    desk.run(quotas.register({"api": {"total": 2 * MANY}}))
    return desk.worker()


@pytest.mark.parametrize("is_counted", [False, True], ids=["nobody counted", "counted"])
@pytest.mark.parametrize("crowd", CROWDS, ids=lambda crowd: crowd.__name__.replace("_", " "))
def test_a_claim_touches_no_more_than_its_lines(
    desk: Desk, worker: int, crowd: Callable[[Desk], None], is_counted: bool
) -> None:
    crowd(desk)
    desk.sql(KNOWN)
    if is_counted:
        desk.sql("ANALYZE howdah.job")
    done: list[int] = []
    # The first one marks in the index what is dead, for those who come later.
    touched_by(desk, lambda: desk.claim(worker, limit=BATCH))

    touched = touched_by(desk, lambda: done.append(len(desk.claim(worker, limit=BATCH))))

    assert [BATCH] == done
    assert touched.scans == 0
    assert touched.entries <= EACH * BATCH
    assert touched.rows <= EACH * BATCH


def test_each_line_is_looked_up_by_its_name(desk: Desk, worker: int) -> None:
    a_thousand_groups(desk)
    desk.sql(KNOWN)
    # The first claims of a line move it on, so each of these is found twice.
    claimed = touched_by(desk, lambda: desk.claim(worker, limit=BATCH), table="line")
    sent = touched_by(desk, lambda: desk.send(group="group-7"), table="line")

    # Who does not say which line was the last draws one: counts them, and walks to the one drawn.
    assert 0 < claimed.entries <= EACH * BATCH + 2 * LINES
    assert claimed.scans == 0
    assert 0 < sent.entries <= EACH
    assert sent.scans == 0


def test_lines_that_have_nothing_to_do_are_put_aside(desk: Desk, worker: int) -> None:
    desk.sql(IDLE, 5 * LINES)
    # They are by chance: by the same chance each time.
    desk.sql("SELECT pg_catalog.setseed(0.5)")
    for _ in range(2 * BATCH):
        desk.send(group="busy")
        desk.finish(*desk.claim(worker, limit=BATCH))
    desk.send(group="busy")
    done: list[int] = []

    touched = touched_by(
        desk, lambda: done.append(len(desk.claim(worker, limit=BATCH))), table="line"
    )

    assert [1] == done
    assert touched.scans == 0
    assert touched.entries <= EACH * BATCH
    assert 1 <= desk.value("SELECT count(*) FROM howdah.line") <= LINES // 5


def test_each_head_is_looked_up_by_the_name_of_its_line(desk: Desk, worker: int) -> None:
    desk.run(queues.put("q", {"policy": "key_strict_fifo"}))
    lines_in_strict_order(desk)
    desk.sql(KNOWN)
    desk.sql(HEADS)

    claimed = touched_by(desk, lambda: desk.claim(worker, limit=BATCH), table="line_head")
    sent = touched_by(desk, lambda: desk.send(key="key-7"), table="line_head")

    assert 0 < claimed.entries <= EACH * BATCH
    assert claimed.scans == 0
    assert 0 < sent.entries <= EACH
    assert sent.scans == 0


@pytest.mark.standard("its lines remember where to look")
@pytest.mark.parametrize(
    ("crowd", "lag"),
    [
        pytest.param(crowd, lag, id=crowd.__name__.replace("_", " "))
        for crowd, lag in [
            (one_limited_line, LAG),
            (a_thousand_groups, LAG),
            (few_lines_of_a_policy, LAG),
            # Who is first is looked up twice. All that was ever first would be 30,000.
            (few_lines_in_strict_order, 8 * LAG),
        ]
    ],
)
def test_a_claim_walks_few_dead_entries_of_its_lines(
    desk: Desk, open_desk: Callable[[], Desk], worker: int, crowd: Callable[[Desk], None], lag: int
) -> None:
    forgotten = open_desk()
    with forgotten.transaction():
        forgotten.sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        forgotten.sql("SELECT 1")
        crowd(desk)
        desk.sql(KNOWN)
        desk.sql(HEADS)
        # The memory is moved on by chance: by the same chance each time.
        desk.sql("SELECT pg_catalog.setseed(0.5)")
        while claims := desk.claim(worker, limit=5 * BATCH):
            desk.finish(*claims)
        crowd(desk)
        done: list[int] = []

        touched = touched_by(desk, lambda: done.append(len(desk.claim(worker, limit=BATCH))))

    assert [BATCH] == done
    assert touched.scans == 0
    assert touched.entries <= EACH * BATCH + lag
