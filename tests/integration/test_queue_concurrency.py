"""Of a queue at most so many handlers run in one process, and others are not held up by it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from howdah import Batch, BatchJob, Howdah, WorkerSettings
from howdah._worker.settings import parse_limits
from howdah.errors import UsageError
from howdah.lifespan import working
from tests.integration.desk import Desk


class Yard:
    """Two queues whose handlers wait until one after the other is let go."""

    def __init__(self, app: Howdah) -> None:
        self.running: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.turns = asyncio.Semaphore(0)
        self._changed = asyncio.Event()

        @app.task(queue="mail")
        async def mail(number: int) -> int:
            return await self.hold("mail", number)

        @app.task(queue="other")
        async def other(number: int) -> int:
            return await self.hold("other", number)

        @app.task(queue="search", batch=Batch(size=2, wait=timedelta(minutes=10)))
        async def index(jobs: list[BatchJob[int]]) -> None:
            await self.hold("search", len(jobs))

        self.mail, self.other, self.index = mail, other, index

    async def hold(self, queue: str, number: int) -> int:
        """Be a handler that runs until it is let go."""
        self.running[queue] += 1
        self.most[queue] = max(self.most[queue], self.running[queue])
        self._changed.set()
        await self.turns.acquire()
        self.running[queue] -= 1
        self._changed.set()
        return number

    async def until(self, **running: int) -> None:
        """Wait until so many handlers run."""
        async with asyncio.timeout(20):
            while {name: self.running[name] for name in running} != running:
                self._changed.clear()
                await self._changed.wait()


# An idle worker would look again only after half a minute: what is claimed sooner was woken.
SLOW = 30.0


async def test_a_queue_has_no_more_handlers_than_it_may_and_others_take_the_rest(
    app: Howdah,
) -> None:
    yard = Yard(app)
    ids = await yard.mail.send_many([(n,) for n in range(6)])
    others = await yard.other.send_many([(n,) for n in range(4)])
    settings = WorkerSettings(concurrency=6, queue_concurrency={"mail": 2}, poll=SLOW)

    async with working(app, settings):
        await yard.until(mail=2, other=4)
        for _ in range(100):
            yard.turns.release()
        for job in [*ids, *others]:
            assert "completed" == (await app.jobs.ending(job, timeout=20)).state

    assert 2 == yard.most["mail"]


async def test_what_waits_in_a_full_queue_begins_as_soon_as_one_has_ended(app: Howdah) -> None:
    yard = Yard(app)
    ids = await yard.mail.send_many([(n,) for n in range(3)])
    settings = WorkerSettings(concurrency=6, queue_concurrency={"mail": 1}, poll=SLOW)

    async with working(app, settings):
        for job in ids:
            await yard.until(mail=1)
            yard.turns.release()
            assert "completed" == (await app.jobs.ending(job, timeout=20)).state

    assert 1 == yard.most["mail"]


@pytest.mark.standard("an idle worker is told of each job")
async def test_a_job_of_another_queue_wakes_a_worker_while_one_is_full(app: Howdah) -> None:
    yard = Yard(app)
    settings = WorkerSettings(concurrency=6, queue_concurrency={"mail": 1}, poll=SLOW)

    async with working(app, settings):
        await yard.mail.send_many([(1,), (2,)])
        await yard.until(mail=1)
        await yard.other.send(1)
        await yard.until(mail=1, other=1)
        await yard.other.send(2)
        await yard.until(mail=1, other=2)
        for _ in range(10):
            yard.turns.release()


async def run_one_at_once(app: Howdah, yard: Yard, ids: Iterable[UUID]) -> None:
    """Run these jobs of `search`, of which one handler may run: no more ever do."""
    settings = WorkerSettings(concurrency=6, queue_concurrency={"search": 1}, poll=SLOW)

    async with working(app, settings):
        await yard.until(search=1)
        for _ in range(10):
            yard.turns.release()
        for job in ids:
            assert "completed" == (await app.jobs.ending(job, timeout=20)).state

    assert 1 == yard.most["search"]


async def test_a_batch_is_one_handler(app: Howdah) -> None:
    yard = Yard(app)
    ids = await yard.index.send_many([(n,) for n in range(6)])
    await run_one_at_once(app, yard, ids)


@pytest.mark.parametrize("most", [0, -1, 1.5, True, "3"])
def test_a_number_that_is_none_is_refused(most: Any) -> None:
    with pytest.raises(UsageError, match="queue 'mail' has concurrency"):
        WorkerSettings(queue_concurrency={"mail": most})


def test_limits_are_read_from_the_command_line() -> None:
    assert {"mail": 5, "reports": 1} == parse_limits("mail=5, reports=1")
    for wrong in ("mail", "=3", "mail=x", "mail=-1"):
        with pytest.raises(UsageError, match="cannot read"):
            parse_limits(wrong)


async def test_jobs_of_a_batch_that_died_begin_no_more_handlers_than_may_run(
    app: Howdah, desk: Desk
) -> None:
    yard = Yard(app)
    ids = await yard.index.send_many([(n,) for n in range(6)])
    # They run one by one from now on: nobody knows which of them it was.
    desk.sql("UPDATE howdah.job SET crash_count = 1")
    await run_one_at_once(app, yard, ids)


async def test_a_batch_that_is_begun_unfilled_waits_while_enough_run(app: Howdah) -> None:
    yard = Yard(app)

    @app.task(queue="search", batch=Batch(size=2, wait=0))
    async def tag(jobs: list[BatchJob[int]]) -> None:
        await yard.hold("search", len(jobs))

    ids = [(await tag.send(1)).id, *await yard.index.send_many([(1,), (2,)])]
    settings = WorkerSettings(concurrency=6, queue_concurrency={"search": 1}, poll=0.2)

    async with working(app, settings):
        await yard.until(search=1)
        # What is claimed by a later look than those is here, and has begun or waits.
        other = await yard.other.send(1)
        await yard.until(other=1)
        assert 1 == yard.most["search"]
        for _ in range(10):
            yard.turns.release()
        for job in [*ids, other.id]:
            assert "completed" == (await app.jobs.ending(job, timeout=20)).state

    assert 1 == yard.most["search"]


async def test_a_job_that_waits_for_a_handler_of_its_queue_can_be_cancelled(
    app: Howdah, desk: Desk
) -> None:
    yard = Yard(app)
    first, second = await yard.index.send_many([(1,), (2,)])
    desk.sql("UPDATE howdah.job SET crash_count = 1")
    settings = WorkerSettings(concurrency=6, queue_concurrency={"search": 1}, poll=SLOW)

    async with working(app, settings):
        await yard.until(search=1)
        await app.jobs.cancel(second)
        assert "cancelled" == (await app.jobs.ending(second, timeout=20)).state
        yard.turns.release()
        assert "completed" == (await app.jobs.ending(first, timeout=20)).state


async def test_what_waits_for_a_handler_of_its_queue_is_given_back_at_the_end(
    app: Howdah, desk: Desk
) -> None:
    yard = Yard(app)
    ids = await yard.index.send_many([(1,), (2,)])
    desk.sql("UPDATE howdah.job SET crash_count = 1")
    settings = WorkerSettings(concurrency=6, queue_concurrency={"search": 1}, poll=SLOW, grace=0.1)

    async with working(app, settings):
        await yard.until(search=1)

    assert {"retry"} == {(await app.jobs.get(job)).state for job in ids}


def test_queues_without_weights_are_refused() -> None:
    with pytest.raises(UsageError, match=r"cannot work with queues=\['mail'\]: say their weights"):
        WorkerSettings(queues=["mail"])  # type: ignore[arg-type]
