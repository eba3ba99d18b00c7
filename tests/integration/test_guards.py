"""Removes the guards in the SQL one by one: without each of them a promise is broken.

A promise that holds on the real schema and on one without its guard is no test of that guard.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.resources import files
from inspect import isfunction
from types import ModuleType

import psycopg
import pytest

from howdah._db import migrate, profile, statements
from howdah._db.statements import Piece, parse, quote_name, render_script
from tests.integration.promises import (
    burying,
    by_hand,
    claiming,
    deadlines,
    ending,
    filling,
    flowing,
    heading,
    housekeeping,
    limiting,
    lining_up,
    managing,
    ordering,
    queueing,
    resting,
    scheduling,
    sending,
    waking,
    watching,
    windows,
)
from tests.integration.promises.guard import Guard
from tests.integration.promises.stage import Promise, Stage


def promises_of(module: ModuleType) -> Iterator[Promise]:
    for name, value in vars(module).items():
        if isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_"):
            yield value


MODULES = (
    sending,
    claiming,
    ending,
    filling,
    flowing,
    heading,
    burying,
    limiting,
    lining_up,
    managing,
    housekeeping,
    waking,
    scheduling,
    watching,
    windows,
    deadlines,
    queueing,
    resting,
    ordering,
    by_hand,
)
PROMISES = [promise for module in MODULES for promise in promises_of(module)]
# What only the standard profile promises.
STANDARD = {*promises_of(waking), claiming.a_hint_of_this_run_spares_the_walk} - {
    waking.a_sender_remembers_the_lane_it_was_the_first_to_use
}
GUARDS = [guard for module in MODULES for guard in module.GUARDS]
SQL = files("howdah").joinpath("sql")
REPLACED = {
    f"functions/{file.name.removesuffix('.sql')}" for file in SQL.joinpath("portable").iterdir()
}


def of_one_profile(promise: Promise, guard: Guard | None = None) -> list[pytest.MarkDecorator]:
    """Leaves out what the portable profile does not promise, or has no guard for."""
    if promise in STANDARD:
        return [pytest.mark.standard("it is about hints or notifications")]
    if guard and guard.file in REPLACED:
        return [pytest.mark.standard("another file stands in its place")]
    return [pytest.mark.standard(guard.standard)] if guard and guard.standard else []


@pytest.fixture(scope="module")
def schema(database_url: str) -> Iterator[str]:
    """One with all guards, for all promises."""
    migrate.migrate(database_url, schema="promises")
    yield "promises"
    drop(database_url, "promises")


@pytest.fixture
def stage(database_url: str, schema: str) -> Iterator[Stage]:
    made = Stage(database_url, schema)
    made.clock.advance(0)
    for table in (
        "job",
        "archive",
        "log",
        "worker",
        "lane",
        "line",
        "hand_hint",
        "schedule",
        "tick",
        "throttle",
        "dependency",
        "sample",
        "queue",
        "pause",
        "blocked_key",
        "warning",
        "slot",
        "begun",
        "quota",
    ):
        made.desk.sql(f"DELETE FROM howdah.{table}")
    yield made
    made.close()


@pytest.fixture
def stage_without(
    database_url: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[Guard], Stage]]:
    """Makes a schema in which one guard is missing."""
    made: list[Stage] = []
    schema = f"without guard {request.node.callspec.indices['guard']}"

    def make(guard: Guard) -> Stage:
        # A file of the portable profile is in no other schema.
        kind = profile.PORTABLE if guard.file.startswith("portable/") else profile.said(None)
        script = whole = migrate.script(schema=schema, made_for=kind)
        if guard.file.startswith(("functions/", "migrations/", "portable/")):
            script = whole.replace(
                as_laid(source_of(guard), schema, kind), as_laid(removed(guard), schema, kind)
            )
            assert script != whole
        else:
            monkeypatch.setattr(statements, "load", loading_without(guard))
        with quick(database_url) as connection:
            connection.execute(script.encode())
        made.append(Stage(database_url, schema))
        return made[-1]

    yield make
    for stage in made:
        stage.close()
    drop(database_url, schema)


def drop(database_url: str, schema: str) -> None:
    with quick(database_url) as connection:
        connection.execute(f"DROP SCHEMA {quote_name(schema)} CASCADE".encode())


def quick(database_url: str) -> psycopg.Connection:
    """A connection whose commits need not wait for the disk."""
    return psycopg.connect(database_url, autocommit=True, options="-c synchronous_commit=off")


def as_laid(sql: str, schema: str, kind: str | None) -> str:
    """How a file stands in the script that makes a schema."""
    sql = profile.words(sql, kind or profile.STANDARD)
    return render_script(sql.replace("__schema__", statements.quote_literal(schema)), schema)


def source_of(guard: Guard) -> str:
    return SQL.joinpath(*f"{guard.file}.sql".split("/")).read_text(encoding="utf-8")


def removed(guard: Guard) -> str:
    source = source_of(guard)
    assert source.count(guard.text) == 1, f"{guard} must occur once: is it still the guard?"
    return source.replace(guard.text, guard.without)


def loading_without(guard: Guard) -> Callable[[str], tuple[Piece, ...]]:
    """`statements.load`, but for the one file from which the guard is removed."""
    load = statements.load

    def loading(statement: str) -> tuple[Piece, ...]:
        return parse(removed(guard)) if statement == guard.file else load(statement)

    return loading


@pytest.mark.parametrize(
    "promise",
    [
        pytest.param(promise, marks=of_one_profile(promise), id=promise.__name__)
        for promise in PROMISES
    ],
)
def test_the_promise_holds(stage: Stage, promise: Promise) -> None:
    promise(stage)


@pytest.mark.parametrize(
    "guard",
    [
        pytest.param(guard, marks=of_one_profile(guard.promise, guard), id=str(guard))
        for guard in GUARDS
    ],
)
def test_without_its_guard_the_promise_is_broken(
    stage_without: Callable[[Guard], Stage], guard: Guard
) -> None:
    stage = stage_without(guard)

    breach = AssertionError if guard.error is None else Exception
    with pytest.raises((breach, pytest.fail.Exception), match=guard.error):
        guard.promise(stage)


def test_every_promise_has_a_guard() -> None:
    assert set(PROMISES) == {guard.promise for guard in GUARDS}
