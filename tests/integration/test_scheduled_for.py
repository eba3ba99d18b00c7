"""The tick for which a schedule sent a job: its handler reads it, and it stays with the job."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from howdah import BatchJob, Context, Howdah, Limit, WorkerSettings
from howdah._model.signals import Signals
from howdah._worker.blocking_link import BlockingLink
from howdah._worker.claimed import ClaimedJob
from howdah._worker.housekeeping.scheduler import Scheduler
from howdah._worker.pools.remote import read_call, write_call
from howdah.lifespan import working
from tests.acceptance.harness import until
from tests.conftest import Clock
from tests.integration.desk import Desk

HOUR = timedelta(hours=1)


@pytest.fixture
def fire(database_url: str, schema: str) -> Iterator[Callable[[], float]]:
    """One pass of one worker."""
    signals = Signals()
    link = BlockingLink(database_url, schema, role="test", signals=signals)
    yield Scheduler(link, signals).run
    link.close()


@pytest.fixture
def tick(clock: Clock) -> datetime:
    """The hour that is full in half an hour, by the schema's clock."""
    now = datetime.now(UTC)
    moment = now.replace(minute=0, second=0, microsecond=0) + 2 * HOUR
    clock.advance(moment - HOUR / 2 - now)
    return moment


@pytest.mark.parametrize(
    "options",
    [{}, {"priority": 3}, {"key": "k"}, {"deadline": 7200}, {"group": "g"}, {"throttle": 60}],
    ids=str,
)
async def test_a_job_has_the_tick_however_it_is_sent(
    app: Howdah,
    fire: Callable[[], float],
    clock: Clock,
    tick: datetime,
    options: dict[str, Any],
) -> None:
    @app.task
    async def report() -> None: ...

    await app.schedules.put("s", report.using(**options), cron="0 * * * *", overlap="allow")
    clock.advance(HOUR)

    fire()

    assert [tick] == [job.scheduled_for for job in await app.jobs.find()]


async def test_each_of_the_ticks_that_were_missed_has_its_own(
    app: Howdah, fire: Callable[[], float], clock: Clock, tick: datetime
) -> None:
    @app.task
    async def report() -> None: ...

    await app.schedules.put("s", report, cron="0 * * * *", catch_up="all", jitter=60)
    clock.advance(3 * HOUR)

    fire()

    found = {job.scheduled_for for job in await app.jobs.find()}
    assert {tick, tick + HOUR, tick + 2 * HOUR} == found


async def test_a_job_that_no_tick_sent_has_none(app: Howdah, tick: datetime) -> None:
    @app.task
    async def report() -> None: ...

    await app.schedules.put("s", report, cron="0 * * * *")
    await app.schedules.run_now("s")
    await report.send()

    assert [None, None] == [job.scheduled_for for job in await app.jobs.find()]


async def test_a_handler_reads_it_also_in_a_thread_in_a_line_and_in_a_batch(
    app: Howdah, fire: Callable[[], float], clock: Clock, tick: datetime
) -> None:
    seen: dict[str, Any] = {}

    @app.task
    async def plain(ctx: Context) -> None:
        seen["plain"] = ctx.scheduled_for

    @app.task
    def threaded(ctx: Context) -> None:
        seen["threaded"] = ctx.scheduled_for

    @app.task(limits=Limit("one", total=1))
    async def limited(ctx: Context) -> None:
        seen["limited"] = ctx.scheduled_for

    @app.task
    async def hurried(ctx: Context) -> None:
        seen["hurried"] = ctx.scheduled_for

    @app.task(batch=2)
    async def batched(jobs: list[BatchJob[int]]) -> None:
        seen["batched"] = jobs[0].scheduled_for

    @app.task
    async def sent(ctx: Context) -> None:
        seen["sent"] = ctx.scheduled_for

    for task in (plain, threaded, limited, hurried.using(deadline=7200)):
        await app.schedules.put(f"s{len(await app.schedules.list())}", task, cron="0 * * * *")
    await app.schedules.put("batched", batched, cron="0 * * * *", args={"value": 1})
    clock.advance(HOUR)
    fire()
    await sent.send()

    async with working(app, WorkerSettings(poll=0.05)):
        await asyncio.to_thread(until, lambda: len(seen) == 6)

    assert None is seen.pop("sent")
    assert dict.fromkeys(seen, tick) == seen


@pytest.mark.parametrize("options", [{}, {"deadline": 7200}, {"group": "g"}], ids=str)
async def test_whoever_claims_by_hand_reads_it(
    app: Howdah,
    fire: Callable[[], float],
    clock: Clock,
    desk: Desk,
    tick: datetime,
    options: dict[str, Any],
) -> None:
    @app.task
    async def report() -> None: ...

    await app.schedules.put("s", report.using(**options), cron="0 * * * *", catch_up="all")
    clock.advance(3 * HOUR)
    fire()
    await report.using(**options).send()

    (first,) = await app.claim("default")
    (second,) = app.sync.claim("default")
    ((third,),) = desk.sql("SELECT scheduled_for FROM howdah.claim_jobs('default')")
    (sent,) = await app.claim("default")

    assert [tick, tick + HOUR] == [first.scheduled_for, second.scheduled_for]
    assert first.scheduled_for is not None
    assert UTC is first.scheduled_for.tzinfo
    assert (tick + 2 * HOUR, None) == (third, sent.scheduled_for)


async def test_it_stays_through_a_retry_by_hand_and_goes_with_a_dead_letter(
    app: Howdah, fire: Callable[[], float], desk: Desk, clock: Clock, tick: datetime
) -> None:
    @app.task
    async def report() -> None: ...

    await app.schedules.put("s", report.using(dead_letter="dead"), cron="0 * * * *")
    clock.advance(HOUR)
    fire()
    (job,) = await app.jobs.find()
    desk.sql(
        "SELECT howdah.finish(ARRAY[%s::uuid], ARRAY[0]::bigint[], ARRAY['failed'],"
        " ARRAY[NULL]::text[], ARRAY[NULL]::text[], '{created}')",
        str(job.id),
    )

    assert {("default", "failed", tick), ("dead", "created", tick)} == {
        (one.queue, one.state.value, one.scheduled_for) for one in await app.jobs.find()
    }

    await app.jobs.retry(job.id)

    assert tick == (await app.jobs.get(job.id)).scheduled_for


def test_what_a_claim_tells_is_read() -> None:
    tick = datetime(2026, 5, 5, 12, tzinfo=UTC)

    def claimed(told: str | None) -> tuple[bool, datetime | None]:
        job = ClaimedJob(("id", 1, 1, 0, "q", "t", 0, "{}", *[None] * 4, told), 0.0)
        _, _, _, elsewhere = read_call(write_call("m", "n", "s", job))
        assert job.scheduled_for == elsewhere.scheduled_for
        return job.is_late, job.scheduled_for

    at = int(tick.timestamp())
    assert (False, None) == claimed(None)
    assert (False, None) == claimed("12.500000")
    assert (True, None) == claimed("-0.500000")
    assert (False, tick) == claimed(f" {at}")
    assert (True, tick) == claimed(f"-3.000000 {at}")


@pytest.mark.parametrize(
    ("deadline", "scheduled_for", "told"),
    [
        (None, None, None),
        ("infinity", None, None),
        ("infinity", "2026-05-05 12:00Z", " 1777982400"),
        (None, "infinity", None),
    ],
)
def test_what_few_jobs_have_to_tell_is_told_in_one_text(
    desk: Desk, deadline: str | None, scheduled_for: str | None, told: str | None
) -> None:
    assert told == desk.value("SELECT howdah.told(%s, %s)", deadline, scheduled_for)


def test_a_job_of_a_batch_is_made_with_one_in_a_unit_test() -> None:
    tick = datetime(2026, 5, 5, 12, tzinfo=UTC)

    assert tick == BatchJob.of(1, scheduled_for=tick).scheduled_for
    assert None is BatchJob.of(1).scheduled_for
