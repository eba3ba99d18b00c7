"""What only one driver's connections can be, and must stay."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import asyncpg
import psycopg
import pytest
from psycopg.rows import dict_row, namedtuple_row
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from howdah._db import adapt, job, many
from howdah._db.query import Query
from howdah._db.runners.psycopg import AsyncPsycopgRunner, PsycopgRunner
from howdah.errors import PayloadValueError, UsageError
from tests.contract.drivers import Django


def welcome(name: str = "Ann") -> Query[job.Receipt]:
    return job.send(
        queue="mail",
        task="welcome",
        args=json.dumps({"name": name}, ensure_ascii=False),
        options="{}",
    )


@pytest.fixture
def blocking(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
async def non_blocking(database_url: str) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def engine(database_url: str) -> Engine:
    return create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(database_url), poolclass=NullPool
    )


@pytest.mark.parametrize("rows", [dict_row, namedtuple_row])
@pytest.mark.parametrize("cursor", [psycopg.RawCursor, psycopg.ClientCursor])
def test_psycopg_rows_and_cursors_are_left_as_the_user_set_them(
    blocking: psycopg.Connection[Any], schema: str, rows: Any, cursor: type[psycopg.Cursor[Any]]
):
    blocking.row_factory, blocking.cursor_factory = rows, cursor

    receipt = adapt.runner(blocking, schema).run(welcome())

    assert receipt.created
    assert (rows, cursor) == (blocking.row_factory, blocking.cursor_factory)


async def test_async_psycopg_rows_and_cursors_are_left_as_the_user_set_them(
    non_blocking: psycopg.AsyncConnection[Any], schema: str
):
    non_blocking.row_factory = dict_row
    non_blocking.cursor_factory = psycopg.AsyncRawCursor

    receipt = await adapt.async_runner(non_blocking, schema).run(welcome())

    assert receipt.created
    assert (dict_row, psycopg.AsyncRawCursor) == (
        non_blocking.row_factory,
        non_blocking.cursor_factory,
    )


@pytest.mark.parametrize(("prepare", "prepared"), [(True, 1), (False, 0), (None, 0)])
def test_psycopg_prepares_when_told_to(
    blocking: psycopg.Connection[Any], schema: str, prepare: bool | None, prepared: int
):
    PsycopgRunner(blocking, schema, prepare=prepare).run(welcome())

    row = blocking.execute("SELECT count(*) FROM pg_prepared_statements", prepare=False).fetchone()
    assert row == (prepared,)


async def test_async_psycopg_prepares_when_told_to(
    non_blocking: psycopg.AsyncConnection[Any], schema: str
):
    await AsyncPsycopgRunner(non_blocking, schema, prepare=True).run(welcome())

    cursor = await non_blocking.execute("SELECT name FROM pg_prepared_statements", prepare=False)
    assert 1 == len(await cursor.fetchall())


def test_psycopg_sends_inside_a_pipeline(blocking: psycopg.Connection[Any], schema: str):
    with blocking.pipeline():
        receipt = adapt.runner(blocking, schema).run(welcome())

    assert receipt.created


def test_psycopg_may_speak_another_encoding(blocking: psycopg.Connection[Any], schema: str):
    blocking.execute("SET client_encoding TO latin1")
    runner = adapt.runner(blocking, schema)

    receipt = runner.run(welcome("Ané"))
    record = runner.run(job.get(receipt.id))

    assert record is not None
    assert {"name": "Ané"} == record.args


def test_a_character_that_the_connection_cannot_encode_is_refused(
    blocking: psycopg.Connection[Any], schema: str
):
    blocking.execute("SET client_encoding TO latin1")
    query = job.send(queue="mail", task="welcome", args='{"name": "漢"}', options="{}")

    with pytest.raises(PayloadValueError, match="'latin-1' codec can't encode"):
        adapt.runner(blocking, schema).run(query)


async def test_asyncpg_records_may_be_of_another_class(database_url: str, schema: str):
    class Record(asyncpg.Record):
        pass

    connection = await asyncpg.connect(database_url, record_class=Record)
    try:
        receipt = await adapt.async_runner(connection, schema).run(welcome())
    finally:
        await connection.close()

    assert receipt.created


async def test_asyncpg_codecs_of_the_user_are_not_in_the_way(database_url: str, schema: str):
    connection = await asyncpg.connect(database_url)
    try:
        for kind in ("json", "jsonb", "uuid"):
            await connection.set_type_codec(
                kind, encoder=repr, decoder=repr, schema="pg_catalog", format="text"
            )
        runner = adapt.async_runner(connection, schema)
        receipt = await runner.run(welcome())
        record = await runner.run(job.get(receipt.id))
    finally:
        await connection.close()

    assert record is not None
    assert {"name": "Ann"} == record.args


def test_sqlalchemy_may_stream_its_own_results(engine: Engine, schema: str):
    with engine.connect().execution_options(stream_results=True, yield_per=1) as connection:
        # Its INSERT is what Postgres cannot stream.
        query = many.send_many(queue="mail", task="welcome", ids=[str(uuid4())], args=["{}"])
        sent = adapt.runner(connection, schema).run(query)
        options = connection.get_execution_options()

    assert 1 == sent.count
    assert {"stream_results": True, "yield_per": 1} == dict(options)


def test_sqlalchemy_events_see_the_statement(engine: Engine, schema: str):
    seen: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *given: seen.append(given[2]))

    with Session(engine) as session:
        adapt.runner(session, schema).run(welcome())

    assert 1 == sum("send_receipt" in statement for statement in seen)


def test_a_session_without_an_engine_is_a_usage_error(schema: str):
    with pytest.raises(UsageError, match="this connection cannot be used now"):
        adapt.runner(Session(), schema).run(welcome())


async def test_a_blocking_session_inside_run_sync_may_send(database_url: str, schema: str):
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: asyncpg.connect(database_url),
        poolclass=NullPool,
    )

    async with AsyncSession(engine) as session:
        receipt = await session.run_sync(
            lambda blocking: adapt.runner(blocking, schema).run(welcome())
        )

    assert receipt.created


async def test_django_from_a_running_loop_is_a_usage_error(
    database_url: str, schema: str, monkeypatch: pytest.MonkeyPatch
):
    driver = Django(schema)
    await driver.open(database_url)
    monkeypatch.delenv("DJANGO_ALLOW_ASYNC_UNSAFE")

    with pytest.raises(UsageError, match="async context"):
        await driver.run(welcome())


async def test_django_wrappers_see_the_statement(database_url: str, schema: str):
    driver = Django(schema)
    await driver.open(database_url)
    seen: list[str] = []

    def wrapper(execute: Any, sql: str, *rest: Any) -> Any:
        seen.append(sql)
        return execute(sql, *rest)

    with driver.given.execute_wrapper(wrapper):
        adapt.runner(driver.given, schema).run(welcome())
    await driver.close()

    assert 1 == sum("send_receipt" in statement for statement in seen)
