"""Sends of one key or id from several connections, and sends whose connection breaks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from howdah import Howdah
from howdah._db import job as jobs
from howdah._db.job import Receipt
from howdah._db.query import Query
from howdah.job import Job
from howdah.task import Task
from tests.acceptance.harness import until
from tests.integration.desk import Desk, wait_until_blocked

Open = Callable[[], Desk]
# Cancelled, a commit is over all the same.
WAITING = (
    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid = %s AND wait_event = 'SyncRep'"
)
ACTIVITY = "SELECT pid FROM pg_stat_activity WHERE application_name = 'howdah' AND "


def order(**options: Any) -> Query[Receipt]:
    return jobs.send(queue="q", task="t", args="{}", options=json.dumps(options))


@pytest.mark.parametrize("said", [{"key": "k"}, {"id": str(uuid4())}], ids=["key", "id"])
def test_a_second_send_waits_for_the_first_and_answers_with_it(
    open_desk: Open, said: dict[str, str]
) -> None:
    first, second, watch = open_desk(), open_desk(), open_desk()
    with first.transaction():
        sent = first.run(order(**said))
        waiting = second.start(order(**said))
        wait_until_blocked(watch, second, waiting)

    assert Receipt(sent.id, False) == waiting.result(20)


@pytest.mark.parametrize("said", [{"key": "k"}, {"id": str(uuid4())}], ids=["key", "id"])
def test_a_second_send_waits_for_the_first_and_takes_its_place_when_that_rolls_back(
    open_desk: Open, said: dict[str, str]
) -> None:
    first, second, watch = open_desk(), open_desk(), open_desk()
    with first.connection.transaction(force_rollback=True):
        first.run(order(**said))
        waiting = second.start(order(**said))
        wait_until_blocked(watch, second, waiting)

    receipt = waiting.result(20)
    assert receipt.created
    assert [(receipt.id,)] == watch.sql("SELECT id FROM howdah.job")


def test_a_send_of_a_key_whose_job_is_finishing_stores_a_new_one(
    open_desk: Open, desk: Desk
) -> None:
    finishing, second = open_desk(), open_desk()
    old = desk.send(key="k")
    claim = finishing.claim()
    with finishing.transaction():
        finishing.finish(*claim)
        waiting = second.start(order(key="k"))
        wait_until_blocked(desk, second, waiting)

    receipt = waiting.result(20)
    assert receipt.created
    assert old != receipt.id


def test_a_send_of_an_id_whose_job_is_finishing_stores_nothing(open_desk: Open, desk: Desk) -> None:
    finishing, second = open_desk(), open_desk()
    job_id = str(uuid4())
    desk.send(id=UUID(job_id))
    claim = finishing.claim()
    with finishing.transaction():
        finishing.finish(*claim)
        waiting = second.start(order(id=job_id))
        wait_until_blocked(desk, second, waiting)

    assert Receipt(UUID(job_id), False) == waiting.result(20)
    assert [] == desk.sql("SELECT id FROM howdah.job")


def test_of_many_sends_of_one_key_at_once_one_is_stored(open_desk: Open) -> None:
    desks = [open_desk() for _ in range(6)]
    with ThreadPoolExecutor(6) as threads:
        for round_number in range(10):
            query = order(key=f"k{round_number}")
            receipts = list(threads.map(lambda one, query=query: one.run(query), desks))

            assert 1 == len({receipt.id for receipt in receipts})
            assert 1 == sum(receipt.created for receipt in receipts)


def test_a_job_sent_in_a_transaction_is_claimed_when_that_has_committed(open_desk: Open) -> None:
    sender, desk = open_desk(), open_desk()
    with sender.transaction():
        job_id = sender.send()
        before = desk.claim()

    assert [] == before
    assert [job_id] == [claim.job_id for claim in desk.claim()]


# Connections that break


@pytest.fixture
def work(app: Howdah) -> Task[..., Any, ..., Any]:
    @app.task(name="t", queue="q")
    async def work(n: int = 0) -> None: ...

    return work


async def break_connection(desk: Desk, where: str) -> None:
    """Wait for the one connection of the app that is there, and end it."""
    pids: list[tuple[int]] = []

    def seen() -> bool:
        pids[:] = desk.sql(ACTIVITY + where)
        return len(pids) == 1

    await asyncio.to_thread(until, seen)
    desk.sql("SELECT pg_terminate_backend(%s, 10000)", pids[0][0])


def one_waits(desk: Desk) -> bool:
    """Commit, and see whether that waits: the server's processes hear of a setting one by one."""
    with psycopg.connect(desk.url, autocommit=True) as other, ThreadPoolExecutor(1) as thread:
        commit = thread.submit(other.execute, "SELECT pg_logical_emit_message(true, 'x', '')")
        while not commit.done():
            if desk.sql(WAITING, other.info.backend_pid):
                commit.result()
                return True
    return False


@contextmanager
def commits_that_wait(desk: Desk) -> Iterator[None]:
    """Let every commit be carried out, and its answer be held back for a standby that is not."""
    desk.sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    desk.sql("SELECT pg_reload_conf()")
    with psycopg.connect(desk.url, autocommit=True) as new:
        until(lambda: new.execute("SHOW synchronous_standby_names").fetchone() == ("nobody",))
    try:
        until(lambda: one_waits(desk))
        yield
    finally:
        desk.sql("ALTER SYSTEM RESET synchronous_standby_names")
        desk.sql("SELECT pg_reload_conf()")


async def test_a_send_whose_connection_breaks_before_the_commit_is_repeated(
    open_desk: Open, work: Task[..., Any, ..., Any]
) -> None:
    holder, desk = open_desk(), open_desk()
    with holder.connection.transaction(force_rollback=True):
        holder.send(key="k")
        sending = asyncio.create_task(work.using(key="k").send())
        await break_connection(desk, "wait_event_type = 'Lock'")

    job = await sending
    assert job.is_new
    assert [(job.id,)] == desk.sql("SELECT id FROM howdah.job")


@pytest.mark.parametrize("said", [{}, {"key": "k"}, {"id": uuid4()}], ids=["plain", "key", "id"])
async def test_a_send_whose_answer_is_lost_stores_one_job(
    desk: Desk, work: Task[..., Any, ..., Any], said: dict[str, Any]
) -> None:
    with commits_that_wait(desk):
        sending: Awaitable[Job[Any]] = asyncio.create_task(work.using(**said).send())
        await break_connection(desk, "wait_event = 'SyncRep'")

    job = await sending
    assert [(job.id,)] == desk.sql("SELECT id FROM howdah.job")


async def test_sends_of_many_whose_answer_is_lost_store_each_once(
    desk: Desk, work: Task[..., Any, ..., Any]
) -> None:
    with commits_that_wait(desk):
        sending = asyncio.create_task(work.send_many([(n,) for n in range(100)]))
        await break_connection(desk, "wait_event = 'SyncRep'")

    ids = await sending
    assert [(one,) for one in ids] == desk.sql("SELECT id FROM howdah.job ORDER BY args->'n'")


async def test_sends_of_many_whose_connection_breaks_before_the_commit_are_repeated(
    open_desk: Open, work: Task[..., Any, ..., Any]
) -> None:
    holder, desk = open_desk(), open_desk()
    with holder.connection.transaction(force_rollback=True):
        holder.sql("LOCK TABLE howdah.job IN SHARE MODE")
        sending = asyncio.create_task(work.send_many([(n,) for n in range(100)]))
        await break_connection(desk, "wait_event_type = 'Lock'")

    ids = await sending
    assert [(one,) for one in ids] == desk.sql("SELECT id FROM howdah.job ORDER BY args->'n'")


def test_a_blocking_send_whose_answer_is_lost_stores_one_job(
    app: Howdah, desk: Desk, work: Task[..., Any, ..., Any]
) -> None:
    with ThreadPoolExecutor(1) as thread, commits_that_wait(desk):
        sending = thread.submit(app.sync.send, work)
        asyncio.run(break_connection(desk, "wait_event = 'SyncRep'"))

    assert [(sending.result(20).id,)] == desk.sql("SELECT id FROM howdah.job")
