"""Deadlines: what has not begun in time expires and says why; what runs goes on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from howdah import Howdah, JobState
from howdah._db import job as jobs
from howdah.errors import JobExpiredError, UsageError
from tests.conftest import Clock
from tests.integration.desk import Desk

HOUR = timedelta(hours=1)


def expire_late(desk: Desk) -> int:
    return desk.run(jobs.expire_late(limit=100))


async def test_a_job_that_has_not_begun_by_its_deadline_expires_and_says_why(
    app: Howdah, desk: Desk, clock: Clock
) -> None:
    @app.task(queue="q")
    async def work() -> None: ...

    job = await work.using(deadline=HOUR).send()
    assert 0 == expire_late(desk)
    clock.advance(HOUR)

    assert 1 == expire_late(desk)

    record = await job.get()
    assert (JobState.EXPIRED, "DeadlinePassed") == (record.state, record.errors[-1]["type"])
    assert "it had not begun by its deadline" in record.errors[-1]["message"]
    assert [] == desk.claim()
    with pytest.raises(JobExpiredError, match="expired: it had not begun by its deadline"):
        await job.result(timeout=0)


def test_a_moment_will_do(desk: Desk, clock: Clock) -> None:
    moment = datetime.now(UTC) + HOUR
    job_id = desk.send(deadline=moment)

    assert moment == datetime.fromisoformat(desk.row(job_id)["deadline"])


async def test_many_have_one_too(app: Howdah, desk: Desk, clock: Clock) -> None:
    @app.task
    async def work(n: int) -> None: ...

    await work.using(deadline=60).send_many([(1,), (2,)])
    await work.using(deadline=datetime.now(UTC) + HOUR).send_many([(3,)])
    clock.advance(60)

    assert 2 == expire_late(desk)


def test_what_runs_goes_on(desk: Desk, clock: Clock) -> None:
    job_id = desk.send(deadline=60)
    (claim,) = desk.claim()
    clock.advance(120)

    assert 0 == expire_late(desk)
    assert 1 == desk.finish(claim)
    assert "completed" == desk.state(job_id)


def test_a_retry_after_the_deadline_is_none(desk: Desk, clock: Clock) -> None:
    job_id = desk.send(deadline=60)
    desk.put_back(*desk.claim(), delay=120)
    clock.advance(120)

    assert 1 == expire_late(desk)
    assert "expired" == desk.state(job_id)


def test_a_job_that_is_run_again_by_hand_has_no_deadline(desk: Desk, clock: Clock) -> None:
    job_id = desk.send(deadline=60)
    clock.advance(60)
    expire_late(desk)

    desk.run(jobs.retry(job_id))

    assert 0 == expire_late(desk)
    assert 1 == len(desk.claim())


async def test_a_deadline_can_be_put_off(app: Howdah, desk: Desk, clock: Clock) -> None:
    job_id = desk.send(deadline=60)
    await app.jobs.update(job_id, deadline=HOUR)
    clock.advance(120)

    assert 0 == expire_late(desk)


async def test_a_schedule_has_no_moment_as_deadline(app: Howdah) -> None:
    @app.task
    async def work() -> None: ...

    with pytest.raises(UsageError, match="with a moment as deadline"):
        await app.schedules.put("s", work.using(deadline=datetime.now(UTC)), cron="@daily")
