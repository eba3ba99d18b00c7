from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from uuid import uuid4

import django
import psycopg
import pytest
from django.conf import settings

from howdah._db.migrate import migrate
from howdah._db.statements import quote_name
from tests.contract.drivers import DRIVERS, Driver


@pytest.fixture(autouse=True)
def _django(monkeypatch: pytest.MonkeyPatch) -> None:
    # The suite calls Django from a running loop, alone on its thread, which Django cannot know.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    if not settings.configured:
        settings.configure(USE_TZ=True)
        django.setup()


@pytest.fixture(scope="module")
def make_schema(database_url: str) -> Iterator[Callable[[str], str]]:
    """Makes schemas that are dropped after the module's last test."""
    made: list[str] = []

    def make(name: str) -> str:
        made.append(name)
        migrate(database_url, schema=name)
        return name

    yield make
    with psycopg.connect(database_url, autocommit=True) as connection:
        for name in made:
            connection.execute(f"DROP SCHEMA {quote_name(name)} CASCADE".encode())


@pytest.fixture(scope="module")
def schema(make_schema: Callable[[str], str]) -> str:
    """One for all tests of a module: here each test looks only at the jobs that it sent."""
    return make_schema(f"contract {uuid4().hex}")


@pytest.fixture(params=DRIVERS)
def kind(request: pytest.FixtureRequest) -> str:
    """The name of one driver; a test that asks for it runs on each."""
    return request.param


@pytest.fixture
async def connect(
    kind: str, database_url: str, schema: str
) -> AsyncIterator[Callable[..., Awaitable[Driver]]]:
    """Opens connections of this test's kind."""
    opened: list[Driver] = []

    async def connect(*, schema: str = schema, autocommit: bool = False) -> Driver:
        driver = DRIVERS[kind](schema)
        opened.append(driver)
        await driver.open(database_url, autocommit=autocommit)
        return driver

    yield connect
    for driver in reversed(opened):
        await driver.close()


@pytest.fixture
async def driver(connect: Callable[..., Awaitable[Driver]]) -> Driver:
    """An open connection of this test's kind."""
    return await connect()


@pytest.fixture
def watch(database_url: str) -> Iterator[psycopg.Connection]:
    """A connection of its own, which sees what was committed."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection
