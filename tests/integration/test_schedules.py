"""Schedules on a real database: each tick once, whoever fires and whatever happens meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from howdah import Howdah, WorkerSettings
from howdah._db import schedule as queries
from howdah._db.schedule import Due
from howdah._model.schedule import Plan, plan
from howdah._model.signals import PassFailed, SchedulesStray, Signals
from howdah._worker.blocking_link import BlockingLink
from howdah._worker.housekeeping.scheduler import WHEN_TAKEN, Scheduler
from howdah.errors import (
    BadScheduleError,
    DatabaseError,
    MissingKeyError,
    PayloadMismatchError,
    UnknownScheduleError,
    UsageError,
)
from howdah.lifespan import working
from tests.acceptance.harness import until
from tests.conftest import Clock
from tests.integration.desk import Desk, wait_until_blocked

HOUR = timedelta(hours=1)
Sql = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def signals() -> Signals:
    return Signals()


@pytest.fixture
def fire(database_url: str, schema: str, signals: Signals) -> Callable[[], float]:
    """One pass of one worker."""
    link = BlockingLink(database_url, schema, role="test", signals=signals)
    scheduler = Scheduler(link, signals)
    yield scheduler.run  # type: ignore[misc]
    link.close()


@pytest.fixture
def half_past(clock: Clock) -> datetime:
    """Half past some hour, at which the schema's clock stands."""
    now = datetime.now(UTC)
    moment = now.replace(minute=30, second=0, microsecond=0) + HOUR
    clock.advance(moment - now)
    return moment


@pytest.fixture
def report(app: Howdah) -> Any:
    @app.task
    async def report(kind: str = "daily") -> None: ...

    return report


async def hourly(app: Howdah, task: Any, **options: Any) -> None:
    await app.schedules.put("hourly", task, cron="0 * * * *", **options)


def sent(sql: Sql) -> list[tuple[Any, ...]]:
    """The ticks that were dealt with, and whether each has a job."""
    return sql("SELECT nominal, job_id IS NOT NULL FROM howdah.tick AS t ORDER BY 1")


def queries_now(app: Howdah) -> datetime:
    return app.sync.run(queries.now())


def jobs(sql: Sql) -> int:
    return int(sql("SELECT count(*) FROM howdah.jobs AS j")[0][0])


def due(desk: Desk) -> tuple[Due, Plan]:
    (one,) = desk.run(queries.due(limit=10)).due
    (name,) = one.names
    record = desk.run(queries.get(name))
    assert record is not None
    return one, plan(record.timing, first=one.next_at, now=one.now, catch_up=one.catch_up)


async def test_a_schedule_sends_nothing_before_it_is_due(
    app: Howdah, report: Any, fire: Callable[[], float], sql: Sql, half_past: datetime
) -> None:
    await hourly(app, report)

    fire()

    assert 0 == jobs(sql)


async def test_a_job_is_sent_with_the_arguments_and_options_of_its_schedule(
    app: Howdah, report: Any, fire: Callable[[], float], sql: Sql, clock: Clock, half_past: datetime
) -> None:
    task = report.using(priority=7, tags=("nightly",))
    await hourly(app, task, args={"kind": "weekly"})
    clock.advance(HOUR / 2)

    fire()

    assert [("report", "default", {"kind": "weekly"}, 7, ["nightly"])] == sql(
        "SELECT task, queue, args, priority, tags FROM howdah.job AS j"
    )
    assert [(half_past + HOUR / 2, True)] == sent(sql)
    record = await app.schedules.get("hourly")
    assert (half_past + HOUR / 2, half_past + HOUR * 1.5) == (record.last_tick, record.next_at)


async def test_schedules_that_are_due_alike_are_read_together_and_others_apart(
    app: Howdah, report: Any, desk: Desk, clock: Clock, half_past: datetime
) -> None:
    await app.schedules.put("a", report, cron="0 * * * *")
    await app.schedules.put("b", report, cron="0 * * * *", args={"kind": "b"})
    await app.schedules.put("c", report, cron="0 * * * *", catch_up="all")
    await app.schedules.put("d", report, every=1800)
    clock.advance(HOUR / 2)

    found = desk.run(queries.due(limit=10)).due

    assert [["a", "b"], ["c"], ["d"]] == sorted(sorted(one.names) for one in found)


async def test_what_is_due_while_a_pass_looks_is_not_left_for_the_longest_pause(
    app: Howdah,
    report: Any,
    database_url: str,
    schema: str,
    signals: Signals,
    clock: Clock,
    half_past: datetime,
) -> None:
    class Slow(BlockingLink):
        """A second goes by after each statement."""

        def run(self, query: Any, *, deadline: float | None = None) -> Any:
            answer = super().run(query, deadline=deadline)
            clock.advance(1)
            return answer

    link = Slow(database_url, schema, role="test", signals=signals)
    scheduler = Scheduler(link, signals)
    scheduler.run()
    await hourly(app, report)
    clock.advance(half_past + HOUR / 2 - timedelta(seconds=0.5) - queries_now(app))

    pause = scheduler.run()

    link.close()
    assert 0 <= pause <= 0.5


async def test_who_finds_all_taken_by_another_comes_again_soon(
    app: Howdah,
    report: Any,
    open_desk: Callable[[], Desk],
    fire: Callable[[], float],
    clock: Clock,
    half_past: datetime,
) -> None:
    await hourly(app, report)
    clock.advance(HOUR)
    other = open_desk()
    planned = due(other)

    with other.transaction():
        assert 1 == other.run(queries.fire([planned])).sent
        assert WHEN_TAKEN == fire()


async def test_five_workers_that_fire_at_once_send_each_tick_once(
    app: Howdah, report: Any, database_url: str, schema: str, sql: Sql, clock: Clock
) -> None:
    for number in range(60):
        await app.schedules.put(f"s{number}", report, every=1, catch_up="all")

    def work(_: int) -> None:
        link = BlockingLink(database_url, schema, role="test", signals=Signals())
        scheduler = Scheduler(link, Signals())
        try:
            for _ in range(30):
                scheduler.run()
        finally:
            link.close()

    with ThreadPoolExecutor(5) as threads:
        working = threads.map(work, range(5))
        for _ in range(10):
            clock.advance(1)
        list(working)

    rows = sql(
        "SELECT schedule, count(*), count(DISTINCT job_id), count(DISTINCT nominal),"
        " extract(epoch FROM max(nominal) - min(nominal))::int FROM howdah.tick AS t GROUP BY 1"
    )
    assert 60 == len(rows)
    assert [] == [row for row in rows if not row[1] == row[2] == row[3] == row[4] + 1]
    assert jobs(sql) == sum(row[1] for row in rows)


@pytest.mark.parametrize(("catch_up", "count"), [("none", 0), ("last", 1), ("all", 6)])
async def test_the_policy_decides_what_is_sent_after_an_outage(
    app: Howdah,
    report: Any,
    fire: Callable[[], float],
    sql: Sql,
    clock: Clock,
    half_past: datetime,
    catch_up: Any,
    count: int,
) -> None:
    await hourly(app, report, catch_up=catch_up)
    clock.advance(6 * HOUR)

    fire()

    ticks = [half_past + HOUR * (n + 0.5) for n in range(6)]
    assert [(tick, True) for tick in ticks[6 - count :]] == sent(sql)
    assert half_past + 6.5 * HOUR == (await app.schedules.get("hourly")).next_at


async def test_the_limit_holds_of_all_that_were_missed(
    app: Howdah, report: Any, fire: Callable[[], float], sql: Sql, clock: Clock, half_past: datetime
) -> None:
    await hourly(app, report, catch_up="all", catch_up_limit=2)
    clock.advance(6 * HOUR)

    fire()

    assert 2 == jobs(sql)


async def test_a_tick_is_skipped_while_the_last_job_has_not_finished(
    app: Howdah,
    report: Any,
    fire: Callable[[], float],
    sql: Sql,
    desk: Desk,
    clock: Clock,
    half_past: datetime,
) -> None:
    await hourly(app, report, overlap="skip")
    for _ in range(2):
        clock.advance(HOUR)
        fire()
    desk.finish(*desk.claim(queues=["default"]))
    clock.advance(HOUR)
    fire()

    assert [True, False, True] == [has_job for _, has_job in sent(sql)]


async def test_ticks_of_one_outage_do_not_overlap_either(
    app: Howdah, report: Any, fire: Callable[[], float], sql: Sql, clock: Clock, half_past: datetime
) -> None:
    await hourly(app, report, overlap="skip", catch_up="all")
    clock.advance(3 * HOUR)

    fire()

    assert [True, False, False] == [has_job for _, has_job in sent(sql)]


async def test_jobs_may_overlap_when_nobody_says_otherwise(
    app: Howdah, report: Any, fire: Callable[[], float], sql: Sql, clock: Clock, half_past: datetime
) -> None:
    await hourly(app, report, catch_up="all")
    clock.advance(3 * HOUR)

    fire()

    assert 3 == jobs(sql)


async def test_jitter_delays_a_job_but_not_its_tick(
    app: Howdah, report: Any, fire: Callable[[], float], sql: Sql, clock: Clock, half_past: datetime
) -> None:
    await hourly(app, report, jitter=600)
    clock.advance(HOUR / 2)

    fire()

    ((start,),) = sql("SELECT start_after FROM howdah.job AS j")
    tick = half_past + HOUR / 2
    assert tick <= start <= tick + timedelta(seconds=600)
    assert [(tick, True)] == sent(sql)


async def test_a_paused_schedule_sends_nothing_and_makes_up_for_nothing(
    app: Howdah, report: Any, fire: Callable[[], float], sql: Sql, clock: Clock, half_past: datetime
) -> None:
    await hourly(app, report, catch_up="all")
    await app.schedules.pause("hourly", by="ann")
    clock.advance(3 * HOUR)
    fire()
    resumed = await app.schedules.resume("hourly")
    fire()

    assert [] == sent(sql)
    assert (None, half_past + 3.5 * HOUR) == (resumed.paused_at, resumed.next_at)


async def test_a_pause_says_since_when_and_by_whom_and_stays_as_it_is(
    app: Howdah, report: Any, half_past: datetime
) -> None:
    await hourly(app, report)
    first = await app.schedules.pause("hourly", by="ann")
    second = await app.schedules.pause("hourly", by="bob")
    await hourly(app, report, args={"kind": "new"})
    third = await app.schedules.get("hourly")

    assert first.is_paused
    assert {("ann", first.paused_at)} == {(it.paused_by, it.paused_at) for it in (second, third)}


async def test_resuming_what_is_not_paused_moves_nothing(
    app: Howdah, report: Any, clock: Clock, half_past: datetime
) -> None:
    await hourly(app, report)
    before = await app.schedules.get("hourly")
    clock.advance(3 * HOUR)

    assert before.next_at == (await app.schedules.resume("hourly")).next_at


@pytest.mark.parametrize("change", ["edit", "pause", "delete", "fire"])
async def test_what_was_planned_for_another_state_of_the_schedule_is_not_done(
    app: Howdah, report: Any, sql: Sql, desk: Desk, clock: Clock, half_past: datetime, change: str
) -> None:
    await hourly(app, report)
    clock.advance(HOUR)
    planned = due(desk)

    match change:
        case "edit":
            await hourly(app, report, args={"kind": "new"})
        case "pause":
            await app.schedules.pause("hourly")
        case "delete":
            await app.schedules.delete("hourly")
        case "fire":
            desk.run(queries.fire([planned]))
    before = jobs(sql)

    fired = desk.run(queries.fire([planned]))

    assert (0, 0, before) == (fired.sent, fired.skipped, jobs(sql))


async def test_a_schedule_that_is_edited_while_it_is_fired_goes_by_the_edit(
    app: Howdah, report: Any, open_desk: Callable[[], Desk], clock: Clock, half_past: datetime
) -> None:
    await hourly(app, report)
    clock.advance(HOUR)
    firing, editing, watching = open_desk(), open_desk(), open_desk()
    planned = due(firing)
    record = firing.run(queries.get("hourly"))
    assert record is not None
    new = {
        "name": "hourly",
        "task": "report",
        "queue": "default",
        "args": {},
        "options": {},
        "cron": "45 * * * *",
        "tz": "UTC",
        "jitter": 0,
        "overlap": "allow",
        "catch_up": "last",
        "catch_up_limit": 1,
        "next_at": int((half_past + 1.25 * HOUR).timestamp()),
    }

    with firing.transaction():
        assert 1 == firing.run(queries.fire([planned])).sent
        put = editing.start(queries.put([new], source="runtime"))
        wait_until_blocked(watching, editing, put)

    assert ["hourly"] == put.result(10)
    found = await app.schedules.get("hourly")
    assert ("45 * * * *", half_past + 1.25 * HOUR) == (found.cron, found.next_at)


async def test_two_who_fire_do_not_wait_for_each_other(
    app: Howdah, report: Any, open_desk: Callable[[], Desk], clock: Clock, half_past: datetime
) -> None:
    await hourly(app, report)
    clock.advance(HOUR)
    first, second = open_desk(), open_desk()
    planned = due(first)

    with first.transaction():
        assert 1 == first.run(queries.fire([planned])).sent
        second.sql("SET lock_timeout = '300ms'")
        assert 0 == second.run(queries.fire([planned])).sent


async def test_a_tick_whose_transaction_dies_is_fired_by_another(
    app: Howdah,
    report: Any,
    open_desk: Callable[[], Desk],
    fire: Callable[[], float],
    sql: Sql,
    clock: Clock,
    half_past: datetime,
) -> None:
    await hourly(app, report)
    clock.advance(HOUR)
    dying = open_desk()
    planned = due(dying)
    dying.sql("BEGIN")
    assert 1 == dying.run(queries.fire([planned])).sent
    sql("SELECT pg_catalog.pg_terminate_backend(%s)", dying.pid)
    with pytest.raises(DatabaseError):
        dying.run(queries.now())

    fire()

    assert ([(half_past + HOUR / 2, True)], 1) == (sent(sql), jobs(sql))


async def test_a_schedule_that_is_made_again_does_not_send_a_tick_twice(
    app: Howdah, report: Any, desk: Desk, sql: Sql, clock: Clock, half_past: datetime
) -> None:
    await hourly(app, report)
    clock.advance(HOUR)
    desk.run(queries.fire([due(desk)]))
    await app.schedules.delete("hourly")
    await hourly(app, report)
    sql("UPDATE howdah.schedule SET next_at = %s", half_past + HOUR / 2)
    desk.run(queries.fire([due(desk)]))

    assert 1 == jobs(sql)


async def test_one_schedule_that_cannot_be_sent_holds_up_no_other(
    app: Howdah,
    report: Any,
    fire: Callable[[], float],
    signals: Signals,
    sql: Sql,
    clock: Clock,
    half_past: datetime,
) -> None:
    told: list[str] = []
    signals.on(PassFailed, lambda signal: told.append(signal.error))
    for name in ("a", "b", "c", "d"):
        await app.schedules.put(name, report, cron="0 * * * *")
    sql("""UPDATE howdah.schedule SET options = '{"nonsense": 1}' WHERE name = 'a'""")
    sql("UPDATE howdah.schedule SET cron = 'nonsense' WHERE name = 'b'")
    sql("UPDATE howdah.schedule SET tz = 'Nowhere/Here' WHERE name = 'c'")
    clock.advance(HOUR)

    fire()
    fire()

    assert [("d",)] == sql("SELECT schedule FROM howdah.tick AS t")
    assert ["schedule 'a'", "schedule 'b'", "schedule 'c'"] == sorted(it[:12] for it in told)


async def test_ticks_are_forgotten_after_a_day(
    app: Howdah, report: Any, fire: Callable[[], float], desk: Desk, sql: Sql, clock: Clock
) -> None:
    await app.schedules.put("seconds", report, every=1)
    clock.advance(2)
    fire()
    assert [] != sent(sql)
    clock.advance(timedelta(days=1, minutes=1))

    desk.run(queries.prune(limit=100))

    assert [] == sent(sql)


async def test_run_now_sends_a_job_and_leaves_the_ticks_alone(
    app: Howdah, report: Any, sql: Sql, half_past: datetime
) -> None:
    await hourly(app, report, args={"kind": "now"})
    await app.schedules.pause("hourly")

    job = await app.schedules.run_now("hourly")

    assert {"kind": "now"} == (await job.get()).args
    assert ([], job.id) == (sent(sql), (await app.schedules.get("hourly")).last_job_id)


async def test_run_now_does_not_overlap_where_nothing_may(app: Howdah, report: Any) -> None:
    await hourly(app, report, overlap="skip")

    first = await app.schedules.run_now("hourly")
    second = await app.schedules.run_now("hourly")

    assert (True, False, first.id) == (first.is_new, second.is_new, second.id)


async def test_one_may_be_paused_from_the_first(app: Howdah, report: Any) -> None:
    put = await app.schedules.put("hourly", report, cron="0 * * * *", paused=True)
    again = await app.schedules.put("hourly", report, cron="0 * * * *")
    await app.schedules.resume("hourly")
    later = app.sync.schedules.put("hourly", report, cron="0 * * * *", paused=True)

    assert [True, True, True] == [put.is_paused, again.is_paused, later.is_paused]
    assert put.paused_at == again.paused_at
    assert put.revision == again.revision


async def test_the_next_ticks_stand_on_the_clock_of_the_zone(
    app: Howdah, report: Any, half_past: datetime
) -> None:
    await app.schedules.put("daily", report, cron="0 6 * * *", tz="Europe/Paris")

    found = await app.schedules.next("daily", 3)

    assert [6] * 3 == [tick.hour for tick in found]
    assert [{"Europe/Paris"}] == [{str(tick.tzinfo) for tick in found}]
    assert sorted(found) == found


async def test_a_name_that_does_not_exist_is_answered_with_the_nearest(
    app: Howdah, report: Any
) -> None:
    await hourly(app, report)

    for asked in (
        app.schedules.get("hurly"),
        app.schedules.pause("hurly"),
        app.schedules.resume("hurly"),
        app.schedules.delete("hurly"),
        app.schedules.run_now("hurly"),
        app.schedules.next("hurly"),
    ):
        with pytest.raises(UnknownScheduleError, match="did you mean 'hourly'"):
            await asked


async def test_what_belongs_to_one_job_cannot_be_scheduled(app: Howdah, report: Any) -> None:
    with pytest.raises(UsageError, match="start_after: each job has its own"):
        await hourly(app, report.using(start_after=5))


async def test_jobs_of_a_strict_queue_are_scheduled_with_a_key(app: Howdah) -> None:
    app.queue("strict", policy="key_strict_fifo")

    @app.schedule("@hourly")
    @app.task(queue="strict")
    async def pay() -> None: ...

    with pytest.raises(MissingKeyError, match="cannot schedule 'pay' in queue 'strict' without"):
        await hourly(app, pay)
    with pytest.raises(MissingKeyError):
        app.schedule.definitions()
    await hourly(app, pay.using(key="k"))

    assert "k" == (await app.schedules.get("hourly")).options["key"]


async def test_arguments_are_checked_when_the_schedule_is_made(app: Howdah, report: Any) -> None:
    with pytest.raises(PayloadMismatchError):
        await hourly(app, report, args={"knd": "weekly"})


def test_code_that_does_not_await_has_the_same_words(app: Howdah, report: Any) -> None:
    schedules = app.sync.schedules
    schedules.put("daily", report, cron="@daily")
    schedules.pause("daily")

    assert [True] == [it.is_paused for it in schedules.list()]
    assert not schedules.resume("daily").is_paused
    assert 2 == len(schedules.next("daily", 2))
    assert schedules.run_now("daily").is_new
    schedules.delete("daily")
    with pytest.raises(UnknownScheduleError, match="there are none yet"):
        schedules.get("daily")


def test_a_schedule_of_the_code_returns_its_task(app: Howdah) -> None:
    @app.schedule(timedelta(hours=1), name="often", args={"kind": "y"})
    @app.schedule("0 3 * * *", tz="America/Chicago", overlap="skip", args={"kind": "x"})
    @app.task
    async def report(kind: str) -> None: ...

    assert app.tasks["report"] is report
    assert ["report", "often"] == [one.name for one in app.schedule_definitions]


def test_two_schedules_of_the_code_need_two_names(app: Howdah, report: Any) -> None:
    app.schedule("@daily")(report)

    with pytest.raises(UsageError, match="twice: give one of them another `name=`"):
        app.schedule("@hourly")(report)


def test_only_a_task_can_be_scheduled(app: Howdah) -> None:
    with pytest.raises(UsageError, match=r"put @app.schedule\(...\) above @app.task"):
        app.schedule("@daily")(print)  # type: ignore[type-var]


def test_a_bad_expression_is_refused_where_it_stands(app: Howdah) -> None:
    with pytest.raises(BadScheduleError):
        app.schedule("0 25 * * *")


async def test_a_worker_stores_the_schedules_of_the_code_when_it_starts(
    app: Howdah, report: Any, half_past: datetime
) -> None:
    app.schedule("0 3 * * *", tz="Asia/Tokyo", args={"kind": "x"})(report)

    async with working(app, WorkerSettings()):
        found = await app.schedules.get("report")

    assert ("code", {"kind": "x"}, "Asia/Tokyo") == (found.source, found.args, found.tz)


async def test_a_start_changes_nothing_of_a_schedule_that_is_the_same(
    app: Howdah, report: Any, clock: Clock, half_past: datetime
) -> None:
    app.schedule("0 3 * * *")(report)
    async with working(app, WorkerSettings()):
        before = await app.schedules.pause("report", by="ann")
    clock.advance(timedelta(days=3))

    async with working(app, WorkerSettings()):
        after = await app.schedules.get("report")

    assert (before.revision, before.next_at, "ann") == (
        after.revision,
        after.next_at,
        after.paused_by,
    )


async def test_a_start_brings_the_edits_of_the_code(
    app: Howdah, report: Any, half_past: datetime
) -> None:
    app.schedule("0 3 * * *")(report)
    async with working(app, WorkerSettings()):
        before = await app.schedules.get("report")
    app.schedule.clear()
    app.schedule("0 4 * * *")(report)

    async with working(app, WorkerSettings()):
        after = await app.schedules.get("report")

    assert ("0 4 * * *", before.revision + 1) == (after.cron, after.revision)
    assert after.next_at is not None
    assert 4 == after.next_at.hour


async def test_schedules_that_left_the_code_are_told_of_and_kept(
    app: Howdah, report: Any, half_past: datetime
) -> None:
    told: list[tuple[str, ...]] = []
    app.signals.on(SchedulesStray, lambda signal: told.append(signal.names))
    app.schedule("0 3 * * *", name="old")(report)
    async with working(app, WorkerSettings()):
        app.schedule.clear()
    await hourly(app, report)
    async with working(app, WorkerSettings()):
        kept = [record.name for record in await app.schedules.list()]

    assert [("old",)] == told
    assert ["hourly", "old"] == kept


async def test_a_worker_runs_what_a_schedule_sends(app: Howdah, sql: Sql) -> None:
    @app.schedule(timedelta(seconds=1))
    @app.task
    async def beat() -> str:
        return "done"

    async with working(app, WorkerSettings(poll=0.05)):
        await asyncio.to_thread(until, lambda: sql("SELECT 1 FROM howdah.archive AS a"))
        ended = sql("SELECT result FROM howdah.archive AS a")

    assert ("done",) == ended[0]
