"""Workers are listed with what they hold, and do what an operator asks while they run."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from uuid import UUID

import pytest

from howdah import Context, Howdah, WorkerRecord, WorkerSettings
from howdah._db import fleet
from howdah._db.fleet import Asked
from howdah._model.signals import (
    Signal,
    WorkerIdle,
    WorkerPaused,
    WorkerResumed,
    WorkerScaled,
    WorkerStopped,
)
from howdah.errors import UnknownWorkerError, UsageError
from howdah.lifespan import working
from tests.integration.desk import Desk

# A short lease makes a worker beat often, and ask often what is wanted of it.
QUICK = WorkerSettings(concurrency=2, lease=3.0)
Sql = Callable[..., list[tuple]]


class Hall:
    """An app with one task whose handlers wait until they are let go."""

    def __init__(self, app: Howdah) -> None:
        self.app = app
        self.running: list[UUID] = []
        self.gate = asyncio.Event()
        self._changed = asyncio.Event()

        @app.task
        async def hold(number: int, ctx: Context) -> int:
            self.running.append(ctx.job_id)
            self._changed.set()
            try:
                await self.gate.wait()
            finally:
                self.running.remove(ctx.job_id)
                self._changed.set()
            return number

        self.hold = hold

    async def until_running(self, count: int) -> None:
        """Wait until so many handlers run."""
        async with asyncio.timeout(20):
            while len(self.running) != count:
                self._changed.clear()
                await self._changed.wait()


@pytest.fixture
async def hall(app: Howdah) -> Hall:
    return Hall(app)


def waiter(app: Howdah, kind: type[Signal]) -> Callable[[], asyncio.Future[Signal]]:
    """What waits for the next signal of a kind."""
    loop = asyncio.get_running_loop()
    waiting: list[asyncio.Future[Signal]] = []

    def hear(signal: Signal) -> None:
        while waiting:
            future = waiting.pop()
            loop.call_soon_threadsafe(future.set_result, signal)

    def next_one() -> asyncio.Future[Signal]:
        waiting.append(loop.create_future())
        return waiting[-1]

    app.signals.on(kind, hear)
    return next_one


async def until(
    app: Howdah, fact: Callable[[list[WorkerRecord]], bool], *, seconds: float = 20.0
) -> list[WorkerRecord]:
    """Return the workers as soon as a fact is so of them."""
    async with asyncio.timeout(seconds):
        while True:
            found = await app.workers.list()
            if fact(found):
                return found
            await asyncio.sleep(0.02)


async def test_a_worker_is_listed_with_what_it_runs_since_when_and_its_memory(hall: Hall) -> None:
    async with working(hall.app, QUICK):
        job = await hall.hold.send(1)
        await hall.until_running(1)
        listed = await until(hall.app, lambda found: found[0].memory is not None)
        hall.gate.set()
        await job.result(timeout=20)
        after = await hall.app.workers.get(listed[0].id)

    (worker,) = listed
    (held,) = worker.jobs
    record = await job.get()
    assert (os.getpid(), ("default",), 2, 2) == (
        worker.pid,
        worker.queues,
        worker.concurrency,
        worker.started_with,
    )
    assert (job.id, "hold", "default", 1) == (held.id, held.task, held.queue, held.attempt)
    assert record.started_at == held.since
    assert 10_000_000 < (worker.memory or 0) < 10_000_000_000
    assert worker.is_alive
    assert () == after.jobs


async def test_the_blocking_client_says_the_same(hall: Hall) -> None:
    async with working(hall.app, QUICK):
        (worker,) = await hall.app.workers.list()
        told = await asyncio.to_thread(hall.app.sync.workers.pause, worker.id, by="ann")
        back = await asyncio.to_thread(hall.app.sync.workers.resume, "all")
        scaled = await asyncio.to_thread(hall.app.sync.workers.scale, worker.id, concurrency=7)
        found = await asyncio.to_thread(hall.app.sync.workers.get, worker.id)
        listed = await asyncio.to_thread(hall.app.sync.workers.list)

    assert [("ann", True)] == [(one.paused_by, one.is_paused) for one in told]
    assert [(None, False)] == [(one.paused_by, one.is_paused) for one in back]
    assert [7, 7, 7] == [scaled[0].concurrency, found.concurrency, listed[0].concurrency]
    assert 2 == found.started_with


async def test_a_worker_is_made_wider_while_it_runs(hall: Hall) -> None:
    async with working(hall.app, QUICK):
        await hall.hold.send_many([(n,) for n in range(6)])
        await hall.until_running(2)

        await hall.app.workers.scale("all", concurrency=5)
        await hall.until_running(5)
        hall.gate.set()
        await hall.until_running(0)


async def test_a_worker_is_made_narrower_and_nothing_that_runs_is_interrupted(hall: Hall) -> None:
    scaled = waiter(hall.app, WorkerScaled)
    async with working(hall.app, WorkerSettings(concurrency=4, lease=3.0)):
        jobs = await hall.hold.send_many([(n,) for n in range(6)])
        await hall.until_running(4)

        narrower = scaled()
        await hall.app.workers.scale(queue="default", concurrency=1)
        await narrower
        still = len(hall.running)
        hall.gate.set()
        results = [await hall.app.jobs.ending(job, timeout=20) for job in jobs]

    assert 4 == still
    assert {"completed"} == {one.state for one in results}


async def test_none_means_as_many_as_it_was_started_with(hall: Hall) -> None:
    scaled = waiter(hall.app, WorkerScaled)
    async with working(hall.app, QUICK):
        first = scaled()
        await hall.app.workers.scale("all", concurrency=9)
        nine = await first
        second = scaled()
        await hall.app.workers.scale("all", concurrency=None)
        two = await second

    assert (9, 2) == (nine.concurrency, two.concurrency)  # type: ignore[attr-defined]


async def test_a_paused_worker_finishes_what_runs_and_claims_nothing_until_it_is_resumed(
    hall: Hall,
) -> None:
    paused, resumed = waiter(hall.app, WorkerPaused), waiter(hall.app, WorkerResumed)
    async with working(hall.app, QUICK):
        running = await hall.hold.send(1)
        await hall.until_running(1)
        (worker,) = await hall.app.workers.list()

        hears = paused()
        await hall.app.workers.pause(worker.id, by="ann")
        await hears
        later = await hall.hold.send(2)
        hall.gate.set()
        finished = await running.result(timeout=20)
        state = await later.state()
        hears = resumed()
        await hall.app.workers.resume(worker.id)
        await hears
        result = await later.result(timeout=20)

    assert (1, "created", 2) == (finished, state, result)


async def test_a_worker_in_a_web_process_leaves_when_asked_and_is_not_replaced(hall: Hall) -> None:
    stopped = waiter(hall.app, WorkerStopped)
    async with working(hall.app, QUICK):
        job = await hall.hold.send(1)
        await hall.until_running(1)

        leaving = stopped()
        (told,) = await hall.app.workers.stop("all")
        hall.gate.set()
        await leaving
        await until(hall.app, lambda found: not found)

    assert told.stop_asked_at is not None
    assert 1 == await job.result(timeout=1)


async def test_whom_an_order_is_for_must_be_said(app: Howdah) -> None:
    with pytest.raises(UsageError, match="which workers are meant"):
        await app.workers.stop()
    with pytest.raises(UsageError, match="which workers are meant"):
        await app.workers.pause(1, queue="mail")
    with pytest.raises(UsageError, match="give its id, a number, or 'all'"):
        await app.workers.pause("mail")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="from 1 to 10,000; or pause it"):
        await app.workers.scale("all", concurrency=0)


async def test_a_worker_that_is_not_there_is_unknown(app: Howdah, desk: Desk) -> None:
    there = desk.worker()

    with pytest.raises(UnknownWorkerError, match=f"no worker 99: there are {there}") as caught:
        await app.workers.scale(99, concurrency=3)
    with pytest.raises(UnknownWorkerError):
        await app.workers.get(99)

    assert 99 == caught.value.worker_id


async def test_an_order_for_a_queue_is_for_those_that_serve_it(app: Howdah, desk: Desk) -> None:
    mail, other = desk.worker(queues=("mail", "more")), desk.worker(queues=("other",))

    told = await app.workers.pause(queue="mail")
    nobody = await app.workers.pause(queue="nothing")

    assert [mail] == [one.id for one in told]
    assert [] == nobody
    assert not (await app.workers.get(other)).is_paused


async def test_the_first_pause_of_several_is_kept(app: Howdah, desk: Desk) -> None:
    worker = desk.worker()

    (first,) = await app.workers.pause(worker, by="ann")
    (second,) = await app.workers.pause("all", by="bob")

    assert (first.paused_at, "ann") == (second.paused_at, second.paused_by)


def test_who_takes_the_place_of_another_works_as_that_was_asked_to(desk: Desk) -> None:
    worker = desk.worker()
    desk.sql(
        "UPDATE howdah.worker AS w SET wanted_concurrency = 3, paused_at = now(), paused_by = 'ann'"
    )

    asked = desk.run(fleet.asked(worker))

    assert (3, "ann") == (asked.concurrency, asked.paused_by)
    assert asked.paused_at is not None
    assert Asked() == desk.run(fleet.asked(worker + 1))


async def test_a_worker_tells_once_that_it_has_nothing_to_do(hall: Hall) -> None:
    told: list[Signal] = []
    hall.app.signals.on(WorkerIdle, told.append)
    idle = waiter(hall.app, WorkerIdle)
    async with working(hall.app, QUICK):
        first = idle()
        job = await hall.hold.send(1)
        await hall.until_running(1)
        before = len(told)
        hall.gate.set()
        await job.result(timeout=20)
        await asyncio.wait_for(first, 20)
        second = idle()
        await hall.hold.send(2)
        await asyncio.wait_for(second, 20)

    assert (0, 2) == (before, len(told))


async def test_a_worker_takes_only_the_priorities_it_is_for(hall: Hall) -> None:
    sent = {
        priority: await hall.hold.using(priority=priority).send(priority)
        for priority in (-5, 0, 5, 10)
    }
    settings = WorkerSettings(concurrency=4, lease=3.0, min_priority=0, max_priority=5)
    async with working(hall.app, settings):
        await hall.until_running(2)
        hall.gate.set()
        results = [await sent[priority].result(timeout=20) for priority in (0, 5)]
        others = [await sent[priority].state() for priority in (-5, 10)]

    assert [0, 5] == results
    assert ["created", "created"] == others


@pytest.mark.parametrize(
    "priorities",
    [
        {"min_priority": 40_000},
        {"max_priority": -40_000},
        {"min_priority": 5, "max_priority": 4},
    ],
)
def test_a_range_without_a_priority_is_refused(priorities: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="cannot work with"):
        WorkerSettings(**priorities)  # type: ignore[arg-type]
