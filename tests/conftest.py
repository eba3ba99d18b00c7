"""What every test shares: a private Postgres, a schema of one's own, and a clock to move."""

from __future__ import annotations

import itertools
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings

from howdah import Howdah
from howdah._db.migrate import migrate
from howdah._db.profile import PROFILES, STANDARD, VARIABLE
from howdah._db.statements import quote_literal, quote_name
from howdah.embedded import Cluster

# Every schema of a test is as odd as a name may be, and search_path is empty throughout: what
# forgets to quote or to qualify does not get through any test.
ODD = 'odd "schema" %s:{number} é'
_numbers = itertools.count(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--chaos", action="store_true", help="run the long tests marked chaos as well")
    parser.addoption(
        "--postgres", type=int, default=None, help="major version of the private Postgres to use"
    )
    parser.addoption(
        "--profile",
        choices=PROFILES,
        default=STANDARD,
        help="make all schemas with this profile, and leave out what is about the other",
    )


def pytest_configure(config: pytest.Config) -> None:
    # Processes that the tests start migrate too, so it is said where they hear it.
    os.environ[VARIABLE] = str(config.getoption("--profile"))
    # A shell starts what it runs in the background deaf to SIGINT, and so would be our programs.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # A busy machine is no reason to fail.
    settings.register_profile("howdah", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("howdah")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("chaos") and not config.getoption("--chaos"):
            item.add_marker(pytest.mark.skip(reason="a long run; give --chaos"))
        if (only := item.get_closest_marker("standard")) and config.getoption(
            "--profile"
        ) != STANDARD:
            item.add_marker(pytest.mark.skip(reason=f"of the standard profile: {only.args[0]}"))


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A private Postgres for all tests of the run."""
    root = Path(tempfile.mkdtemp(prefix="howdah-test-"))
    root.chmod(0o755)
    made = Cluster(root / "pg", major=request.config.getoption("--postgres"))
    made.start()
    yield made
    made.destroy()
    root.rmdir()


@pytest.fixture(scope="session")
def database_url(cluster: Cluster) -> str:
    """The database of the run, where nothing is found without its schema's name."""
    url = cluster.status().url
    assert url is not None
    with psycopg.connect(url, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f"ALTER DATABASE {quote_name(name)} SET search_path = ''".encode())
    return url


@pytest.fixture
def schema(database_url: str) -> Iterator[str]:
    """A migrated schema of this test's own, with an odd name."""
    name = ODD.format(number=next(_numbers))
    migrate(database_url, schema=name)
    yield name
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {quote_name(name)} CASCADE".encode())


@pytest.fixture
async def app(database_url: str, schema: str) -> AsyncIterator[Howdah]:
    """An app on this test's schema; tasks are registered by the test."""
    made = Howdah(database_url, schema=schema)
    yield made
    await made.close()


@pytest.fixture
def sql(database_url: str, schema: str) -> Iterator[Callable[..., list[tuple]]]:
    """Runs SQL on a connection of its own; `howdah.` stands for this test's schema."""
    with psycopg.connect(database_url, autocommit=True) as connection:

        def run(text: str, *params: object) -> list[tuple]:
            text = text.replace("howdah.", quote_name(schema).replace("%", "%%") + ".")
            cursor = connection.execute(text.encode(), params)
            return cursor.fetchall() if cursor.description else []

        yield run


class Clock:
    """The clock of one schema: it stands `ahead` of the server's, and only ever moves by hand."""

    def __init__(self, database_url: str, schema: str) -> None:
        self._url = database_url
        self._schema = schema
        self.ahead = timedelta()

    def advance(self, by: timedelta | float) -> None:
        """Move the time that all statements of the schema see."""
        self.ahead += by if isinstance(by, timedelta) else timedelta(seconds=by)
        body = quote_literal(f"SELECT pg_catalog.now() + interval '{self.ahead.total_seconds()} s'")
        statement = (
            f"CREATE OR REPLACE FUNCTION {quote_name(self._schema)}.now() RETURNS timestamptz"
            f" LANGUAGE sql STABLE PARALLEL SAFE AS {body}"
        )
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(statement.encode())


@pytest.fixture
def clock(database_url: str, schema: str) -> Clock:
    """Moves the time of this test's schema."""
    return Clock(database_url, schema)
