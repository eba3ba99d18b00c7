"""How full a queue may be: what a send does that finds it full."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest

from howdah import Howdah
from howdah.errors import QueueFullError
from tests.integration.desk import Desk


def bounded(app: Howdah, **options: Any) -> Any:
    """A task in a queue `q` that may hold so many."""
    app.queue("q", **options)

    @app.task(name="t", queue="q")
    async def work() -> None: ...

    return work


def waiting(desk: Desk) -> int:
    """How many jobs could run now."""
    return int(desk.value("SELECT count(*) FROM howdah.job WHERE ready_xid IS NOT NULL"))


async def test_a_full_queue_refuses_and_stores_nothing(app: Howdah, desk: Desk) -> None:
    work = bounded(app, max_waiting=2)
    await work.send_many([(), ()])

    with pytest.raises(QueueFullError, match="cannot send to queue 'q': it is full") as caught:
        await work.send()

    assert ("q", 2, "reject") == (
        caught.value.queue,
        caught.value.max_waiting,
        caught.value.on_full,
    )
    assert 2 == waiting(desk)


async def test_what_runs_leaves_room(app: Howdah, desk: Desk) -> None:
    work = bounded(app, max_waiting=1)
    await work.send()
    desk.claim()

    assert (await work.send()).is_new


async def test_many_jobs_are_stored_all_or_none(app: Howdah, desk: Desk) -> None:
    work = bounded(app, max_waiting=2)

    with pytest.raises(QueueFullError):
        await work.send_many([(), (), ()])

    assert 0 == waiting(desk)


async def test_a_repeated_send_of_a_stored_job_is_answered_though_the_queue_is_full(
    app: Howdah, desk: Desk
) -> None:
    work = bounded(app, max_waiting=1)
    job = await work.send()

    again = await work.using(id=job.id).send()

    assert (job.id, False) == (again.id, again.is_new)


async def test_jobs_of_a_policy_count_as_others_do(app: Howdah) -> None:
    work = bounded(app, max_waiting=1, policy="singleton")
    await work.send()

    with pytest.raises(QueueFullError):
        await work.send()


async def test_a_limit_of_an_operator_holds_for_jobs_from_sql(app: Howdah, desk: Desk) -> None:
    await app.queues.put("q", max_waiting=1)
    desk.sql("SELECT howdah.send('q', 't')")

    with pytest.raises(psycopg.Error, match="it is full") as caught:
        desk.sql("SELECT howdah.send('q', 't')")

    assert "HW009" == caught.value.sqlstate


async def test_the_oldest_is_dropped_with_a_reason(app: Howdah, desk: Desk) -> None:
    work = bounded(app, max_waiting=2, on_full="drop_oldest")
    first, *others = [await work.send() for _ in range(3)]

    assert "cancelled" == desk.state(first.id)
    assert "dropped: queue 'q' was full" == desk.row(first.id)["cancel_reason"]
    assert [True, True] == [desk.row(one.id)["ready_xid"] is not None for one in others]


async def test_a_send_waits_for_room(app: Howdah, desk: Desk) -> None:
    work = bounded(app, max_waiting=1, on_full="block", full_timeout=20)
    await work.send()

    sending = asyncio.create_task(work.send())
    done, _ = await asyncio.wait({sending}, timeout=0.2)
    desk.claim()

    assert (set(), True) == (done, (await sending).is_new)


def test_a_send_that_does_not_await_waits_for_room(app: Howdah, desk: Desk) -> None:
    work = bounded(app, max_waiting=1, on_full="block", full_timeout=20)
    app.sync.send(work)
    desk.start(_later(desk))

    assert app.sync.send(work).is_new


def _later(desk: Desk) -> Any:
    from howdah._db import job as jobs

    return jobs.claim(queues=["q"], limit=1, worker_id=desk.worker(), hints=())


async def test_a_send_waits_no_longer_than_the_queue_says(app: Howdah) -> None:
    work = bounded(app, max_waiting=1, on_full="block", full_timeout=0.1)
    await work.send()

    with pytest.raises(QueueFullError):
        await work.send()


async def test_a_send_in_an_open_transaction_does_not_wait(app: Howdah, database_url: str) -> None:
    work = bounded(app, max_waiting=1, on_full="block", full_timeout=60)
    await work.send()

    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        with pytest.raises(QueueFullError):
            await work.using(conn=connection).send()


async def test_a_send_that_waits_hears_that_more_may_wait(app: Howdah, desk: Desk) -> None:
    work = bounded(app, max_waiting=1, on_full="block", full_timeout=20)
    await work.send()

    sending = asyncio.create_task(work.send())
    await asyncio.wait({sending}, timeout=0.1)
    await app.queues.put("q", max_waiting=2)

    assert ((await sending).is_new, 2) == (True, waiting(desk))


async def test_a_flow_waits_for_room(app: Howdah, desk: Desk) -> None:
    work = bounded(app, max_waiting=1, on_full="block", full_timeout=20)
    await work.send()
    flow = app.flow()
    flow.add(work.call())

    sending = asyncio.create_task(flow.send())
    done, _ = await asyncio.wait({sending}, timeout=0.2)
    desk.claim()
    await sending

    assert (set(), 1) == (done, waiting(desk))


def test_a_flow_that_does_not_await_waits_for_room(app: Howdah, desk: Desk) -> None:
    work = bounded(app, max_waiting=1, on_full="block", full_timeout=20)
    app.sync.send(work)
    desk.start(_later(desk))

    with app.sync.flow() as flow:
        flow.add(work.call())

    assert 1 == waiting(desk)


async def test_whoever_gives_up_waiting_for_room_has_sent_nothing(app: Howdah, desk: Desk) -> None:
    work = bounded(app, max_waiting=1, on_full="block", full_timeout=20)
    await work.send()

    sending = asyncio.create_task(work.send())
    await asyncio.wait({sending}, timeout=0.1)
    sending.cancel()
    await asyncio.wait({sending})

    assert (True, 1) == (sending.cancelled(), waiting(desk))
