from __future__ import annotations

import pytest

from howdah import Howdah, JobState
from howdah.errors import UsageError
from howdah.lifespan import working
from howdah.testing import Testbed


async def test_a_job_that_a_worker_runs_is_waited_for(howdah: Testbed, howdah_app: Howdah):
    @howdah_app.task
    async def work() -> int:
        return 1

    async with working(howdah_app):
        job = await work.send()
        record = await howdah.wait_for(job)

    assert 1 == record.result


async def test_a_state_may_be_named(howdah: Testbed, howdah_app: Howdah):
    @howdah_app.task(retry=0)
    async def fail() -> None:
        raise LookupError

    async with working(howdah_app):
        record = await howdah.wait_for(await fail.send(), "failed")

    assert JobState.FAILED == record.state
    with pytest.raises(UsageError, match="cannot wait for state 'done': the states are created"):
        await howdah.wait_for(record.id, "done")


async def test_a_web_process_that_works_is_bound_too(howdah: Testbed, howdah_app: Howdah):
    @howdah_app.task
    async def work() -> int:
        return 1

    async with howdah_app.lifespan(worker=True)(None):
        await howdah.wait_for(await work.send())

    howdah.assert_sent(work)


async def test_a_job_that_cannot_come_there_any_more_is_told(howdah: Testbed, howdah_app: Howdah):
    @howdah_app.task(retry=0)
    async def fail() -> None:
        raise LookupError("nobody home")

    job = await fail.send()
    await howdah.drain()

    with pytest.raises(
        AssertionError, match=r"is failed, and will not be completed.*LookupError: nobody home"
    ):
        await howdah.wait_for(job)


def test_a_wait_that_takes_too_long_is_told(howdah: Testbed, howdah_app: Howdah):
    @howdah_app.task
    def work() -> None: ...

    job = howdah_app.sync.send(work)

    with pytest.raises(AssertionError, match="is created still, and not active"):
        howdah.sync.wait_for(job, JobState.ACTIVE, timeout=0.01)
