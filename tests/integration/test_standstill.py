"""What one job does must not hold up the others: a real worker in this process, on real rows."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from howdah import Context, Howdah, Job, JobState, WorkerSettings
from howdah._db import job as jobs
from howdah._db.query import Query, Row
from howdah._worker.claimer import LADDER
from howdah._worker.link import Link
from howdah._worker.worker import Worker, announce
from howdah.lifespan import working
from tests.integration.desk import Desk

TENANT: contextvars.ContextVar[str] = contextvars.ContextVar("tenant")
SETTINGS = WorkerSettings(poll=0.2)


async def until(fact: Callable[[], object], *, within: float = 20.0) -> None:
    """Wait until a fact holds."""
    async with asyncio.timeout(within):
        while not fact():  # noqa: ASYNC110 - the fact is another process's
            await asyncio.sleep(0.01)


async def until_active(job: Job[object]) -> None:
    """Wait until a worker runs the job."""
    async with asyncio.timeout(20):
        while await job.state() != JobState.ACTIVE:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)


async def test_a_cancel_that_is_not_committed_holds_up_no_other_job(app: Howdah, database_url: str):
    gate = asyncio.Event()

    @app.task
    async def waits() -> None:
        await gate.wait()

    @app.task
    async def quick(n: int) -> int:
        return n

    async with working(app, SETTINGS), await psycopg.AsyncConnection.connect(database_url) as open_:
        held = await waits.send()
        await until_active(held)
        await app.jobs.cancel(held.id, conn=open_)
        gate.set()
        others = [await quick.send(n) for n in range(20)]

        assert list(range(20)) == [await other.result(timeout=10) for other in others]
        assert JobState.ACTIVE == await held.state()

        await open_.rollback()
        assert await held.result(timeout=10) is None


async def test_a_report_on_a_job_that_a_transaction_completes_holds_up_no_other_job(
    app: Howdah, database_url: str
):
    gate = asyncio.Event()
    completing = asyncio.Event()

    @app.task
    async def slow(ctx: Context) -> str:
        async with await psycopg.AsyncConnection.connect(database_url) as mine:
            await ctx.complete("done", conn=mine)
            ctx.progress(0.9)
            completing.set()
            await gate.wait()
        return "ignored"

    @app.task
    async def quick(n: int) -> int:
        return n

    async with working(app, SETTINGS):
        held = await slow.send()
        async with asyncio.timeout(10):
            await completing.wait()
        other = await quick.send(1)

        assert 1 == await other.result(timeout=10)

        gate.set()
        await held.result(timeout=10)
        assert "done" == (await held.get()).result


async def test_a_field_that_cannot_be_written_out_costs_its_line_and_nothing_more(app: Howdah):
    class Sly:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    @app.task
    async def logs(ctx: Context) -> str:
        ctx.log.info("large", n=10**5000, sly=Sly(), big=2**70)
        return "logged"

    async with working(app, SETTINGS):
        job = await logs.send()

        assert "logged" == await job.result(timeout=10)
        assert 1 == (await job.get()).attempt


async def test_a_context_variable_stays_with_the_job_that_set_it(app: Howdah):
    seen: list[str | None] = []

    @app.task
    async def tenant(name: str) -> None:
        seen.append(TENANT.get(None))
        TENANT.set(name)

    async with working(app, WorkerSettings(poll=0.2, concurrency=1)):
        for name in ("acme", "globex", "initech"):
            job = await tenant.send(name)
            await job.result(timeout=10)

    assert [None, None, None] == seen


async def test_a_job_with_a_time_limit_that_waited_behind_slow_ones_runs_once(app: Howdah):
    runs: list[int] = []

    @app.task(expire_in=2)
    async def limited(n: int) -> None:
        runs.append(n)

    @app.task
    async def quick() -> None:
        return None

    @app.task
    async def slow() -> None:
        await asyncio.sleep(0.6)  # the slots are slow: what was claimed ahead must not grow old

    settings = WorkerSettings(poll=0.1, concurrency=2, expire_grace=0.1)
    await quick.send_many([()] * 3_000)
    await slow.send_many([()] * 8)
    await limited.send_many([(n,) for n in range(20)])
    async with working(app, settings):
        await until(lambda: len(runs) >= 20)
        found = await app.jobs.find(task="limited")
        while not all(job.state.is_final for job in found):
            await asyncio.sleep(0.02)
            found = await app.jobs.find(task="limited")

    assert list(range(20)) == sorted(runs)
    assert {JobState.COMPLETED} == {job.state for job in found}
    assert {()} == {job.errors for job in found}


@pytest.mark.standard("it is about the advisory lock of idle workers")
async def test_the_idle_lock_is_given_back_as_often_as_it_was_taken(
    app: Howdah, database_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("howdah._worker.claimer.FULL_SCAN_EVERY", 0.05)
    gate = asyncio.Event()

    @app.task
    async def waits() -> None:
        await gate.wait()

    locks = (
        "SELECT count(*) FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)"
        " WHERE l.locktype = 'advisory' AND l.mode = 'ShareLock'"
    )
    with psycopg.connect(database_url, autocommit=True) as watch:

        def held() -> int:
            row = watch.execute(locks).fetchone()
            assert row is not None
            return int(row[0])

        async with working(app, WorkerSettings(poll=0.02, concurrency=1)):
            await until(lambda: held() == 1)
            for _ in range(20):
                await asyncio.sleep(0.02)  # several full scans while idle
            job = await waits.send()
            await until_active(job)

            await until(lambda: held() == 0)
            gate.set()
            await job.result(timeout=10)


def test_a_loop_that_is_closed_leaves_no_connection_behind(app: Howdah, database_url: str):
    @app.task
    async def noop(n: int) -> None:
        return None

    for n in range(6):
        asyncio.run(noop.send(n))

    with psycopg.connect(database_url, autocommit=True) as watch:

        def ours() -> int:
            row = watch.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'howdah'"
            ).fetchone()
            assert row is not None
            return int(row[0])

        # The last loop's connection is let go of when the next loop comes.
        asyncio.run(until(lambda: ours() <= 1))


def test_a_job_tried_for_ever_keeps_its_first_and_its_last_errors(sql: Callable[..., list[tuple]]):
    kept = sql(
        """
        WITH RECURSIVE tries (n, errors) AS (
            SELECT 0, NULL::jsonb
            UNION ALL
            SELECT n + 1, howdah.with_error(errors, to_jsonb(n)) FROM tries WHERE n < 100)
        SELECT errors FROM tries ORDER BY n DESC LIMIT 1
        """
    )

    assert [([*range(20), *range(80, 100)],)] == kept


async def test_a_job_that_never_stops_waiting_is_read_with_its_limit(app: Howdah):
    @app.task
    async def noop() -> None:
        return None

    job = await noop.using(start_after=timedelta(hours=1)).send()

    with pytest.raises(TimeoutError):
        await job.result(timeout=0.05)


async def test_a_crash_that_brings_back_a_row_below_the_hint_hides_it_from_no_worker(
    app: Howdah, database_url: str, schema: str, desk: Desk
) -> None:
    @app.task
    async def tick(n: int) -> int:
        return n

    async with working(app, WorkerSettings(poll=0.2)):
        await (await tick.send(1)).result(timeout=10)

        # A crash of the server ends all connections, and what it forgot of a claim is undone.
        desk.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'howdah claim'"
        )
        desk.sql(
            "INSERT INTO howdah.job (id, queue, task, args, ready_xid)"
            " VALUES (gen_random_uuid(), 'default', %s, '{\"n\": 2}', '3')",
            tick.name,
        )

        await until(lambda: not desk.sql("SELECT 1 FROM howdah.job"), within=10)

    assert 2 == len(await app.jobs.find(task=tick.name, limit=5))


@pytest.mark.standard("an idle worker is told of each job")
async def test_a_worker_that_stays_idle_looks_once_for_each_job(
    app: Howdah, database_url: str, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    claim = jobs.claim

    @app.task
    async def tick(n: int) -> int:
        return n

    def counted(**given: Any) -> Query[Sequence[Row]]:
        looks.append(1)
        return claim(**given)

    settings = WorkerSettings(poll=60.0)
    link = Link(database_url, schema, role="announce", signals=app.signals)
    worker_id = await announce(link, app, settings)
    worker = Worker(app, database_url, settings, worker_id=worker_id)
    running = asyncio.create_task(worker.run())
    await until(lambda: worker.claimer._rung == len(LADDER))
    monkeypatch.setattr(jobs, "claim", counted)

    for n in range(5):
        await (await tick.send(n)).result(timeout=10)

    worker.stop()
    await running
    await link.close()
    assert 5 == len(looks)
