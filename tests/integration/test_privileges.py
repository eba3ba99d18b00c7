"""What each role may do: nothing that nobody granted it."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import psycopg.conninfo
import pytest

from howdah import Howdah, errors
from howdah._db import profile
from howdah._db.migrate import migrate, migrations
from howdah._db.statements import quote_name

ROLE = 'a "poor" role'
MINE = "the poor role's own"
DEFINERS = {
    "send_plain",
    "send_receipt",
    "send_flow",
    "must_ask",
    "line_up",
    "hold_head",
    "wake",
    "queue_names",
    "ready_jobs",
    "make_partitions",
    "drop_partitions",
    "delete_strays",
}
if profile.said(None) == profile.PORTABLE:
    DEFINERS.add("lock_pauses")
NAMES = [migration.name for migration in migrations()]


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


@pytest.fixture
def poor_url(connection: psycopg.Connection, database_url: str) -> Iterator[str]:
    """The database, for a role that may log in and nothing else."""
    connection.execute(f"CREATE ROLE {quote_name(ROLE)} LOGIN".encode())
    yield psycopg.conninfo.make_conninfo(database_url, user=ROLE)
    connection.execute(f"DROP OWNED BY {quote_name(ROLE)}".encode())
    connection.execute(f"DROP ROLE {quote_name(ROLE)}".encode())


def test_public_may_execute_no_function(connection: psycopg.Connection, schema: str) -> None:
    rows = connection.execute(
        b"""
        SELECT f.oid::regprocedure::text
        FROM pg_proc AS f
        JOIN pg_namespace AS n ON n.oid = f.pronamespace
        CROSS JOIN LATERAL aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) AS acl
        WHERE n.nspname = %s AND acl.grantee = 0
        """,
        [schema],
    )

    assert [] == rows.fetchall()


def test_public_may_read_and_write_no_table(connection: psycopg.Connection, schema: str) -> None:
    rows = connection.execute(
        b"""
        SELECT c.relname
        FROM pg_class AS c
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        CROSS JOIN LATERAL aclexplode(c.relacl) AS acl
        WHERE n.nspname = %s AND acl.grantee = 0
        """,
        [schema],
    )

    assert [] == rows.fetchall()


def test_few_functions_run_with_the_rights_of_their_owner_and_those_with_a_pinned_path(
    connection: psycopg.Connection, schema: str
) -> None:
    rows = connection.execute(
        b"SELECT f.proname, 'search_path=pg_catalog, pg_temp' = ANY (f.proconfig)"
        b" FROM pg_proc AS f JOIN pg_namespace AS n ON n.oid = f.pronamespace"
        b" WHERE n.nspname = %s AND f.prosecdef",
        [schema],
    )

    assert dict.fromkeys(DEFINERS, True) == dict(rows.fetchall())


def test_a_send_without_privileges_says_so(poor_url: str, schema: str) -> None:
    app = Howdah(poor_url, schema=schema)

    @app.task
    def work() -> None: ...

    with pytest.raises(errors.PrivilegeError, match="lacks a privilege"):
        app.sync.send(work)
    app.sync.close()


def test_a_role_that_may_not_create_a_schema_is_told_so(poor_url: str) -> None:
    with pytest.raises(errors.PrivilegeError, match="permission denied for database"):
        migrate(poor_url, schema=MINE)


def test_a_role_that_owns_the_schema_alone_may_migrate(
    connection: psycopg.Connection, poor_url: str
) -> None:
    connection.execute(
        f"CREATE SCHEMA {quote_name(MINE)} AUTHORIZATION {quote_name(ROLE)}".encode()
    )

    assert NAMES == migrate(poor_url, schema=MINE)
