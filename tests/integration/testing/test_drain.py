from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta

import pytest

from howdah import Batch, BatchJob, Howdah, JobState, Retry, Snooze
from howdah.errors import JobFailedError, UnknownTaskError, UsageError
from howdah.testing import Testbed

tenant: ContextVar[str] = ContextVar("tenant")


async def test_drain_runs_what_is_queued_and_says_so(howdah: Testbed, howdah_app: Howdah):
    @howdah_app.task
    async def double(number: int) -> int:
        return 2 * number

    job = await double.send(21)

    done = await howdah.drain()

    assert (1, 1, {"number": 21}, 42) == (
        done.completed,
        done.attempts,
        done.jobs[0].args,
        done.jobs[0].result,
    )
    assert 42 == await job.result(timeout=0)


async def test_drain_runs_what_the_jobs_send(howdah: Testbed, howdah_app: Howdah):
    @howdah_app.task
    async def count_down(number: int) -> None:
        if number:
            await count_down.send(number - 1)

    await count_down.send(5)

    assert 6 == (await howdah.drain()).completed


async def test_a_handler_may_wait_for_another_job(howdah: Testbed, howdah_app: Howdah):
    @howdah_app.task
    async def child() -> str:
        return "done"

    @howdah_app.task
    async def parent() -> str:
        return await (await child.send()).result(timeout=20)

    job = await parent.send()
    await howdah.drain()

    assert "done" == await job.result(timeout=0)


async def test_a_handler_in_a_thread_may_send(howdah: Testbed, howdah_app: Howdah):
    @howdah_app.task
    def child(thread: str) -> None: ...

    @howdah_app.task
    def parent() -> None:
        howdah_app.sync.send(child, threading.current_thread().name)

    await parent.send()

    assert 2 == (await howdah.drain()).completed
    (sent,) = howdah.sent(child)
    assert threading.current_thread().name != sent.args["thread"]


async def test_with_nothing_queued_nothing_happens(howdah: Testbed):
    assert "0 attempts of 0 jobs: none" == str(await howdah.drain())


async def test_what_is_due_later_does_not_run(howdah: Testbed, howdah_app: Howdah):
    @howdah_app.task(retry=Retry(limit=3, delay=0.001, backoff=False, jitter=0))
    async def fail() -> None:
        await asyncio.sleep(0.005)
        raise OSError("no route")

    @howdah_app.task
    async def later() -> None: ...

    await fail.send()
    await later.using(start_after=timedelta(minutes=1)).send()

    done = await howdah.drain()

    assert (1, 1) == (done.attempts, done.retrying)


async def test_what_was_due_by_the_test_s_own_clock_runs(howdah: Testbed, howdah_app: Howdah):
    @howdah_app.task
    async def now() -> None: ...

    await howdah.drain()
    await now.using(start_after=datetime.now(UTC)).send()

    assert 1 == (await howdah.drain()).completed


async def test_other_queues_are_left_alone(howdah: Testbed, howdah_app: Howdah):
    @howdah_app.task(queue="mail")
    async def write() -> None: ...

    @howdah_app.task(queue="work")
    async def work() -> None: ...

    await write.send()
    await work.send()

    done = await howdah.drain(queues=["mail"])

    assert ["write"] == [job.task for job in done.jobs]


async def test_one_at_a_time_runs_in_the_order_of_sending(howdah: Testbed, howdah_app: Howdah):
    order: list[int] = []

    @howdah_app.task
    async def note(number: int) -> None:
        await asyncio.sleep(0)
        order.append(number)

    await note.send_many([(number,) for number in range(30)])
    await howdah.drain(concurrency=1)

    assert list(range(30)) == order


async def test_a_failure_is_raised_when_asked_for(howdah: Testbed, howdah_app: Howdah):
    @howdah_app.task
    async def fail() -> None:
        raise LookupError("nobody home")

    await fail.send()

    with pytest.raises(JobFailedError, match="'fail' failed with LookupError: nobody home") as told:
        await howdah.drain(raise_on_failure=True)

    assert 'raise LookupError("nobody home")' in told.value.__notes__[0]


async def test_a_failure_is_counted_otherwise(howdah: Testbed, howdah_app: Howdah):
    @howdah_app.task(retry=0)
    async def fail() -> None:
        raise LookupError("nobody home")

    await fail.send()

    assert "1 attempts of 1 jobs: 1 failed" == str(await howdah.drain())


async def test_a_task_that_goes_on_for_ever_is_stopped(howdah: Testbed, howdah_app: Howdah):
    @howdah_app.task
    async def again() -> None:
        await again.send()

    await again.send()

    with pytest.raises(AssertionError, match=r"gave up after 20 attempts.*'again' 2"):
        await howdah.drain(limit=20)


async def test_a_task_that_snoozes_for_no_time_is_stopped(howdah: Testbed, howdah_app: Howdah):
    @howdah_app.task
    async def nap() -> None:
        raise Snooze(0)

    await nap.send()

    with pytest.raises(AssertionError, match="gave up after 20 attempts"):
        await howdah.drain(limit=20)


async def test_a_handler_that_hangs_is_named(howdah: Testbed, howdah_app: Howdah):
    @howdah_app.task
    async def hang() -> None:
        await asyncio.Event().wait()

    job = await hang.send()

    with pytest.raises(AssertionError, match=r"gave up after 0.2 s with 1 jobs left.*'hang'"):
        await howdah.drain(timeout=0.2)
    assert JobState.ACTIVE != await job.state()


async def test_a_job_of_nobody_s_is_told(howdah: Testbed, howdah_app: Howdah):
    @howdah_app.task
    async def known() -> None: ...

    other = Howdah(howdah.database_url, schema=howdah.schema)

    @other.task
    async def unknown() -> None: ...

    other.sync.send(unknown)
    other.sync.close()

    with pytest.raises(UnknownTaskError, match="no task named 'unknown': did you mean 'known'"):
        await howdah.drain()


async def test_handlers_do_not_find_the_context_variables_of_the_test(
    howdah: Testbed, howdah_app: Howdah
):
    @howdah_app.task
    async def whose() -> str:
        return tenant.get("nobody's")

    tenant.set("the test's")
    job = await whose.send()
    await howdah.drain()

    assert "nobody's" == await job.result(timeout=0)


async def test_one_name_is_no_list_of_queues(howdah: Testbed):
    with pytest.raises(UsageError, match="give a list of names"):
        await howdah.drain(queues="mail")


def test_a_blocking_test_drains_as_well(howdah: Testbed, howdah_app: Howdah):
    @howdah_app.task
    async def child() -> None: ...

    @howdah_app.task
    async def parent() -> None:
        await child.send()

    job = howdah_app.sync.send(parent)

    assert 2 == howdah.sync.drain(raise_on_failure=True).completed
    assert JobState.COMPLETED is job.state()


async def test_batches_are_drained_without_waiting_for_more(howdah: Testbed, howdah_app: Howdah):
    sizes: list[int] = []

    @howdah_app.task(batch=Batch(size=100, wait=timedelta(hours=1)))
    async def double(jobs: list[BatchJob[int]]) -> list[int]:
        sizes.append(len(jobs))
        return [2 * job.value for job in jobs]

    await double.send_many([(n,) for n in range(150)])
    done = await howdah.drain()

    howdah.assert_sent(double, value=7)
    assert (150, [100, 50]) == (done.completed, sizes)
