"""A worker's connection that heals itself, and what becomes of what nobody waits for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from howdah._db import fleet
from howdah._db import worker as workers
from howdah._db.query import Query
from howdah._model.signals import DatabaseBack, DatabaseLost, Signals
from howdah._worker.link import Link
from howdah.bench import queries
from howdah.errors import DatabaseError, DatabaseUnreachableError
from tests.acceptance.proxy import Proxy
from tests.integration.desk import Desk, until_blocked

ROLE = "tested"
SESSIONS = f"SELECT pid FROM pg_stat_activity WHERE application_name = 'howdah {ROLE}'"
END = SESSIONS.replace("pid", "pg_terminate_backend(pid)")


@pytest.fixture
def signals() -> Signals:
    return Signals()


@pytest.fixture
async def link(database_url: str, schema: str, signals: Signals) -> AsyncIterator[Link]:
    made = Link(database_url, schema, role=ROLE, signals=signals, deadline=2.0)
    yield made
    await made.close()


async def until_gone(desk: Desk, pid: int) -> None:
    """Return when the server has ended a session."""
    async with asyncio.timeout(10):
        while (pid,) in desk.sql(SESSIONS):
            await asyncio.sleep(0.01)
            # One transaction sees the same sessions for as long as it lasts.
            desk.sql("SELECT pg_stat_clear_snapshot()")


async def test_a_statement_that_takes_too_long_is_given_up_and_ends_on_the_server(
    link: Link, desk: Desk
) -> None:
    await link.open()
    ((pid,),) = desk.sql(SESSIONS)
    with desk.transaction():
        desk.sql("LOCK TABLE howdah.worker")

        with pytest.raises(DatabaseError, match=r"no answer to worker/list in 2 s"):
            await link.run(fleet.workers())
        # The lock is still held: it has not ended because it got its answer.
        await until_gone(desk, pid)

    assert [] == await link.run(fleet.workers())


async def test_a_statement_whose_asker_is_cancelled_ends_on_the_server(
    database_url: str, schema: str, signals: Signals, desk: Desk
) -> None:
    link = Link(database_url, schema, role=ROLE, signals=signals)
    await link.open()
    ((pid,),) = desk.sql(SESSIONS)
    with desk.transaction():
        desk.sql("LOCK TABLE howdah.worker")
        asking = asyncio.create_task(link.run(fleet.workers()))
        await until_blocked(desk, pid)

        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await until_gone(desk, pid)

    assert [] == await link.run(fleet.workers())
    await link.close()


async def test_a_server_that_says_nothing_is_given_up(
    proxy: Proxy, schema: str, signals: Signals
) -> None:
    link = Link(proxy.url, schema, role=ROLE, signals=signals, deadline=1.0)
    await link.open()
    proxy.freeze()

    # The first finds its connection silent, the second can open no other.
    for _ in range(2):
        with pytest.raises(DatabaseError, match="in 1 s"):
            await link.run(fleet.workers())

    proxy.thaw()
    async with asyncio.timeout(10):
        while True:
            try:
                assert [] == await link.run(fleet.workers())
                break
            except DatabaseError:
                await link.pause()
    await link.close()


async def test_a_loss_is_told_once_and_so_is_the_return(
    link: Link, signals: Signals, desk: Desk
) -> None:
    told: list[str] = []
    signals.on(DatabaseLost, lambda signal: told.append(f"lost {signal.role}"))
    signals.on(DatabaseBack, lambda signal: told.append(f"back {signal.role}"))
    await link.open()

    await end(link, desk)
    for _ in range(2):
        await link.run(fleet.workers())

    assert [f"lost {ROLE}", f"back {ROLE}"] == told


async def test_every_connection_is_set_up(database_url: str, schema: str, desk: Desk) -> None:
    link = Link(database_url, schema, role=ROLE, signals=Signals(), set_up=[workers.hurry()])
    said = []
    for _ in range(2):
        said.append((await link.run(queries.server())).synchronous_commit)
        await end(link, desk)
    await link.close()

    assert ["off", "off"] == said


async def test_a_query_is_made_for_the_connection_it_runs_on(link: Link, desk: Desk) -> None:
    counted: list[int] = []

    def make() -> Query[list[fleet.WorkerRecord]]:
        counted.append(link.opened)
        return fleet.workers()

    await link.ask(make)
    await end(link, desk)
    await link.ask(make)

    assert [1, 2] == counted


async def end(link: Link, desk: Desk) -> None:
    """End the link's connection at the server, and see that it noticed."""
    desk.sql(END)
    with pytest.raises(DatabaseUnreachableError):
        await link.watch(10)
