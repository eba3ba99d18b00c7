"""Pauses of queues, tasks and everything: who keeps what from being claimed, and for how long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from howdah import Howdah, WorkerSettings
from howdah._db import queue as queues
from howdah._model.outcome import Verdict
from howdah._model.signals import TasksPaused, WorkerStarted
from howdah.errors import UnknownQueueError
from howdah.lifespan import working
from tests.acceptance.harness import until
from tests.integration.desk import Desk

QUICK = WorkerSettings(concurrency=2, lease=3.0)
# It has asked whatever it asks by itself.
IS_QUIET = """
    SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_activity AS a
                   WHERE a.application_name = 'howdah claim' AND a.state = 'idle'
                     AND pg_catalog.clock_timestamp() - a.state_change > interval '0.2 s')
"""
WAITS = """
    SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_activity AS a
                   WHERE a.application_name = 'howdah pulse'
                     AND %s = ANY (pg_catalog.pg_blocking_pids(a.pid)))
"""


@pytest.fixture
def work(app: Howdah) -> Any:
    """A task `t` in queue `q`."""

    @app.task(name="t", queue="q")
    async def work() -> str:
        return "done"

    return work


async def test_nobody_claims_from_a_paused_queue(app: Howdah, desk: Desk, work: Any) -> None:
    await work.send()
    await app.queues.pause("q")

    assert [] == desk.claim()


async def test_a_resumed_queue_is_claimed_from(app: Howdah, desk: Desk, work: Any) -> None:
    await work.send()
    await app.queues.pause("q")
    await app.queues.resume("q")

    assert 1 == len(desk.claim())


async def test_who_paused_it_when_and_why_is_kept(app: Howdah, work: Any) -> None:
    await app.queues.pause("q", by="ann", reason="too hot")
    await app.queues.pause("q", by="bob")

    record = await app.queues.get("q")

    assert ("ann", "too hot", True) == (record.paused_by, record.pause_reason, record.is_paused)


async def test_a_pause_outlives_the_start_of_a_worker(app: Howdah, work: Any) -> None:
    await app.queues.pause("q")

    async with working(app, QUICK):
        pass

    assert (await app.queues.get("q")).is_paused


async def test_an_unknown_queue_is_not_paused(app: Howdah) -> None:
    with pytest.raises(UnknownQueueError):
        await app.queues.pause("nothing")


async def test_what_runs_goes_on(app: Howdah, desk: Desk, work: Any) -> None:
    await work.send()
    claimed = desk.claim()
    await app.queues.pause("q")
    await app.tasks.pause(work)

    assert 1 == desk.finish(*claimed)


async def test_everything_is_paused_and_resumed(app: Howdah, desk: Desk, work: Any) -> None:
    await work.send()
    await app.pause(by="ann")
    paused = desk.claim()
    await app.resume()

    assert ([], 1) == (paused, len(desk.claim()))


async def test_one_queue_may_run_while_everything_is_paused(
    app: Howdah, desk: Desk, work: Any
) -> None:
    await work.send()
    await app.pause()
    await app.queues.resume("q")

    assert 1 == len(desk.claim())


async def test_the_pauses_are_listed(app: Howdah, work: Any) -> None:
    await app.queues.pause("q", by="ann")
    await app.tasks.pause("t", by="bob", reason="broken")
    await app.pause(by="cid")

    found = [(one.kind, one.name, one.by) for one in await app.pauses()]

    assert [("everything", "", "cid"), ("queue", "q", "ann"), ("task", "t", "bob")] == found


async def test_jobs_of_a_paused_task_wait_and_those_of_others_do_not(
    app: Howdah, desk: Desk, work: Any
) -> None:
    @app.task(name="other", queue="q")
    async def other() -> None: ...

    before = await work.send()
    await app.tasks.pause(work)
    meanwhile = await work.send()
    await work.send_many([()])
    free = await other.send()

    assert [str(free.id)] == [claim.id for claim in desk.claim(limit=10)]
    assert ["task", "task"] == [desk.row(one.id)["held"] for one in (before, meanwhile)]


async def test_jobs_of_a_resumed_task_are_claimed(app: Howdah, desk: Desk, work: Any) -> None:
    await work.send()
    await app.tasks.pause(work)
    await work.send()
    later = await work.using(start_after=60).send()

    assert await app.tasks.resume(work)

    assert 2 == len(desk.claim(limit=10))
    assert desk.row(later.id)["held"] is None


async def test_more_jobs_than_a_batch_are_held_and_lifted(
    app: Howdah, desk: Desk, work: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("howdah._db.queueing.BATCH", 3)
    await work.send_many([()] * 10)

    await app.tasks.pause(work)
    held = desk.claim(limit=20)
    await app.tasks.resume(work)

    assert ([], 10) == (held, len(desk.claim(limit=20)))


async def test_a_job_given_back_as_held_keeps_its_attempts(
    app: Howdah, desk: Desk, work: Any
) -> None:
    job = await work.send()
    claims = desk.claim()
    await app.tasks.pause(work)

    desk.put_back(*claims, verdict=Verdict.HELD)

    row = desk.row(job.id)
    assert ("retry", "task", 0) == (row["state"], row["held"], row["attempt"])


async def test_what_was_held_as_its_task_was_resumed_is_lifted_by_housekeeping(
    app: Howdah, desk: Desk, work: Any
) -> None:
    await work.send()
    desk.put_back(*desk.claim(), verdict=Verdict.HELD)

    desk.run(queues.lift(limit=10))

    assert 1 == len(desk.claim())


async def test_a_send_that_commits_after_the_pause_is_not_run(
    app: Howdah, desk: Desk, work: Any
) -> None:
    with desk.transaction():
        late = desk.send()
        await app.tasks.pause(work)
    async with working(app, QUICK), asyncio.timeout(20):
        await asyncio.to_thread(until, lambda: desk.row(late)["held"] == "task")
        await app.tasks.resume(work)
        await asyncio.to_thread(until, lambda: desk.state(late) == "completed")

    assert 1 == desk.row(late)["attempt"]


async def test_a_worker_that_starts_claims_nothing_until_it_knows_what_is_paused(
    app: Howdah, desk: Desk, open_desk: Callable[[], Desk], work: Any
) -> None:
    with desk.transaction():
        late = desk.send()
        await app.tasks.pause(work)
    holder = open_desk()
    app.signals.on(WorkerStarted, lambda _: holder.sql("BEGIN; LOCK TABLE howdah.pause"))

    def is_held_up() -> bool:
        return desk.value(IS_QUIET) and desk.value(WAITS, holder.pid)

    async with working(app, QUICK), asyncio.timeout(20):
        await asyncio.to_thread(until, is_held_up)
        state = desk.state(late)
        holder.sql("ROLLBACK")
        await asyncio.to_thread(until, lambda: desk.row(late).get("held") == "task")

    assert "created" == state


async def test_a_worker_hears_of_a_pause_and_of_its_end(app: Howdah, desk: Desk, work: Any) -> None:
    told: list[tuple[str, ...]] = []
    app.signals.on(TasksPaused, lambda signal: told.append(signal.tasks))
    async with working(app, QUICK), asyncio.timeout(20):
        await app.tasks.pause(work)
        await asyncio.to_thread(until, lambda: told == [("t",)])
        job = await work.send()
        await app.tasks.resume(work)
        assert "done" == await job.result(timeout=10)

    assert [("t",), ()] == told or [("t",)] == told


async def test_the_client_that_does_not_await_has_the_same_words(app: Howdah, work: Any) -> None:
    app.sync.queues.pause("q", by="ann")
    app.sync.tasks.pause(work)
    app.sync.pause()
    kinds = [one.kind for one in app.sync.pauses()]
    app.sync.resume()
    app.sync.tasks.resume(work)
    app.sync.queues.resume("q")

    assert (["everything", "queue", "task"], []) == (kinds, app.sync.pauses())
