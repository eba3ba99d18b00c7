from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from howdah import Context, Howdah, JobState, Retry, Snooze, Suspend
from howdah._db import testing as queries
from howdah.errors import UsageError
from howdah.testing import Clock, Testbed

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


async def test_a_delayed_job_runs_when_its_time_comes(howdah: Testbed, howdah_app: Howdah):
    @howdah_app.task
    async def remind() -> None: ...

    job = await remind.using(start_after=3 * DAY).send()

    assert 0 == (await howdah.advance(2 * DAY)).attempts
    assert 1 == (await howdah.advance(DAY)).completed
    assert JobState.COMPLETED is await job.state()


async def test_every_retry_runs_at_its_own_time(howdah: Testbed, howdah_app: Howdah):
    began = howdah.clock.now()
    times: list[timedelta] = []

    @howdah_app.task(retry=Retry(limit=3, delay=HOUR, backoff=True, delay_max=DAY, jitter=0))
    async def fail() -> None:
        times.append(howdah.clock.now() - began)
        raise OSError("no route")

    await fail.send()
    done = await howdah.advance(DAY)

    assert [0, 1, 3, 7] == [time // HOUR for time in times]
    assert (4, 1) == (done.attempts, done.failed)


async def test_a_short_advance_leaves_the_second_retry_for_later(
    howdah: Testbed, howdah_app: Howdah
):
    @howdah_app.task(retry=Retry(limit=3, delay=HOUR, backoff=False, jitter=0))
    async def fail() -> None:
        raise OSError("no route")

    await fail.send()

    assert 1 == (await howdah.drain()).attempts
    assert 1 == (await howdah.advance(HOUR)).attempts
    assert 2 == (await howdah.advance(2 * HOUR)).attempts


async def test_a_nap_and_a_suspension_end_in_time(howdah: Testbed, howdah_app: Howdah):
    slept: set[str] = set()

    @howdah_app.task
    async def nap() -> None:
        if "nap" not in slept:
            slept.add("nap")
            raise Snooze(HOUR)

    @howdah_app.task
    async def wait() -> None:
        if "wait" not in slept:
            slept.add("wait")
            raise Suspend(timeout=HOUR)

    await nap.send()
    await wait.send()

    assert 2 == (await howdah.advance(HOUR)).completed


async def test_the_clock_goes_on_from_where_it_was_moved_to(howdah: Testbed):
    before = howdah.clock.now()
    await howdah.advance(DAY)
    moved = howdah.clock.now()

    assert DAY <= moved - before < DAY + timedelta(minutes=5)
    assert moved < howdah.clock.now()


async def test_the_clock_stands_while_jobs_run(howdah: Testbed, howdah_app: Howdah):
    @howdah_app.task
    async def look() -> bool:
        return howdah.clock.now() == howdah.clock.now()

    job = await look.send()
    await howdah.drain()

    assert await job.result(timeout=0)


async def test_moving_alone_runs_nothing(howdah: Testbed, howdah_app: Howdah):
    @howdah_app.task
    async def remind() -> None: ...

    job = await remind.using(start_after=HOUR).send()
    howdah.clock.move(2 * HOUR)

    assert JobState.CREATED is await job.state()
    assert 1 == (await howdah.advance(0)).completed


async def test_time_does_not_go_back(howdah: Testbed):
    with pytest.raises(UsageError, match="it only goes ahead"):
        await howdah.advance(-HOUR)


async def test_the_clock_of_a_schema_that_no_test_made_is_not_touched(app: Howdah):
    with pytest.raises(UsageError, match="it was not made for a test"):
        Clock(app.sync.run, app.schema)


async def test_a_task_that_is_tried_for_ever_is_stopped(howdah: Testbed, howdah_app: Howdah):
    @howdah_app.task
    async def nap() -> None:
        raise Snooze(1)

    await nap.send()

    with pytest.raises(AssertionError, match="gave up after 20 attempts"):
        await howdah.advance(DAY, limit=20)


def test_a_blocking_test_advances_as_well(howdah: Testbed, howdah_app: Howdah):
    @howdah_app.task
    def remind() -> None: ...

    howdah_app.sync.send(remind.using(start_after=HOUR))

    assert 1 == howdah.sync.advance(HOUR).completed


async def test_a_schedule_fires_as_often_as_it_says(howdah: Testbed, howdah_app: Howdah):
    @howdah_app.schedule(HOUR)
    @howdah_app.task
    async def look() -> None: ...

    assert 0 == (await howdah.advance(0)).attempts
    done = await howdah.advance(3 * HOUR)

    assert 3 == done.completed
    assert 3 == len(howdah.sent(look))


async def test_a_handler_is_told_each_tick(howdah: Testbed, howdah_app: Howdah):
    ticks: list[datetime | None] = []

    @howdah_app.schedule(HOUR)
    @howdah_app.task
    async def look(ctx: Context) -> None:
        ticks.append(ctx.scheduled_for)

    await howdah.advance(2 * HOUR)

    assert [(0, 0)] * 2 == [(tick.minute, tick.second) for tick in ticks if tick is not None]


async def test_time_passes_deadlines_before_it_makes_jobs_claimable(
    howdah: Testbed, howdah_app: Howdah
):
    @howdah_app.task
    async def work() -> None: ...

    job = await work.using(deadline=60, start_after=120).send()

    await howdah.advance(200)

    assert JobState.EXPIRED == await job.state()


async def test_a_job_that_is_claimed_after_its_deadline_is_not_begun(
    howdah: Testbed, howdah_app: Howdah
):
    began: list[int] = []

    @howdah_app.task
    async def greet() -> None:
        began.append(1)

    job = await greet.using(deadline=60).send()
    # Without what housekeeping does meanwhile.
    await howdah_app.run(queries.move(61))
    await howdah.drain()

    assert [] == began
    assert JobState.EXPIRED is await job.state()
