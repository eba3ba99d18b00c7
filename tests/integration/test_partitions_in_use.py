"""Housekeeping of partitions while others are in the tables."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from howdah._db import worker as workers
from tests.conftest import Clock
from tests.integration.day_partitions import (
    AHEAD,
    ARCHIVED,
    DAY,
    LOG_DAYS,
    USUAL,
    day_of,
    delete,
    drop,
    finished,
    make,
    named,
    noon,
    partitions,
)
from tests.integration.desk import Desk

PARENTS = ("archive", "log", "sample")


@pytest.fixture(autouse=True)
def today(clock: Clock) -> date:
    """The schema's day in UTC."""
    return noon(clock)


def test_a_partition_in_use_by_a_reader_is_skipped_and_dropped_later(
    desk: Desk, open_desk: Callable[[], Desk], clock: Clock, today: date
) -> None:
    make(desk)
    in_use, free = (named("archive", day_of(today, USUAL) + n * DAY) for n in (0, 1))
    clock.advance((USUAL + 3) * DAY)
    reader = open_desk()
    with reader.transaction():
        reader.sql(f"SELECT count(*) FROM howdah.{in_use}")
        while_used = drop(desk)

    assert free in while_used
    assert in_use not in while_used
    assert in_use in drop(desk)


def test_a_long_reader_of_the_archive_does_not_keep_the_days_of_the_log_from_being_made(
    desk: Desk, open_desk: Callable[[], Desk]
) -> None:
    reader = open_desk()
    with reader.transaction():
        reader.sql("SELECT count(*) FROM howdah.archive")

        made, missed = make(desk)

    assert AHEAD + 1 == len(partitions(desk, "log")) - 1
    assert 2 * (AHEAD + 1) == made
    assert len(partitions(desk, "archive")) - 1 == 0
    assert AHEAD + 2 == missed


def test_what_was_missed_is_made_by_a_later_round(
    desk: Desk, open_desk: Callable[[], Desk]
) -> None:
    reader = open_desk()
    with reader.transaction():
        reader.sql("SELECT count(*) FROM howdah.archive")
        _, missed = make(desk)

    assert (missed, 0) == make(desk)


def test_a_finish_does_not_wait_behind_a_round_that_waits_for_a_reader(
    desk: Desk, open_desk: Callable[[], Desk]
) -> None:
    sent = desk.send()
    (claim,) = desk.claim()
    reader, keeper = open_desk(), open_desk()
    with reader.transaction():
        reader.sql("SELECT count(*) FROM howdah.archive")
        desk.sql("SET lock_timeout = 1")
        keeping = keeper.start(workers.make_partitions(days=AHEAD))

        while not keeping.done():
            desk.finish(claim)

    assert "completed" == desk.state(sent)


def test_housekeeping_on_several_connections_at_once_makes_each_day_once(
    desk: Desk, open_desk: Callable[[], Desk]
) -> None:
    finished(desk)
    keepers = [open_desk() for _ in range(4)]

    rounds = [keeper.start(workers.make_partitions(days=AHEAD)) for keeper in keepers]
    made = sum(one.result(30)[0] for one in rounds) + make(desk)[0]

    assert made == sum(len(partitions(desk, parent)) - 1 for parent in PARENTS)
    assert (0, 0) == make(desk)


def test_housekeeping_on_several_connections_at_once_drops_and_deletes_once(
    desk: Desk, open_desk: Callable[[], Desk], clock: Clock
) -> None:
    make(desk)
    desk.sql(ARCHIVED, "1 day", 100)
    clock.advance(60 * DAY)
    keepers = [open_desk() for _ in range(4)]

    deletes = [
        keeper.start(workers.delete_strays(log_days=LOG_DAYS, sample_days=LOG_DAYS, limit=30))
        for keeper in keepers
    ]
    deleted = sum(one.result(30) for one in deletes)
    drops = [
        keeper.start(workers.drop_partitions(log_days=LOG_DAYS, sample_days=LOG_DAYS))
        for keeper in keepers
    ]
    dropped = [name for one in drops for name in one.result(30)] + drop(desk)

    assert deleted + delete(desk) == 100
    assert len(dropped) == len(set(dropped)) == 3 * (AHEAD + 1)
