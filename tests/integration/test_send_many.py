"""What is promised of sending many: ids in order, all or none, nothing twice."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from howdah import Howdah, Retry, errors
from howdah.task import Task
from tests.integration.desk import Desk

Work = Task[..., Any, ..., Any]
IN_ORDER = "SELECT id FROM howdah.job ORDER BY (args->'n')::int"


@pytest.fixture
def work(app: Howdah) -> Work:
    @app.task(name="t", queue="q")
    async def work(n: int) -> None: ...

    return work


@pytest.mark.parametrize("count", [10_000, 25_000])
async def test_the_ids_are_those_of_the_items_in_order(desk: Desk, work: Work, count: int) -> None:
    ids = await work.send_many([(n,) for n in range(count)])

    assert list(ids) == [job_id for (job_id,) in desk.sql(IN_ORDER)]
    assert count == len(set(ids))


async def test_none_is_stored_when_a_later_statement_fails(desk: Desk, work: Work) -> None:
    desk.sql("ALTER TABLE howdah.job ADD CONSTRAINT few CHECK ((args->'n')::int < 24000)")

    with pytest.raises(errors.DatabaseError, match="few"):
        await work.send_many([(n,) for n in range(25_000)])

    assert [] == desk.sql("SELECT 1 FROM howdah.job")


async def test_none_is_stored_when_one_fails_on_a_connection_in_autocommit(
    desk: Desk, work: Work
) -> None:
    desk.sql("ALTER TABLE howdah.job ADD CONSTRAINT few CHECK ((args->'n')::int < 24000)")

    async with await psycopg.AsyncConnection.connect(desk.url, autocommit=True) as connection:
        with pytest.raises(errors.DatabaseError, match="few"):
            await work.using(conn=connection).send_many([(n,) for n in range(25_000)])

    assert [] == desk.sql("SELECT 1 FROM howdah.job")


async def test_none_is_stored_when_one_item_does_not_fit(desk: Desk, work: Work) -> None:
    with pytest.raises(errors.PayloadMismatchError, match="item 2"):
        await work.send_many([(1,), (2,), ("three",)])

    assert [] == desk.sql("SELECT 1 FROM howdah.job")


async def test_none_is_stored_when_the_users_transaction_rolls_back(desk: Desk, work: Work) -> None:
    async with await psycopg.AsyncConnection.connect(desk.url) as connection:
        await work.using(conn=connection).send_many([(n,) for n in range(100)])
        await connection.rollback()

    assert [] == desk.sql("SELECT 1 FROM howdah.job")


async def test_no_items_are_no_jobs(desk: Desk, work: Work) -> None:
    assert [] == await work.send_many([])
    assert [] == desk.sql("SELECT 1 FROM howdah.job")


async def test_the_jobs_are_claimed_in_the_order_of_the_items(desk: Desk, work: Work) -> None:
    ids = await work.send_many((n,) for n in range(50))

    assert list(ids) == [claim.job_id for claim in desk.claim(limit=50)]


async def test_every_job_has_the_options(desk: Desk, work: Work) -> None:
    retry = Retry(limit=2)
    sender = work.using(
        priority=-3,
        tags=('a"b', "c\\d", "{e,f}"),
        retry=retry,
        expire_in=5,
        retention=timedelta(hours=1),
        start_after=timedelta(hours=1),
    )

    ids = await sender.send_many([(1,), (2,)])

    for row in map(desk.row, ids):
        assert -3 == row["priority"]
        assert ['a"b', "c\\d", "{e,f}"] == row["tags"]
        assert retry.to_mapping() == row["retry"]
        assert ("00:00:05", "01:00:00") == (row["expire_in"], row["retention"])
        assert row["start_after"] is not None
        assert row["ready_xid"] is None


@pytest.mark.parametrize("option", [{"key": "k"}, {"id": "id"}])
async def test_what_only_one_job_can_have_is_refused(
    desk: Desk, work: Work, option: dict[str, Any]
) -> None:
    if "id" in option:
        (option["id"],) = await work.send_many([(1,)])

    with pytest.raises(errors.UsageError, match="cannot send many with one"):
        await work.using(**option).send_many([(1,), (2,)])


async def test_an_item_may_have_options_of_its_own(desk: Desk, work: Work) -> None:
    later = work.using(priority=7, tags=["a"])

    ids = await later.send_many(
        [
            later.call(1),
            work.using(key="k", group="g").call(2),
            work.using(priority=3, deadline=60).call(3),
            work.call(4),
        ]
    )

    found = [(row["priority"], row["key"], row["line"], row["tags"]) for row in map(desk.row, ids)]
    assert [
        (7, None, None, ["a"]),
        (7, "k", "g", ["a"]),
        (3, None, None, ["a"]),
        (7, None, None, ["a"]),
    ] == found
    assert [True] * 4 == ids.are_new
    assert list(ids) == [job_id for (job_id,) in desk.sql(IN_ORDER)]


async def test_of_items_with_one_key_the_first_is_stored(desk: Desk, work: Work) -> None:
    (before,) = await work.send_many([work.using(key="b").call(0)])

    ids = await work.send_many([work.using(key=key).call(at) for at, key in enumerate("cbca", 1)])

    assert [True, False, False, True] == ids.are_new
    assert (before, ids[0]) == (ids[1], ids[2])
    assert {"a", "b", "c"} == {key for (key,) in desk.sql("SELECT key FROM howdah.job")}


async def test_items_with_ids_of_their_own_are_stored_once(desk: Desk, work: Work) -> None:
    items = [work.using(id=uuid4()).call(1), work.call(2)]

    first = await work.send_many(items)
    second = await work.send_many(items)

    assert ([True, True], [False, True]) == (first.are_new, second.are_new)
    assert first[0] == second[0]
    assert 3 == desk.value("SELECT count(*) FROM howdah.job")


async def test_strict_order_is_that_of_the_items(app: Howdah, desk: Desk, work: Work) -> None:
    await app.queues.put("q", policy="key_strict_fifo")

    ids = await work.send_many([work.using(key="ba"[n % 2]).call(n) for n in range(6)])

    order: list[UUID] = []
    while claims := desk.claim(limit=10):
        order += [claim.job_id for claim in claims]
        desk.finish(*claims)
    assert list(ids[::2]) == [one for one in order if one in ids[::2]]
    assert list(ids[1::2]) == [one for one in order if one in ids[1::2]]


async def test_none_is_stored_when_the_queue_is_full(app: Howdah, desk: Desk, work: Work) -> None:
    await app.queues.put("q", max_waiting=2)

    with pytest.raises(errors.QueueFullError):
        await work.send_many([work.using(priority=n).call(n) for n in range(3)])

    assert 0 == desk.value("SELECT count(*) FROM howdah.job")


async def test_who_send_the_same_keys_at_once_do_not_stand_in_each_others_way(
    app: Howdah, desk: Desk, work: Work
) -> None:
    items = [work.using(key=f"{n:03}").call(n) for n in range(500)]

    answers = await asyncio.gather(
        *(work.send_many(order) for order in (items, items[::-1], items, items[::-1]))
    )

    assert 500 == sum(map(sum, (ids.are_new for ids in answers)))
    assert 500 == desk.value("SELECT count(*) FROM howdah.job")


def test_code_that_does_not_await_sends_the_same(app: Howdah, desk: Desk, work: Work) -> None:
    ids = app.sync.send_many(work, [work.using(key="k").call(n) for n in range(2)])

    assert ([True, False], ids[0]) == (ids.are_new, ids[1])


async def test_an_item_in_a_transaction_of_its_own_is_refused(desk: Desk, work: Work) -> None:
    items = [work.using(conn=desk.connection).call(1)]

    with pytest.raises(errors.UsageError, match="cannot send item 0 with its own conn: "):
        await work.send_many(items)


async def test_items_may_have_the_options_that_all_are_sent_with(desk: Desk, work: Work) -> None:
    urgent = work.using(priority=7)

    await urgent.send_many([urgent.call(1), work.using(priority=7).call(2), work.call(3)])

    assert [(7,)] * 3 == desk.sql("SELECT priority FROM howdah.job")


def test_tables_of_the_users_session_get_no_jobs(app: Howdah, desk: Desk, work: Work) -> None:
    """Temporary tables stand before every schema in the search path."""
    for table in ("job", "archive", "lane", "queue", "worker"):
        desk.sql(f"CREATE TEMP TABLE {table} (LIKE howdah.{table})")

    app.sync.send_many(work.using(conn=desk.connection), [(1,)])
    app.sync.send(work.using(conn=desk.connection), 1)

    assert (2, 0) == desk.sql("SELECT (SELECT count(*) FROM howdah.job), count(*) FROM job")[0]
    assert 2 == desk.finish(*desk.claim(limit=5))
    assert 0 == desk.value("SELECT count(*) FROM archive")
