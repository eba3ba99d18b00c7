"""What queues were like: counted once a minute, read by buckets, kept by days."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from howdah import Howdah, WorkerSettings
from howdah._db import sample as samples
from howdah._db.sample import Count, QueueStats
from howdah._db.steps import walk
from howdah._model.outcome import Verdict
from howdah.errors import UsageError
from howdah.lifespan import working
from tests.conftest import Clock
from tests.integration.day_partitions import DAY, drop, make, named, noon, partitions
from tests.integration.desk import Desk

MINUTE = timedelta(minutes=1)
LIMIT = 3


@pytest.fixture(autouse=True)
def today(clock: Clock) -> date:
    """The schema's day in UTC; it is noon and half a minute."""
    day = noon(clock)
    clock.advance(30)
    return day


def take(desk: Desk) -> list[str]:
    return [one.queue for one in desk.run(samples.take(crash_limit=LIMIT))]


def read(
    desk: Desk,
    queue: str | None = "q",
    *,
    since: timedelta = 10 * MINUTE,
    bucket: timedelta = MINUTE,
) -> list[QueueStats]:
    return walk(samples.stats(queue, since=since, bucket=bucket), desk.run)


def now_of(desk: Desk) -> QueueStats:
    return read(desk)[-1]


def count(queue: str = "q", *, done: int = 1, run_time: tuple[int, ...] = ()) -> Count:
    return Count(queue, done, 0, list(run_time), [])


def test_what_stands_in_a_queue_is_counted(desk: Desk) -> None:
    for _ in range(4):
        desk.send()
    desk.send(start_after=timedelta(hours=1))
    desk.claim()

    take(desk)

    found = now_of(desk)
    assert (3, 1, 1, 0) == (found.ready, found.delayed, found.active, found.waiting)


def test_the_oldest_is_as_old_as_it_has_been_due(desk: Desk, clock: Clock) -> None:
    desk.send()
    clock.advance(120)

    take(desk)

    assert now_of(desk).oldest is not None
    assert pytest.approx(120, abs=20) == now_of(desk).oldest.total_seconds()  # type: ignore[union-attr]


def test_a_minute_is_counted_once(desk: Desk, clock: Clock) -> None:
    desk.send()

    assert [["q"], []] == [take(desk), take(desk)]

    clock.advance(60)
    assert ["q"] == take(desk)


def test_jobs_that_ended_otherwise_than_well_are_counted_once(desk: Desk, clock: Clock) -> None:
    take(desk)
    for verdict in (Verdict.FAILED, Verdict.FAILED, Verdict.EXPIRED, Verdict.CANCELLED):
        desk.send()
        (claim,) = desk.claim()
        desk.finish(claim, verdict=verdict)
    for _ in range(3):
        clock.advance(60)
        take(desk)

    series = read(desk)

    assert (2, 1, 1) == (
        sum(it.failed for it in series),
        sum(it.expired for it in series),
        sum(it.cancelled for it in series),
    )


def test_failures_while_nobody_looked_are_counted_by_the_next_who_looks(
    desk: Desk, clock: Clock
) -> None:
    take(desk)
    desk.send()
    (claim,) = desk.claim()
    desk.finish(claim, verdict=Verdict.FAILED)
    clock.advance(300)

    take(desk)

    assert 1 == sum(it.failed for it in read(desk))


def test_a_minute_in_which_nobody_looked_is_unknown_and_not_empty(desk: Desk, clock: Clock) -> None:
    desk.send()
    take(desk)
    clock.advance(120)
    desk.sql("DELETE FROM howdah.job")
    take(desk)

    assert [1, None, 0] == [it.ready for it in read(desk)[-3:]]


def test_counts_of_workers_add_up(desk: Desk) -> None:
    desk.run(samples.write(desk.run(samples.now()), 1, [count(done=2, run_time=(10, 2))]))
    desk.run(samples.write(desk.run(samples.now()), 2, [count(done=3, run_time=(10, 1, 20, 2))]))

    found = now_of(desk)

    assert 5 == found.done
    assert {10: 3, 20: 2} == found.run_time.counts


def test_a_write_that_is_repeated_counts_once(desk: Desk) -> None:
    at = desk.run(samples.now())
    for _ in range(2):
        desk.run(samples.write(at, 1, [count(done=2)]))

    assert 2 == now_of(desk).done


def test_buckets_merge_minutes(desk: Desk, clock: Clock) -> None:
    for number in range(10):
        desk.send()
        take(desk)
        desk.run(samples.write(desk.run(samples.now()), 1, [count(done=number)]))
        clock.advance(60)

    series = read(desk, since=9 * MINUTE, bucket=5 * MINUTE)

    assert [(5, 10), (10, 35), (None, 0)] == [(it.ready, it.done) for it in series]


def test_a_series_has_no_gaps_and_begins_where_it_is_asked_to(desk: Desk) -> None:
    desk.send()
    take(desk)

    series = read(desk, since=60 * MINUTE)

    assert 61 == len(series)
    assert {MINUTE} == {b.at - a.at for a, b in pairwise(series)}


def test_every_queue_that_was_not_empty_has_a_series(desk: Desk) -> None:
    desk.send(queue="a")
    desk.send(queue="b")
    take(desk)

    assert {"a", "b"} == {it.queue for it in read(desk, None)}


def test_the_marks_of_samples_are_no_queue(desk: Desk) -> None:
    take(desk)

    assert [] == read(desk, None)


@pytest.mark.parametrize(
    ("since", "bucket", "why"),
    [
        (timedelta(hours=1), timedelta(seconds=90), "one whole minute or more"),
        (timedelta(hours=1), timedelta(0), "one whole minute or more"),
        (timedelta(days=30), MINUTE, "at most 10,000 buckets"),
        (datetime(2026, 1, 1), MINUTE, "give it a time zone"),
        (3600, 90, "one whole minute or more"),
        (-5, MINUTE, "cannot use since=-5"),
        ("1h", MINUTE, "cannot use since='1h': it must be a timedelta or a number of seconds"),
    ],
)
def test_what_cannot_be_read_is_refused(
    desk: Desk, since: Any, bucket: timedelta | float, why: str
) -> None:
    with pytest.raises(UsageError, match=why):
        walk(samples.stats("q", since=since, bucket=bucket), desk.run)


def test_samples_have_a_partition_for_each_day(desk: Desk, today: date) -> None:
    make(desk)

    assert {named("sample", today + n * DAY) for n in range(4)} <= set(partitions(desk, "sample"))


def test_samples_are_gone_after_their_days(desk: Desk, clock: Clock, today: date) -> None:
    make(desk)
    desk.send()
    take(desk)
    clock.advance(16 * DAY)

    assert named("sample", today) in drop(desk)


def test_samples_without_a_partition_are_moved_into_their_day(desk: Desk, today: date) -> None:
    desk.send()
    take(desk)

    make(desk)

    assert 2 == desk.value(f"SELECT count(*) FROM howdah.{named('sample', today)}")


async def test_a_worker_writes_what_it_ran_when_it_leaves(
    app: Howdah, sql: Callable[..., list[tuple]]
) -> None:
    @app.task(queue="mail")
    async def welcome() -> None: ...

    job = await welcome.send()
    async with working(app, WorkerSettings(poll=0.05, grace=1.0)):
        await job.result(timeout=10)

    (found,) = [it for it in await app.stats("mail") if it.done]
    assert (1, 1, 1) == (found.done, found.run_time.count, found.latency.count)
    assert found.latency.p95 is not None
    assert found.latency.p95 < timedelta(seconds=30)


async def test_both_clients_read_the_same(app: Howdah, desk: Desk) -> None:
    desk.send()
    take(desk)
    since = datetime.now(UTC)

    assert await app.stats(since=since) == app.sync.stats(since=since) != []
