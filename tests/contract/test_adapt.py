"""Which things are taken as `conn=`, and what is said of the others."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import asyncpg
import psycopg_pool
import pytest
from django.db import ConnectionHandler
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session, sessionmaker

from howdah._db import adapt, job
from howdah._db.runners.sqlalchemy import SqlalchemyRunner
from howdah.errors import UsageError
from tests.contract.drivers import Blocking, Driver

ENGINE = create_engine("postgresql+psycopg://")
ASYNC_ENGINE = create_async_engine("postgresql+psycopg://")

SOURCES: dict[str, Callable[[], Any]] = {
    "psycopg pool": lambda: psycopg_pool.ConnectionPool("", open=False),
    "psycopg async pool": lambda: psycopg_pool.AsyncConnectionPool("", open=False),
    "engine": lambda: ENGINE,
    "async engine": lambda: ASYNC_ENGINE,
    "sessionmaker": lambda: sessionmaker(ENGINE),
    "async sessionmaker": lambda: async_sessionmaker(ASYNC_ENGINE),
}


async def test_a_connection_of_the_other_world_is_refused_with_the_way_out(driver: Driver):
    blocks = isinstance(driver, Blocking)
    ask, advice = (
        (adapt.async_runner, "send with `app.sync`")
        if blocks
        else (adapt.runner, "await the same call without `sync`")
    )

    with pytest.raises(UsageError) as caught:
        ask(driver.given, "howdah")

    assert advice in str(caught.value)


@pytest.mark.parametrize("ask", [adapt.runner, adapt.async_runner])
@pytest.mark.parametrize("source", SOURCES)
def test_what_hands_out_connections_is_refused_as_such(ask: Callable[..., Any], source: str):
    with pytest.raises(UsageError, match="it only hands out connections; give one of them"):
        ask(SOURCES[source](), "howdah")


async def test_an_asyncpg_pool_is_refused_as_such():
    pool = asyncpg.create_pool("postgresql://")

    with pytest.raises(UsageError, match="it only hands out connections; give one of them"):
        adapt.async_runner(pool, "howdah")


@pytest.mark.parametrize("conn", [None, 7, "postgresql://localhost", object()])
@pytest.mark.parametrize(
    ("ask", "kinds"),
    [
        (
            adapt.runner,
            "a psycopg.Connection, a SQLAlchemy Connection or Session, or a django.db.connection",
        ),
        (
            adapt.async_runner,
            "a psycopg.AsyncConnection, an asyncpg Connection, or a SQLAlchemy AsyncConnection"
            " or AsyncSession",
        ),
    ],
)
def test_anything_else_is_refused_with_the_kinds_that_are_taken(
    ask: Callable[..., Any], kinds: str, conn: object
):
    with pytest.raises(UsageError) as caught:
        ask(conn, "howdah")

    kind = type(conn)
    expected = f"cannot use conn= of type {kind.__module__}.{kind.__qualname__}: give {kinds}"
    assert expected == str(caught.value)


def test_an_engine_for_another_database_is_refused():
    runner = SqlalchemyRunner(Session(create_engine("sqlite://")), "howdah")

    with pytest.raises(UsageError, match=r"of an engine for 'sqlite\+pysqlite'"):
        runner.run(job.count())


def test_a_django_connection_to_another_database_is_refused():
    handler = ConnectionHandler(
        {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
    )

    with pytest.raises(UsageError, match="Django's database 'default': it is sqlite"):
        adapt.runner(handler["default"], "howdah")


def test_no_library_is_imported_to_recognise_a_connection():
    script = """
import sys
from howdah._db import adapt
from howdah.errors import UsageError
for ask in (adapt.runner, adapt.async_runner):
    try:
        ask(object(), "howdah")
    except UsageError:
        pass
print({"sqlalchemy", "asyncpg", "django"} & set(sys.modules))
"""

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert "set()\n" == done.stdout
