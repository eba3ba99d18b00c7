"""What is promised of migrating: all or nothing, once, and errors that say what to do."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import psycopg
import psycopg.conninfo
import pytest

from howdah import Howdah, errors
from howdah._db import migrate as migrations
from howdah._db import profile
from howdah._db.migrate import Migration, check_found, check_server, found_migration, migrate
from howdah._db.statements import quote_name, render
from tests.acceptance.harness import until
from tests.integration.catalogue import read_catalogue, read_versions

Sql = Callable[..., list[tuple[Any, ...]]]
FRESH = 'fresh "$1" %s:{é}'
NAMES = [migration.name for migration in migrations.migrations()]
WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
MIGRATE = """
import sys
from howdah._db.migrate import migrate
migrate(sys.argv[1], schema=sys.argv[2])
"""


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


@pytest.fixture
def fresh(connection: psycopg.Connection) -> Iterator[str]:
    """The name of a schema that is not there."""
    yield FRESH
    drop(connection, FRESH)


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessPoolExecutor]:
    """Ten processes, all of which have loaded what migrates."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["howdah._db.migrate"])
    with ProcessPoolExecutor(10, mp_context=context) as pool:
        list(pool.map(check_server, [150_000] * 10))
        yield pool


def drop(connection: psycopg.Connection, schema: str) -> None:
    connection.execute(f"DROP SCHEMA IF EXISTS {quote_name(schema)} CASCADE".encode())


def count(connection: psycopg.Connection, query: str) -> int:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])


def add_later(sql: Sql, *, after: int, kind: str) -> None:
    """Write down a migration that this version does not know."""
    number = migrations.needed() + after
    sql("INSERT INTO howdah.version VALUES (%s, 'later', %s)", number, kind)


def send_to(url: str, schema: str) -> bool:
    """Send a job as a program without a loop does, and say whether it is new."""
    app = Howdah(url, schema=schema)

    @app.task
    def work() -> None: ...

    try:
        return app.sync.send(work).is_new
    finally:
        app.sync.close()


# Many at once


@pytest.mark.standard("it looks for waiting advisory locks")
def test_of_ten_processes_that_wait_together_one_migrates(
    processes: ProcessPoolExecutor, connection: psycopg.Connection, database_url: str, fresh: str
) -> None:
    for _ in range(2):
        with psycopg.connect(database_url) as holder:
            lock = render("version/lock", fresh, "psycopg").text
            holder.execute(lock.encode(), {"schema": fresh})
            started = [processes.submit(migrate, database_url, schema=fresh) for _ in range(10)]
            until(lambda: count(connection, WAITING) == 10)

        applied = sorted(one.result(60) for one in started)
        drop(connection, fresh)

        assert [[]] * 9 + [NAMES] == applied


def test_of_ten_processes_that_start_together_one_migrates(
    processes: ProcessPoolExecutor, connection: psycopg.Connection, database_url: str, fresh: str
) -> None:
    for _ in range(3):
        started = [processes.submit(migrate, database_url, schema=fresh) for _ in range(10)]

        applied = sorted(one.result(60) for one in started)
        drop(connection, fresh)

        assert [[]] * 9 + [NAMES] == applied


def test_after_one_was_killed_in_the_middle_the_next_finds_nothing_and_makes_all(
    connection: psycopg.Connection, database_url: str, fresh: str
) -> None:
    migrate(database_url, schema=fresh)
    whole = read_catalogue(connection, fresh)
    drop(connection, fresh)
    connection.execute(f"CREATE SCHEMA {quote_name(fresh)}".encode())
    with psycopg.connect(database_url) as other:
        # A table of the same name that is not committed yet holds it up half way.
        other.execute(f"CREATE TABLE {quote_name(fresh)}.worker (id int)".encode())
        victim = subprocess.Popen([sys.executable, "-c", MIGRATE, database_url, fresh])
        blocked = (
            f"SELECT count(*) FROM pg_locks WHERE NOT granted AND {other.info.backend_pid}"
            " = ANY (pg_blocking_pids(pid))"
        )
        until(lambda: count(connection, blocked) == 1)
        os.kill(victim.pid, signal.SIGKILL)
        victim.wait(10)
        other.rollback()

    assert NAMES == migrate(database_url, schema=fresh)
    assert whole == read_catalogue(connection, fresh)


# What is there afterwards


def test_migrating_a_second_time_writes_nothing(
    connection: psycopg.Connection, database_url: str, schema: str
) -> None:
    before = read_versions(connection, schema)

    assert [] == migrate(database_url, schema=schema)
    assert before == read_versions(connection, schema)


def test_the_script_that_is_printed_makes_the_same_schema(
    connection: psycopg.Connection, database_url: str, fresh: str
) -> None:
    migrate(database_url, schema=fresh)
    migrated = read_catalogue(connection, fresh)
    drop(connection, fresh)

    connection.execute(migrations.script(schema=fresh).encode())

    assert migrated == read_catalogue(connection, fresh)


@pytest.mark.parametrize("at", range(1, migrations.needed()))
def test_a_schema_that_is_behind_becomes_the_same_as_a_new_one(
    connection: psycopg.Connection,
    database_url: str,
    fresh: str,
    monkeypatch: pytest.MonkeyPatch,
    at: int,
) -> None:
    migrate(database_url, schema=fresh)
    new = read_catalogue(connection, fresh)
    drop(connection, fresh)
    with monkeypatch.context() as older:
        known = migrations.migrations()[:at]
        older.setattr(migrations, "migrations", lambda: known)
        # The functions of today may name what the migrations of then did not make.
        older.setattr(profile, "function_files", lambda _: [])
        migrate(database_url, schema=fresh)

    assert NAMES[at:] == migrate(database_url, schema=fresh)
    assert new == read_catalogue(connection, fresh)


@pytest.mark.standard("a portable schema keeps the row that migrations lock")
def test_what_a_failing_migration_did_is_undone(
    connection: psycopg.Connection, database_url: str, fresh: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = Migration(migrations.needed() + 1, "bad", "-- expand: never\nSELECT 1 / 0;")
    known = (*migrations.migrations(), bad)
    monkeypatch.setattr(migrations, "migrations", lambda: known)

    with pytest.raises(errors.DatabaseError, match="division by zero"):
        migrate(database_url, schema=fresh)

    assert set() == read_catalogue(connection, fresh)


@pytest.mark.parametrize(
    "name",
    [
        "UPPER and lower",
        'quote"quote',
        "apos'trophe",
        "per%cent %s %(x)s",
        "co:lon :ids",
        "back\\slash",
        "{brace}",
        "$1",
        "select",
        "日本語",
        "x" * 63,
    ],
)
def test_a_schema_may_have_any_name_that_postgres_allows(
    connection: psycopg.Connection, database_url: str, name: str
) -> None:
    try:
        assert NAMES == migrate(database_url, schema=name)
        assert [] == migrate(database_url, schema=name)
        assert send_to(database_url, name)
    finally:
        drop(connection, name)


@pytest.mark.parametrize("name", ["", "a$$b", "nul\x00", "x" * 64, "é" * 32])
def test_a_name_that_cannot_be_a_schema_is_refused_before_anything_is_asked(name: str) -> None:
    with pytest.raises(errors.HowdahError) as caught:
        migrate("postgresql://nobody@127.0.0.1:1/none", schema=name)

    assert not isinstance(caught.value, errors.DatabaseUnreachableError)


def test_a_name_that_postgres_keeps_for_itself_is_refused(database_url: str) -> None:
    with pytest.raises(errors.DatabaseError, match='unacceptable schema name "pg_mine"'):
        migrate(database_url, schema="pg_mine")


# What is refused


def test_a_send_to_a_schema_that_is_not_there_names_the_command(
    database_url: str, fresh: str
) -> None:
    with pytest.raises(errors.SchemaMissingError, match="run `howdah migrate") as caught:
        send_to(database_url, fresh)

    assert (0, migrations.needed()) == (caught.value.found, caught.value.needed)


def test_a_schema_that_is_not_there_is_refused_with_the_command(
    connection: psycopg.Connection, fresh: str
) -> None:
    with pytest.raises(errors.SchemaMissingError, match="run `howdah migrate"):
        check_found(found_migration(connection, fresh), fresh)


def test_a_schema_that_is_behind_is_refused_with_the_command(
    connection: psycopg.Connection, schema: str, sql: Sql
) -> None:
    sql("DELETE FROM howdah.version WHERE migration = %s", migrations.needed())

    found = found_migration(connection, schema)
    refused = errors.SchemaBehindError if migrations.needed() > 1 else errors.SchemaMissingError
    with pytest.raises(refused, match="run `howdah migrate"):
        check_found(found, schema)


def test_a_schema_that_only_grew_is_served(
    connection: psycopg.Connection, schema: str, sql: Sql
) -> None:
    add_later(sql, after=1, kind="expand")

    check_found(found_migration(connection, schema), schema)


def test_a_schema_that_only_grew_is_left_alone_by_migrate(
    connection: psycopg.Connection, database_url: str, schema: str, sql: Sql
) -> None:
    add_later(sql, after=1, kind="expand")
    before = read_versions(connection, schema)

    assert [] == migrate(database_url, schema=schema)
    assert before == read_versions(connection, schema)


def test_a_schema_that_lost_something_since_is_refused(
    database_url: str, schema: str, sql: Sql
) -> None:
    add_later(sql, after=1, kind="contract")
    add_later(sql, after=2, kind="expand")

    with pytest.raises(errors.SchemaAheadError, match="install the newer Howdah") as caught:
        migrate(database_url, schema=schema)

    assert migrations.needed() + 1 == caught.value.found


def test_every_migration_says_whether_older_versions_may_work_beside_it() -> None:
    assert {"expand", "contract"} >= {migration.kind for migration in migrations.migrations()}


def test_migrations_count_from_one_without_gaps() -> None:
    numbers = [migration.number for migration in migrations.migrations()]

    assert list(range(1, len(numbers) + 1)) == numbers


def test_a_server_that_is_too_old_is_refused_with_both_versions() -> None:
    with pytest.raises(errors.DatabaseTooOldError, match="PostgreSQL 14 and Howdah needs 15"):
        check_server(140_012)


def test_a_database_that_is_read_only_is_named_so(database_url: str, fresh: str) -> None:
    url = psycopg.conninfo.make_conninfo(
        database_url, options="-c default_transaction_read_only=on"
    )

    with pytest.raises(errors.DatabaseReadOnlyError, match="accepts no writes"):
        migrate(url, schema=fresh)


def test_a_server_that_is_not_there_is_unreachable_at_once() -> None:
    with socket.socket() as bound:
        # Bound and not listening: nobody else gets the port, and nobody answers on it.
        bound.bind(("127.0.0.1", 0))
        url = f"postgresql://postgres@127.0.0.1:{bound.getsockname()[1]}/postgres"
        begun = time.monotonic()

        with pytest.raises(errors.DatabaseUnreachableError, match="cannot be reached"):
            migrate(url)

    assert time.monotonic() - begun < migrations.CONNECT_TIMEOUT / 2


def test_a_server_that_never_answers_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "CONNECT_TIMEOUT", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://postgres@127.0.0.1:{silent.getsockname()[1]}/postgres"

        with pytest.raises(errors.DatabaseUnreachableError, match="timeout"):
            migrate(url)


def test_a_database_that_is_not_there_is_unreachable(database_url: str) -> None:
    url = psycopg.conninfo.make_conninfo(database_url, dbname="nowhere")

    with pytest.raises(errors.DatabaseUnreachableError, match='database "nowhere" does not exist'):
        migrate(url)
