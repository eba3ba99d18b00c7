"""A worker's queries through libpq, against what Postgres says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from howdah._db import fleet, many, session
from howdah._db import job as jobs
from howdah._db import worker as workers
from howdah._db.query import Query
from howdah._db.runners.direct import DirectRunner
from howdah._model.identity import uuid7, uuid7s
from howdah.errors import DatabaseError, DatabaseUnreachableError, PayloadError
from tests.integration.desk import Desk, until_blocked

END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = %s"
LARGE = 3_000_000


class Ear:
    """What a connection has heard."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self._some = asyncio.Event()

    def hear(self, payload: str) -> None:
        self.heard.append(payload)
        self._some.set()

    async def until_some(self) -> list[str]:
        async with asyncio.timeout(10):
            await self._some.wait()
        return self.heard


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture(params=[True, False], ids=["prepared", "not prepared"])
async def runner(
    request: pytest.FixtureRequest, database_url: str, schema: str, ear: Ear
) -> AsyncIterator[DirectRunner]:
    connection, _ = await session.connect(database_url, schema, name="howdah test")
    made = DirectRunner(connection, schema, prepare=request.param, heard=ear.hear)
    yield made
    await made.leave().close()


def sending(args: str = "{}") -> tuple[str, Query[jobs.Receipt]]:
    job_id = uuid7()
    options = json.dumps({"id": job_id})
    return job_id, jobs.send(queue="q", task="t", args=args, options=options)


def backend(runner: DirectRunner) -> int:
    return runner.connection.info.backend_pid


async def test_what_is_said_arrives_and_what_is_answered_is_read(
    runner: DirectRunner, desk: Desk
) -> None:
    args = {"text": "é\x1f%s:$1''", "n": 1.5}
    job_id, query = sending(json.dumps(args))

    receipt = await runner.run(query)

    found = await runner.run(jobs.get(UUID(job_id)))
    assert jobs.Receipt(UUID(job_id), created=True) == receipt
    assert found == desk.run(jobs.get(UUID(job_id)))
    assert args == desk.row(job_id)["args"]


async def test_numbers_and_nulls_arrive(runner: DirectRunner, desk: Desk) -> None:
    worker = await runner.run(
        workers.register(lease=2.5, pid=7, host="h", concurrency=3, queues=["q"], version="1")
    )
    desk.send()

    rows = await runner.run(jobs.claim(queues=["q"], limit=1, worker_id=worker, hints=[]))

    (found,) = await runner.run(fleet.workers())
    assert (worker, 2.5, 7, 3) == (found.id, found.lease, found.pid, found.concurrency)
    assert [None, 1] == sorted((row[2] for row in rows), key=str, reverse=True)


async def test_a_statement_that_does_not_fit_into_the_socket_arrives(
    runner: DirectRunner, desk: Desk
) -> None:
    args = [json.dumps({"n": "x" * LARGE})] * 3
    query = many.send_many(queue="q", task="t", ids=uuid7s(3), args=args)

    async with asyncio.timeout(20):
        sent = await runner.run(query)

    assert 3 == sent.count
    assert [(LARGE,)] * 3 == desk.sql("SELECT length(args ->> 'n') FROM howdah.job")


async def test_what_is_refused_leaves_the_connection_as_it_was(
    runner: DirectRunner, desk: Desk
) -> None:
    desk.send()

    with pytest.raises(DatabaseError) as refusal:
        await runner.run(jobs.claim(queues=["q"], limit=1, worker_id=404, hints=[]))
    with pytest.raises(PayloadError):
        await runner.run(sending('{"n": "\x00"}')[1])
    with pytest.raises(PayloadError):
        await runner.run(sending('{"n": "\\u0000"}')[1])

    assert "HW007" == refusal.value.sqlstate
    assert [] == await runner.run(fleet.workers())


@pytest.mark.standard("it listens")
async def test_notifications_are_heard_while_nothing_is_asked(
    runner: DirectRunner, desk: Desk, ear: Ear
) -> None:
    await runner.run(workers.listen())

    desk.run(workers.ping("hello"))

    assert ["hello"] == await ear.until_some()


@pytest.mark.standard("it listens")
async def test_notifications_are_heard_while_an_answer_is_awaited(
    runner: DirectRunner, desk: Desk, ear: Ear
) -> None:
    await runner.run(workers.listen())

    await runner.run(workers.ping("to ourselves"))

    assert ["to ourselves"] == await ear.until_some()


async def test_an_end_is_noticed_while_nothing_is_asked(runner: DirectRunner, desk: Desk) -> None:
    desk.sql(END, backend(runner))

    async with asyncio.timeout(10):
        await runner.ended.wait()

    assert runner.is_over
    with pytest.raises(DatabaseUnreachableError):
        await runner.run(fleet.workers())


async def test_an_end_is_told_to_who_waits_in_the_words_of_the_server(
    runner: DirectRunner, desk: Desk
) -> None:
    with desk.transaction():
        desk.sql("LOCK TABLE howdah.worker")
        asking = asyncio.create_task(runner.run(fleet.workers()))
        await until_blocked(desk, backend(runner))

        desk.sql(END, backend(runner))
        with pytest.raises(DatabaseUnreachableError, match="administrator command"):
            await asking

    assert runner.is_over


async def test_who_gives_up_waits_no_longer(runner: DirectRunner, desk: Desk) -> None:
    with desk.transaction():
        desk.sql("LOCK TABLE howdah.worker")
        asking = asyncio.create_task(runner.run(fleet.workers()))
        await until_blocked(desk, backend(runner))

        runner.give_up()
        with pytest.raises(TimeoutError):
            await asking
