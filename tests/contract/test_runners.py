"""What every kind of connection must do alike."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from howdah._db import job, many
from howdah._db.query import Query
from howdah._db.runners.psycopg import PsycopgRunner
from howdah._model.states import JobState
from tests.contract.drivers import Driver

Connect = Callable[..., Awaitable[Driver]]
Stored = Callable[[UUID], bool]

ODD_SCHEMA = """Ann's 50% "jobs" :of %(x)s $1 \\: é"""

# Each means something to some driver, to SQL or to JSON.
TEXTS = [
    "Ann O'Hara",
    'say "hi"',
    "100% %s %(name)s %%",
    ":name ::text \\:x",
    "$1 $$ $body$",
    "back\\slash \\u0041",
    "tab\tnew\nline\x1e",
    "Grüße 漢字 🐘",
    "{a,b}",
    "-- /* */ ;",
    "",
]


class Undo(Exception):
    """Leaves a transaction block so that it rolls back."""


def welcome(args: dict[str, Any] | None = None, **options: Any) -> Query[job.Receipt]:
    return job.send(
        queue="mail", task="welcome", args=json.dumps(args or {}), options=json.dumps(options)
    )


@pytest.fixture
def stored(watch: psycopg.Connection, schema: str) -> Stored:
    """Whether others see a job."""
    return lambda job_id: PsycopgRunner(watch, schema).run(job.get(job_id)) is not None


@pytest.fixture(scope="module")
def odd_schema(make_schema: Callable[[str], str]) -> str:
    return make_schema(ODD_SCHEMA)


async def test_a_job_is_there_after_the_transaction_commits(driver: Driver, stored: Stored):
    async with driver.transaction():
        receipt = await driver.run(welcome())
        seen_inside = stored(receipt.id)

    assert (False, True) == (seen_inside, stored(receipt.id))


async def test_a_job_is_not_there_after_the_transaction_rolls_back(driver: Driver, stored: Stored):
    with suppress(Undo):
        async with driver.transaction():
            receipt = await driver.run(welcome())
            raise Undo

    assert not stored(receipt.id)


async def test_a_job_goes_with_the_savepoint_it_was_sent_in(driver: Driver, stored: Stored):
    async with driver.transaction():
        kept = await driver.run(welcome())
        with suppress(Undo):
            async with driver.transaction():
                gone = await driver.run(welcome())
                raise Undo

    assert (True, False) == (stored(kept.id), stored(gone.id))


async def test_a_send_leaves_the_transaction_open(driver: Driver):
    async with driver.transaction():
        before = await driver.fetch("SELECT pg_current_xact_id()::text")
        await driver.run(welcome())
        after = await driver.fetch("SELECT pg_current_xact_id()::text")

    assert before == after


async def test_a_connection_in_autocommit_sends_at_once(connect: Connect, stored: Stored):
    driver = await connect(autocommit=True)

    receipt = await driver.run(welcome())

    assert stored(receipt.id)


async def test_a_repeatable_read_transaction_may_send(driver: Driver, stored: Stored):
    async with driver.transaction():
        await driver.fetch("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        receipt = await driver.run(welcome())
        level = await driver.fetch("SHOW transaction_isolation")

    assert stored(receipt.id)
    assert [("repeatable read",)] == level


async def test_arguments_arrive_as_they_were_sent(driver: Driver):
    args = {f"named {text}": [text] for text in TEXTS}

    async with driver.transaction():
        receipt = await driver.run(welcome(args, tags=TEXTS))
        record = await driver.run(job.get(receipt.id))

    assert record is not None
    assert (args, tuple(TEXTS)) == (record.args, record.tags)


async def test_a_second_job_with_the_key_answers_with_the_first(driver: Driver):
    key = f"ann's {uuid4()}"

    async with driver.transaction():
        first = await driver.run(welcome(key=key))
        second = await driver.run(welcome(key=key))

    assert (job.Receipt(first.id, True), job.Receipt(first.id, False)) == (first, second)


async def test_a_job_that_is_not_there_is_none(driver: Driver):
    assert await driver.run(job.get(uuid4())) is None


async def test_a_thousand_jobs_are_sent_in_one_statement(driver: Driver, stored: Stored):
    ids = [uuid4() for _ in range(1000)]
    query = many.send_many(
        queue="mail",
        task="welcome",
        ids=[str(one) for one in ids],
        args=(json.dumps({"n": n, "text": f"é '{n}' %s :n"}) for n in range(1000)),
        delay=0.5,
        tags='{a,"b c"}',
    )

    async with driver.transaction():
        sent = await driver.run(query)
        last = await driver.run(job.get(ids[-1]))

    assert 1000 == sent.count
    assert last is not None
    assert ({"n": 999, "text": "é '999' %s :n"}, ("a", "b c")) == (last.args, last.tags)
    assert all(map(stored, (ids[0], ids[500], ids[999])))


async def test_jobs_with_options_of_their_own_are_sent_in_one_statement(
    driver: Driver, stored: Stored
):
    made = [str(uuid4()) for _ in range(3)]
    options = [
        json.dumps({"id": one, "new_id": True, "key": f"é% :{made[0]}{key}"})
        for one, key in zip(made, "aba", strict=True)
    ]
    query = many.send_each(queue="mail", task="welcome", args=["{}"] * 3, options=options)

    async with driver.transaction():
        sent = await driver.run(query)

    assert (2, {2: made[0]}) == (sent.count, dict(sent.others))
    assert [True, True, False] == [stored(UUID(one)) for one in made]


async def test_a_job_is_cancelled_in_the_transaction(driver: Driver, stored: Stored):
    async with driver.transaction():
        receipt = await driver.run(welcome())
        state = await driver.run(job.cancel(receipt.id, reason="it's 100% :over"))
        record = await driver.run(job.get(receipt.id))

    assert JobState.CANCELLED == state
    assert record is not None
    assert (JobState.CANCELLED, "it's 100% :over") == (record.state, record.cancel_reason)


async def test_a_statement_without_rows_gives_none(driver: Driver):
    async with driver.transaction():
        rows = await driver.run(Query("job/progress", {**job.progress({}).params}, list))

    assert [] == rows


async def test_an_odd_schema_name_is_as_good_as_any(connect: Connect, odd_schema: str):
    driver = await connect(schema=odd_schema)

    async with driver.transaction():
        receipt = await driver.run(welcome({"n": 1}))
        await driver.run(job.cancel(receipt.id))
        record = await driver.run(job.get(receipt.id))

    assert record is not None
    assert JobState.CANCELLED == record.state


async def test_an_empty_search_path_does_not_matter(driver: Driver):
    async with driver.transaction():
        await driver.fetch("SET LOCAL search_path = ''")
        receipt = await driver.run(welcome(start_after="2100-01-01T00:00:00Z"))
        await driver.run(job.cancel(receipt.id))
        record = await driver.run(job.get(receipt.id))

    assert record is not None
    assert JobState.CANCELLED == record.state


async def test_the_users_own_statements_go_on_as_before(driver: Driver):
    async with driver.transaction():
        before = await driver.fetch("SELECT 1, 'a', now() IS NULL, '{\"b\": 2}'::jsonb")
        await driver.run(welcome())
        after = await driver.fetch("SELECT 1, 'a', now() IS NULL, '{\"b\": 2}'::jsonb")

    assert before == after


async def test_no_setting_of_the_session_is_changed(driver: Driver):
    settings = (
        "SELECT name, setting FROM pg_catalog.pg_settings"
        " WHERE source IN ('session', 'client') ORDER BY name"
    )

    async with driver.transaction():
        before = await driver.fetch(settings)
        receipt = await driver.run(welcome())
        await driver.run(job.cancel(receipt.id))
        after = await driver.fetch(settings)

    assert before == after
