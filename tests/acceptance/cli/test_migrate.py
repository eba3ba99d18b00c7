"""`howdah migrate`."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from howdah._db.migrate import migrations, needed
from howdah._db.statements import quote_name
from tests.acceptance.cli.program import Program


@pytest.fixture
def fresh(program: Program, database_url: str) -> Iterator[str]:
    """The name of a schema that is not there yet."""
    name = 'fresh "one" %s:é'
    program.environment["HOWDAH_SCHEMA"] = name
    yield name
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {quote_name(name)} CASCADE".encode())


def test_what_is_missing_is_applied_and_named(program: Program, fresh: str) -> None:
    done = program.run("migrate", "--json").json

    assert {
        "schema": fresh,
        "applied": [migration.name for migration in migrations()],
        "at": needed(),
    } == done


def test_a_second_time_nothing_is_done(program: Program, fresh: str) -> None:
    program.run("migrate")

    again = program.run("migrate")

    assert f"schema {fresh!r} is up to date, at migration {needed()}" == again.out.strip()


def test_the_sql_that_is_printed_does_the_same(
    program: Program, fresh: str, database_url: str
) -> None:
    script = program.run("migrate", "--sql").out

    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(script.encode())

    assert [] == program.run("migrate", "--json").json["applied"]


def test_the_sql_is_printed_without_a_database(alone: Program) -> None:
    assert 'CREATE TABLE "howdah".job' in alone.run("migrate", "--sql").out


@pytest.mark.parametrize(
    ("words", "missing"), [(("--after", "3"), "--sql"), (("--prefix", "x"), "--roles")]
)
def test_a_word_that_says_nothing_alone_migrates_nothing(
    alone: Program, words: tuple[str, ...], missing: str
) -> None:
    run = alone.run("migrate", *words)

    assert (1, f"error: cannot use {words[0]} alone: give {missing} as well") == (
        run.code,
        run.err.strip(),
    )


def test_without_any_database_the_error_says_how_to_name_one(alone: Program) -> None:
    refused = alone.run("migrate")

    assert 1 == refused.code
    assert "error: which database? give --url, set HOWDAH_DATABASE_URL" in refused.err
