"""The roles that `migrate --roles` makes: what the docs say is what the catalogue says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import psycopg
import psycopg.conninfo
import pytest

from howdah._db import migrate, roles
from howdah._db.statements import quote_name
from howdah.errors import ConfigError, PrivilegeError
from tests.integration.catalogue import read_catalogue

DOCS = Path(__file__).parents[2] / "docs" / "roles.md"
PREFIX = 'odd "prefix" %s'
LETTERS = {"SELECT": "r", "INSERT": "i", "UPDATE": "u", "DELETE": "d", "EXECUTE": "x"}

TABLE_GRANTS = """
    SELECT c.relname, a.grantee::pg_catalog.regrole::text, a.privilege_type
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_attribute AS t ON t.attrelid = c.oid AND t.attacl IS NOT NULL
    CROSS JOIN LATERAL (
        SELECT * FROM pg_catalog.aclexplode(c.relacl)
        UNION ALL SELECT * FROM pg_catalog.aclexplode(t.attacl)) AS a
    WHERE n.nspname = %s AND c.relkind IN ('r', 'p', 'v')
"""
FUNCTION_GRANTS = """
    SELECT f.proname, a.grantee::pg_catalog.regrole::text, a.privilege_type
    FROM pg_catalog.pg_proc AS f
    JOIN pg_catalog.pg_namespace AS n ON n.oid = f.pronamespace
    CROSS JOIN LATERAL pg_catalog.aclexplode(f.proacl) AS a
    WHERE n.nspname = %s
"""
TABLES = """
    SELECT c.relname FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = %s AND c.relkind IN ('r', 'p', 'v')
"""
FUNCTIONS = """
    SELECT f.proname FROM pg_catalog.pg_proc AS f
    JOIN pg_catalog.pg_namespace AS n ON n.oid = f.pronamespace
    WHERE n.nspname = %s
"""


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


@pytest.fixture
def made(
    connection: psycopg.Connection[Any], database_url: str, schema: str
) -> Iterator[tuple[str, ...]]:
    """The roles of this test's schema."""
    names = roles.make(database_url, schema=schema, prefix=PREFIX)
    yield names
    for name in names:
        connection.execute(f"DROP OWNED BY {quote_name(name)}".encode())
        connection.execute(f"DROP ROLE {quote_name(name)}".encode())


def documented(kind: str) -> dict[str, dict[str, set[str]]]:
    """What the docs say of each table or function: letters by role."""
    text = DOCS.read_text(encoding="utf-8")
    part = text[text.index(f"| {kind} |") :].split("\n\n")[0]
    found: dict[str, dict[str, set[str]]] = {}
    for line in part.splitlines()[2:]:
        names, *letters = (cell.strip() for cell in line.strip("|").split("|"))
        for name in re.findall(r"`(\w+)`", names):
            assert name not in found, f"{name} is documented twice"
            found[name] = {
                role: set(said.replace("-", ""))
                for role, said in zip(roles.ROLES, letters, strict=True)
            }
    return found


@pytest.mark.parametrize(
    ("kind", "objects", "granted"),
    [("tables", TABLES, TABLE_GRANTS), ("functions", FUNCTIONS, FUNCTION_GRANTS)],
    ids=["tables", "functions"],
)
def test_the_docs_say_of_each_object_what_each_role_is_granted(
    connection: psycopg.Connection[Any],
    schema: str,
    made: tuple[str, ...],
    kind: str,
    objects: str,
    granted: str,
) -> None:
    names = [row[0] for row in connection.execute(objects.encode(), [schema])]
    called = {quote_name(name): role for name, role in zip(made, roles.ROLES, strict=True)}
    found: dict[str, dict[str, set[str]]] = {
        name: {role: set() for role in roles.ROLES} for name in names
    }
    for name, grantee, privilege in connection.execute(granted.encode(), [schema]):
        if grantee in called:
            found[name][called[grantee]].add(LETTERS[privilege])
    # A table of the portable profile alone, which only those who migrate may use.
    assert not any(found.pop("profile", {}).values())
    assert found == documented(kind), "name each new object in sql/roles/grants.sql and roles.md"


def test_making_the_roles_again_changes_nothing(
    connection: psycopg.Connection[Any], database_url: str, schema: str, made: tuple[str, ...]
) -> None:
    before = read_catalogue(connection, schema)

    roles.make(database_url, schema=schema, prefix=PREFIX)

    assert before == read_catalogue(connection, schema)


def test_a_grant_that_is_no_longer_needed_is_taken_back(
    connection: psycopg.Connection[Any], database_url: str, schema: str, made: tuple[str, ...]
) -> None:
    before = read_catalogue(connection, schema)
    viewer = quote_name(made[2])
    connection.execute(f"GRANT DELETE ON {quote_name(schema)}.job TO {viewer}".encode())

    roles.make(database_url, schema=schema, prefix=PREFIX)

    assert before == read_catalogue(connection, schema)


def test_a_migration_grants_the_roles_what_it_brings(
    connection: psycopg.Connection[Any], database_url: str, schema: str, made: tuple[str, ...]
) -> None:
    before = read_catalogue(connection, schema)
    name = quote_name(schema)
    connection.execute(f"DROP FUNCTION {name}.warn".encode())
    connection.execute(f"DELETE FROM {name}.version WHERE migration = {migrate.needed()}".encode())
    last = migrate.migrations()[-1]

    with pytest.MonkeyPatch.context() as patch:
        # The tables of the last migration are there already: only its functions are laid anew.
        patch.setattr(
            migrate,
            "migrations",
            lambda: (migrate.Migration(last.number, last.name, "-- expand: nothing\n"),),
        )
        migrate.migrate(database_url, schema=schema)

    assert before == read_catalogue(connection, schema)


def test_a_role_that_may_not_create_roles_is_told_so(
    connection: psycopg.Connection[Any], database_url: str, schema: str
) -> None:
    connection.execute(b"CREATE ROLE humble LOGIN")
    connection.execute(f"GRANT USAGE ON SCHEMA {quote_name(schema)} TO humble".encode())
    url = psycopg.conninfo.make_conninfo(database_url, user="humble")

    with pytest.raises(PrivilegeError, match="may not create roles") as refused:
        roles.make(url, schema=schema, prefix="humble")

    connection.execute(b"DROP OWNED BY humble")
    connection.execute(b"DROP ROLE humble")
    assert "howdah migrate --roles --sql" in str(refused.value)


def test_a_prefix_that_makes_a_name_too_long_is_refused() -> None:
    with pytest.raises(ConfigError, match="shorter"):
        roles.role_names("x" * 60)


SOURCES = """
    SELECT f.proname, f.prosrc FROM pg_catalog.pg_proc AS f
    JOIN pg_catalog.pg_namespace AS n ON n.oid = f.pronamespace
    WHERE n.nspname = %s AND NOT f.prosecdef
"""
WRITES = {"INSERT INTO": "INSERT", "UPDATE": "UPDATE", "DELETE FROM": "DELETE"}


@pytest.mark.parametrize("role", roles.ROLES)
def test_whoever_may_call_a_function_may_do_what_it_does(
    connection: psycopg.Connection[Any], schema: str, role: str
) -> None:
    """As far as its text says: a function with its caller's rights names what it needs."""
    granted = {key for key, whom in roles.grants().items() if role in whom}
    sources = dict(connection.execute(SOURCES.encode(), [schema]).fetchall())
    name = re.escape(quote_name(schema)) + r"\.(\w+)"
    lacking: set[tuple[str, str, str, str]] = set()
    for kind, function, privilege in sorted(granted):
        if kind != "function" or function not in sources:
            continue
        text = re.sub(r"--[^\n]*", "", sources[function])
        needs = {("function", called, privilege) for called in re.findall(name + r"\(", text)}
        for verb, table in re.findall(rf"(INSERT INTO|UPDATE|DELETE FROM) {name}", text):
            needs.add(("table", table, WRITES[verb]))
        for table in re.findall(rf"(?:FROM|JOIN) {name}\b(?!\()", text):
            needs.add(("table", table, "SELECT"))
        lacking |= {(function, *need) for need in needs - granted}

    assert set() == lacking


def test_a_producer_may_write_each_column_that_a_send_of_many_writes() -> None:
    statement = (files("howdah") / "sql" / "job" / "send_many.sql").read_text("utf-8")
    granted = (files("howdah") / "sql" / "roles" / "grants.sql").read_text("utf-8")
    columns = re.compile(r"(?:INSERT INTO howdah\.job|GRANT INSERT) \(([^)]*)\)")

    written, allowed = (columns.search(text) for text in (statement, granted))

    assert written
    assert allowed
    assert set(re.findall(r"\w+", written[1])) == set(re.findall(r"\w+", allowed[1]))
