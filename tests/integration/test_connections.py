"""The client's connections on one loop: how many, who waits, and what becomes of broken ones."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from howdah._db import connections, fleet, many
from howdah._db import job as jobs
from howdah._db.connections import Connections
from howdah._model.identity import uuid7, uuid7s
from howdah.errors import DatabaseError, DatabaseUnreachableError, PayloadError
from tests.integration.desk import Desk

SIZE = 2
PIDS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'howdah' ORDER BY backend_start"
BLOCKED = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE application_name = 'howdah' AND cardinality(pg_catalog.pg_blocking_pids(pid)) > 0"
)
LOOK = fleet.workers()


@pytest.fixture
async def pool(database_url: str, schema: str) -> AsyncIterator[Connections]:
    made = Connections(database_url, schema, size=SIZE)
    yield made
    await made.close()


@pytest.fixture
def watch(open_desk: Callable[[], Desk]) -> Desk:
    """A connection that is never in a transaction."""
    return open_desk()


async def until(fact: Callable[[], object]) -> None:
    """Wait until a fact of the server holds."""
    async with asyncio.timeout(10):
        while not fact():  # noqa: ASYNC110 - the fact is the server's
            await asyncio.sleep(0.01)


async def until_blocked(watch: Desk, count: int) -> None:
    await until(lambda: count == watch.value(BLOCKED))


def lock(desk: Desk) -> None:
    """Hold up every query of the pool until the transaction ends."""
    desk.sql("LOCK TABLE howdah.worker")


async def both(*asked: Awaitable[object]) -> list[object]:
    async with asyncio.timeout(10):
        return await asyncio.gather(*asked)


async def test_a_query_waits_for_a_connection_while_all_are_lent(
    pool: Connections, desk: Desk, watch: Desk
) -> None:
    with desk.transaction():
        lock(desk)
        asking = [asyncio.create_task(pool.run(LOOK)) for _ in range(2 * SIZE)]
        await until_blocked(watch, SIZE)

    assert [[]] * 2 * SIZE == await both(*asking)
    assert SIZE == len(watch.sql(PIDS))


async def test_nobody_waits_for_ever(
    pool: Connections, desk: Desk, watch: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "WAIT", 0.1)
    with desk.transaction():
        lock(desk)
        asking = [asyncio.create_task(pool.run(LOOK)) for _ in range(SIZE)]
        await until_blocked(watch, SIZE)

        with pytest.raises(DatabaseUnreachableError, match="larger pool_size="):
            await pool.run(LOOK)

    assert [[]] * SIZE == await both(*asking)
    assert [] == await pool.run(LOOK)


async def test_who_no_longer_waits_is_passed_over(
    pool: Connections, desk: Desk, watch: Desk
) -> None:
    with desk.transaction():
        lock(desk)
        asking = [asyncio.create_task(pool.run(LOOK)) for _ in range(SIZE + 2)]
        await until_blocked(watch, SIZE)
        asking.pop(SIZE).cancel()

    assert [[]] * (SIZE + 1) == await both(*asking)


async def test_a_query_that_is_cancelled_ends_on_the_server_and_makes_room(
    pool: Connections, desk: Desk, watch: Desk
) -> None:
    with desk.transaction():
        lock(desk)
        asking = [asyncio.create_task(pool.run(LOOK)) for _ in range(SIZE + 1)]
        await until_blocked(watch, SIZE)
        gone, *left = asking

        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        # The one that waited has taken the place, on a connection of its own.
        await until(lambda: SIZE == len(watch.sql(PIDS)) == watch.value(BLOCKED))

    assert [[]] * SIZE == await both(*left)


async def test_what_is_refused_costs_no_connection(pool: Connections, watch: Desk) -> None:
    await pool.run(LOOK)
    before = watch.sql(PIDS)

    with pytest.raises(DatabaseError):
        await pool.run(jobs.claim(queues=["q"], limit=0, worker_id=404, hints=[]))
    with pytest.raises(PayloadError):
        await pool.run(jobs.send(queue="q", task="t", args='{"n": "\x00"}', options="{}"))
    await pool.run(LOOK)

    assert before == watch.sql(PIDS)


async def test_a_connection_that_broke_while_it_rested_is_not_lent(
    pool: Connections, watch: Desk
) -> None:
    await pool.run(LOOK)
    ((pid,),) = watch.sql(PIDS)
    watch.sql("SELECT pg_terminate_backend(%s, 10000)", pid)
    (runner, _), *_ = pool._resting
    async with asyncio.timeout(10):
        await runner.ended.wait()

    assert [] == await pool.run(LOOK)
    assert [(pid,)] != watch.sql(PIDS)


async def test_several_queries_are_done_together_or_not_at_all(
    pool: Connections, desk: Desk
) -> None:
    good, bad = (
        jobs.send(queue="q", task="t", args=args, options=f'{{"id": "{uuid7()}"}}')
        for args in ("{}", "[]")
    )

    with pytest.raises(PayloadError):
        await pool.run_all([good, bad])
    undone = desk.value("SELECT count(*) FROM howdah.job")
    await pool.run_all([good, many.send_many(queue="q", task="t", ids=uuid7s(1), args=["{}"])])

    assert (0, 2) == (undone, desk.value("SELECT count(*) FROM howdah.job"))
    assert [("idle",)] == desk.sql(
        "SELECT state FROM pg_stat_activity WHERE application_name = 'howdah'"
    )


async def test_connections_that_nobody_needs_any_more_are_closed(
    pool: Connections, desk: Desk, watch: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with desk.transaction():
        lock(desk)
        asking = [asyncio.create_task(pool.run(LOOK)) for _ in range(SIZE)]
        await until_blocked(watch, SIZE)
    await both(*asking)
    monkeypatch.setattr(connections, "LONGEST_REST", -1.0)

    await pool.run(LOOK)

    await until(lambda: 1 == len(watch.sql(PIDS)))


async def test_they_can_be_dropped_from_another_thread(pool: Connections, watch: Desk) -> None:
    await pool.run(LOOK)

    thread = threading.Thread(target=pool.drop)
    thread.start()
    await asyncio.to_thread(thread.join)

    await until(lambda: [] == watch.sql(PIDS))


async def test_one_that_is_lent_is_closed_when_it_comes_back(
    pool: Connections, desk: Desk, watch: Desk
) -> None:
    with desk.transaction():
        lock(desk)
        asking = asyncio.create_task(pool.run(LOOK))
        await until_blocked(watch, 1)
        await pool.close()

    assert [] == await asking
    await until(lambda: [] == watch.sql(PIDS))
