"""Ageing where jobs stand in lines: whichever line has the oldest job, its waiting counts."""

from __future__ import annotations

import pytest

from howdah._db import queue as queues
from howdah._model.outcome import Verdict
from tests.conftest import Clock
from tests.integration.desk import Desk
from tests.integration.touched import touched_by

HOUR = 3600.0
STEP = 10.0


def known(desk: Desk, **said: object) -> None:
    desk.run(queues.put("q", {"ageing": STEP, **said}))


def first_claims(desk: Desk, times: int = 1) -> set[int]:
    """The priorities of what so many claims of one job would get, all of which are taken back."""
    worker = desk.worker()
    got: set[int] = set()
    for _ in range(times):
        with desk.connection.transaction(force_rollback=True):
            got.update(claim.priority for claim in desk.claim(worker))
    return got


def test_the_oldest_job_counts_whichever_line_it_stands_in(desk: Desk, clock: Clock) -> None:
    known(desk)
    for line in "bcde":
        desk.send(group=line)
    clock.advance(HOUR)
    desk.send(group="a")
    desk.send(group="z", priority=9)

    assert {0} == first_claims(desk)


def test_a_policy_makes_no_difference(desk: Desk, clock: Clock) -> None:
    known(desk, policy="key_strict_fifo")
    desk.send(key="b")
    clock.advance(HOUR)
    desk.send(key="a")
    desk.send(key="z", priority=9)

    assert {0} == first_claims(desk)


def test_of_very_many_lines_the_one_with_the_oldest_job_is_looked_at_some_time(
    desk: Desk, clock: Clock
) -> None:
    known(desk)
    desk.send(group="line-200")
    clock.advance(HOUR)
    for number in range(400):
        desk.send(group=f"line-{number}")
    desk.send(group="z", priority=9)

    assert {0, 9} == first_claims(desk, times=150)


def test_a_look_at_very_many_lines_is_bounded(desk: Desk) -> None:
    known(desk)
    for number in range(400):
        desk.send(group=f"line-{number}")
    look = "SELECT howdah.aged('10', 'q', 0::smallint, '0')"
    desk.sql("SET enable_seqscan = off")
    desk.sql("SET enable_bitmapscan = off")

    touched = touched_by(desk, lambda: desk.sql(look))

    assert (0, True) == (touched.scans, touched.entries <= 120)


def test_a_line_that_a_failed_job_blocks_does_not_count(desk: Desk, clock: Clock) -> None:
    known(desk, policy="key_strict_fifo")
    desk.send(key="a")
    desk.send(key="a")
    desk.finish(*desk.claim(), verdict=Verdict.FAILED)
    clock.advance(HOUR)
    desk.send(key="b")
    desk.send(key="z", priority=9)

    assert {9} == first_claims(desk)


@pytest.mark.parametrize("waited", [0.0, 4 * STEP])
def test_who_has_not_waited_long_enough_comes_second(
    desk: Desk, clock: Clock, waited: float
) -> None:
    known(desk)
    desk.send(group="a")
    clock.advance(waited)
    desk.send(group="z", priority=9)

    assert {9} == first_claims(desk)


@pytest.mark.standard("its lines remember who commits late")
def test_a_job_that_was_committed_late_counts(desk: Desk, clock: Clock, database_url: str) -> None:
    known(desk)
    worker = desk.worker()
    other = Desk(database_url, desk.schema)
    with other.transaction():
        other.send(group="a")
        desk.send(group="a")
        # What has been claimed moves the position of the line on, and names who is late.
        desk.sql("SELECT pg_catalog.setseed(0.5)")
        for _ in range(400):
            desk.send(group="a")
        while claims := desk.claim(worker, limit=50):
            desk.finish(*claims)
        assert [(1,)] == desk.sql("SELECT cardinality(late) FROM howdah.line")
    other.close()
    clock.advance(HOUR)
    desk.send(group="z", priority=9)

    assert {0} == first_claims(desk)
