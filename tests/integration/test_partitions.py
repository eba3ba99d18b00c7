"""The day partitions of archive and log: made ahead, dropped when their day is over."""

from __future__ import annotations

from datetime import date

import pytest

from tests.conftest import Clock
from tests.integration.day_partitions import (
    AHEAD,
    ARCHIVED,
    DAY,
    ENDLESS,
    LOG_DAYS,
    LOGGED,
    MANY,
    USUAL,
    day_of,
    delete,
    drop,
    finished,
    make,
    make_all,
    named,
    noon,
    partitions,
    where,
)
from tests.integration.desk import Desk


@pytest.fixture(autouse=True)
def today(clock: Clock) -> date:
    """The schema's day in UTC."""
    return noon(clock)


# Made ahead


def test_today_and_the_days_after_it_have_partitions(desk: Desk, today: date) -> None:
    make(desk)

    usual = {named("archive", day_of(today, USUAL) + n * DAY) for n in range(AHEAD + 1)}
    assert usual <= set(partitions(desk, "archive"))
    assert {named("log", today + n * DAY) for n in range(AHEAD + 1)} <= set(partitions(desk, "log"))


def test_a_job_is_archived_in_its_own_day_from_the_first(desk: Desk, today: date) -> None:
    make(desk)

    assert named("archive", day_of(today, USUAL)) == where(desk, finished(desk))


def test_the_retention_of_a_live_job_has_its_days_made_ahead(desk: Desk, today: date) -> None:
    desk.send(retention=30 * DAY)

    make(desk)

    ahead = {named("archive", day_of(today, 30) + n * DAY) for n in range(AHEAD + 1)}
    assert ahead <= set(partitions(desk, "archive"))


def test_a_retention_seen_once_finds_its_partition_on_the_next_day(
    desk: Desk, clock: Clock, today: date
) -> None:
    finished(desk, retention=30 * DAY)
    make(desk)
    clock.advance(DAY)

    late = finished(desk, retention=30 * DAY)

    assert named("archive", day_of(today, 30) + DAY) == where(desk, late)


def test_what_is_made_already_is_not_missed(desk: Desk) -> None:
    made, _ = make(desk)

    assert made > 0
    assert (0, 0) == make(desk)


def test_one_round_makes_few_and_says_that_more_are_missing(desk: Desk) -> None:
    for days in range(20, 60, 4):
        desk.send(retention=days * DAY)

    made, missed = make(desk)
    again, fewer = make(desk)

    assert (15, 15) == (made, again)
    assert fewer == missed - 15


def test_the_days_of_the_log_are_those_of_utc_in_any_time_zone(desk: Desk, today: date) -> None:
    desk.sql("SET TimeZone = 'Pacific/Kiritimati'")
    make(desk)

    desk.sql(LOGGED, f"{today} 00:00:00+00")
    desk.sql(LOGGED, f"{today} 23:59:59.999+00")

    found = desk.sql(
        "SELECT c.relname::text, count(*) FROM howdah.log AS l"
        " JOIN pg_catalog.pg_class AS c ON c.oid = l.tableoid GROUP BY 1"
    )
    assert [(named("log", today), 2)] == found


# Moved out of the default partition


def test_a_job_that_had_no_partition_is_moved_into_its_day(desk: Desk, today: date) -> None:
    sent = finished(desk)
    assert "archive_default" == where(desk, sent)

    make(desk)

    assert named("archive", day_of(today, USUAL)) == where(desk, sent)


def test_a_retention_of_its_own_is_moved_into_its_own_day(desk: Desk, today: date) -> None:
    sent = finished(desk, retention=90 * DAY)

    make(desk)

    assert named("archive", day_of(today, 90)) == where(desk, sent)


def test_log_lines_that_had_no_partition_are_moved_into_their_day(desk: Desk, today: date) -> None:
    desk.sql(LOGGED, f"{today - DAY} 12:00:00+00")

    make(desk)

    assert 0 == desk.value("SELECT count(*) FROM howdah.log_default")
    assert named("log", today - DAY) in partitions(desk, "log")


def test_very_many_rows_of_a_day_are_left_where_they_are(desk: Desk, today: date) -> None:
    desk.sql(ARCHIVED, "30 days", MANY)

    make_all(desk)

    assert MANY == desk.value("SELECT count(*) FROM howdah.archive_default")
    assert named("archive", day_of(today, 30)) not in partitions(desk, "archive")


def test_the_days_after_very_many_rows_are_made_ahead(desk: Desk, today: date) -> None:
    desk.sql(ARCHIVED, "30 days", MANY)

    make_all(desk)

    assert named("archive", day_of(today, 31)) in partitions(desk, "archive")


def test_one_round_moves_no_more_than_many_rows_of_different_days(desk: Desk) -> None:
    desk.sql(ARCHIVED, "14 days", 15_000)
    desk.sql(ARCHIVED, "15 days", 15_000)

    _, missed = make(desk)

    assert 1 == missed
    assert 15_000 == desk.value("SELECT count(*) FROM howdah.archive_default")


# Dropped and deleted when the day is over


def test_a_job_is_kept_for_its_retention(desk: Desk, clock: Clock) -> None:
    make(desk)
    sent = finished(desk)
    clock.advance(USUAL * DAY)

    assert [] == drop(desk)
    assert "completed" == desk.state(sent)


def test_a_job_is_gone_after_its_retention(desk: Desk, clock: Clock, today: date) -> None:
    make(desk)
    sent = finished(desk)
    clock.advance((USUAL + 2) * DAY)

    dropped = drop(desk)

    assert named("archive", day_of(today, USUAL)) in dropped
    assert desk.state(sent) is None


def test_each_job_is_kept_for_its_own_retention(desk: Desk, clock: Clock) -> None:
    short, usual, long = (finished(desk, retention=n * DAY) for n in (1, USUAL, 60))
    make(desk)
    clock.advance(3 * DAY)

    drop(desk)

    assert [None, "completed", "completed"] == [desk.state(one) for one in (short, usual, long)]


def test_log_lines_are_gone_after_their_days(desk: Desk, clock: Clock, today: date) -> None:
    make(desk)
    desk.sql(LOGGED, f"{today} 12:00:00+00")
    clock.advance((LOG_DAYS + 1) * DAY)

    dropped = drop(desk)

    assert [named("log", today)] == [name for name in dropped if name.startswith("log_")]
    assert 0 == desk.value("SELECT count(*) FROM howdah.log")


@pytest.mark.parametrize("made_first", [True, False], ids=["with a partition", "without"])
def test_a_job_that_is_kept_for_ever_is_never_dropped(
    desk: Desk, clock: Clock, made_first: bool
) -> None:
    desk.sql(ARCHIVED, ENDLESS, 1)
    if made_first:
        make(desk)
    clock.advance(100 * 366 * DAY)

    drop(desk)
    delete(desk)

    assert 1 == desk.value("SELECT count(*) FROM howdah.archive WHERE keep_until = 'infinity'")


def test_jobs_kept_for_ever_do_not_stand_in_the_default_partition(desk: Desk) -> None:
    desk.sql(ARCHIVED, ENDLESS, 3)

    make(desk)

    assert 3 == desk.value("SELECT count(*) FROM howdah.archive_endless")


@pytest.mark.parametrize("state", ["created", "waiting", "active"])
def test_a_job_that_has_not_finished_is_never_deleted(desk: Desk, clock: Clock, state: str) -> None:
    make(desk)
    sent = desk.send(retention=DAY)
    if state != "created":
        (claim,) = desk.claim()
    if state == "waiting":
        desk.sql(
            "SELECT howdah.put_back(%s::text[]::uuid[], %s::bigint[], '{waiting}', '{null}',"
            " '{true}', '{null}')",
            [claim.id],
            [claim.fence],
        )
    clock.advance(10_000 * DAY)

    make(desk)
    drop(desk)
    delete(desk)

    assert state == desk.state(sent)


def test_rows_left_in_the_default_partition_stay_while_their_day_lasts(
    desk: Desk, clock: Clock
) -> None:
    desk.sql(ARCHIVED, "1 day", MANY)
    clock.advance(DAY)

    make(desk)
    drop(desk)

    assert 0 == delete(desk)
    assert MANY == desk.value("SELECT count(*) FROM howdah.archive_default")


def test_rows_left_in_the_default_partition_go_in_batches_when_their_day_is_over(
    desk: Desk, clock: Clock
) -> None:
    desk.sql(ARCHIVED, "1 day", MANY)
    clock.advance(3 * DAY)

    deleted = [delete(desk) for _ in range(4)]

    assert [10_000, 10_000, 1, 0] == deleted


def test_days_that_are_over_are_not_made_any_more(desk: Desk, clock: Clock, today: date) -> None:
    finished(desk, retention=DAY)
    clock.advance(5 * DAY)

    make(desk)

    assert named("archive", day_of(today, 1)) not in partitions(desk, "archive")


def test_log_lines_without_a_partition_are_deleted_after_their_days(
    desk: Desk, clock: Clock, today: date
) -> None:
    desk.sql(LOGGED, f"{today} 12:00:00+00")
    clock.advance((LOG_DAYS + 1) * DAY)

    assert 1 == delete(desk)
