"""The portable profile on plain Postgres: what it does without, and that jobs still run.

Whatever else is promised is tested by the whole suite with `--profile portable`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

import howdah
from howdah import Howdah, WorkerSettings
from howdah._db import drift, profile
from howdah._db import migrate as migrations
from howdah._db.migrate import migrate
from howdah._db.profile import PORTABLE, STANDARD
from howdah._db.statements import quote_name
from howdah._model.signals import NotificationsUnavailable
from howdah.errors import UsageError
from howdah.lifespan import working
from tests.integration.desk import Desk, wait_until_blocked

SCHEMA = "portable %s"
LACKING = (
    "pg_current_xact_id|pg_current_snapshot|pg_snapshot|pg_visible_in|txid_|pg_notify|LISTEN|NOTIFY"
    "|pg_(try_)?advisory|j\\.ctid"
)
# Statements that nobody runs on a portable schema: to hear oneself, to say that one is idle, and to
# migrate a standard one.
STANDARD_STATEMENTS = {"database/ping", "lane/rest", "lane/rise", "version/lock"}
FUNCTIONS = """
    SELECT pg_catalog.replace(pg_catalog.concat_ws(' ', f.proname,
               pg_catalog.pg_get_function_arguments(f.oid),
               pg_catalog.pg_get_function_result(f.oid)), pg_catalog.quote_ident(%s), 'schema')
    FROM pg_catalog.pg_proc AS f
    WHERE f.pronamespace = (SELECT n.oid FROM pg_catalog.pg_namespace AS n WHERE n.nspname = %s)
"""


def drop(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {quote_name(SCHEMA)} CASCADE".encode())


@pytest.fixture
def nowhere(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The database, without the schema, and nobody who says what profile it is to have."""
    monkeypatch.delenv(profile.VARIABLE, raising=False)
    drop(database_url)
    yield database_url
    drop(database_url)


@pytest.fixture
def portable(nowhere: str) -> str:
    """The database, where the schema has the portable profile."""
    migrate(nowhere, schema=SCHEMA, made_for=PORTABLE)
    return nowhere


@pytest.fixture
def desk(portable: str) -> Iterator[Desk]:
    made = Desk(portable, SCHEMA)
    yield made
    made.close()


def test_it_does_without_what_relatives_of_postgres_lack(desk: Desk) -> None:
    here = "SELECT n.oid FROM pg_catalog.pg_namespace AS n WHERE n.nspname = %s"
    functions = desk.sql(
        f"SELECT p.proname FROM pg_catalog.pg_proc AS p WHERE p.pronamespace = ({here})"
        " AND pg_catalog.regexp_replace(p.prosrc, '--[^\n]*', '', 'g') ~ %s",
        SCHEMA,
        LACKING,
    )
    columns = desk.sql(
        "SELECT a.attrelid::pg_catalog.regclass::text, a.attname FROM pg_catalog.pg_attribute AS a"
        " JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid"
        f" WHERE c.relnamespace = ({here})"
        " AND a.atttypid IN ('xid8'::regtype, 'xid8[]'::regtype) AND a.attnum > 0",
        SCHEMA,
    )
    deferred = desk.sql(
        "SELECT c.conname FROM pg_catalog.pg_constraint AS c"
        f" WHERE c.connamespace = ({here}) AND c.condeferrable",
        SCHEMA,
    )

    assert ([], [], []) == (functions, columns, deferred)


def test_no_statement_but_these_needs_what_relatives_of_postgres_lack() -> None:
    folder = Path(howdah.__file__).parent / "sql"
    needing = {
        str(file.relative_to(folder).with_suffix(""))
        for file in folder.rglob("*.sql")
        if file.parent.name not in ("functions", "migrations", "bench")
        and re.search(LACKING, re.sub("--.*", "", file.read_text(encoding="utf-8")))
    }

    assert STANDARD_STATEMENTS == needing


def test_both_profiles_have_the_same_functions(portable: str) -> None:
    migrate(portable, schema="standard", made_for=STANDARD)

    with psycopg.connect(portable, autocommit=True) as connection:
        ours, theirs = (
            {row[0] for row in connection.execute(FUNCTIONS.encode(), [name, name])}
            for name in (SCHEMA, "standard")
        )
        connection.execute(b"DROP SCHEMA standard CASCADE")

    assert {profile.words(one, PORTABLE) for one in theirs} == ours


def test_a_file_of_the_portable_profile_takes_the_place_of_another() -> None:
    folder = Path(howdah.__file__).parent / "sql"
    ours, theirs = (
        {file.name for file in (folder / name).iterdir()} for name in ("portable", "functions")
    )

    assert ours <= theirs


def test_all_that_is_put_differently_is_still_said() -> None:
    said = migrations.script(made_for=STANDARD)

    assert [] == [word.pattern for word, _ in profile.PORTABLE_WORDS if not word.search(said)]


def test_jobs_of_a_group_are_claimed_in_the_order_of_their_transactions(desk: Desk) -> None:
    sent = [desk.send(group="ann") for _ in range(20)]

    assert sent == [claim.job_id for claim in desk.claim(limit=20)]


def test_jobs_are_claimed_in_the_order_of_their_transactions(desk: Desk) -> None:
    first = [desk.send() for _ in range(3)]
    second = [desk.send() for _ in range(3)]

    claims = [*desk.claim(limit=4), *desk.claim(limit=4)]

    assert [*first, *second] == [claim.job_id for claim in claims]


def test_a_claim_passes_over_what_another_is_claiming(desk: Desk, portable: str) -> None:
    first, second = desk.send(), desk.send()
    other = Desk(portable, SCHEMA)

    with other.transaction():
        (theirs,) = other.claim(limit=1)
        (ours,) = desk.claim(limit=2)
    other.close()

    assert {first, second} == {theirs.job_id, ours.job_id}


def test_pauses_come_one_after_the_other(desk: Desk, portable: str) -> None:
    other = Desk(portable, SCHEMA)
    with ThreadPoolExecutor(1) as thread:
        with desk.transaction():
            desk.sql("SELECT howdah.pause_everything()")
            waiting = thread.submit(other.sql, "SELECT howdah.resume_everything()")
            wait_until_blocked(desk, other, waiting)
        waiting.result()
    other.close()

    assert 0 == desk.value("SELECT count(*) FROM howdah.pause")


async def test_a_worker_says_that_it_hears_nothing_and_polls(portable: str) -> None:
    app = Howdah(portable, schema=SCHEMA)
    told: asyncio.Queue[str] = asyncio.Queue()
    app.signals.on(NotificationsUnavailable, lambda signal: told.put_nowait(signal.reason))
    ran = asyncio.Event()

    @app.task
    async def note() -> None:
        ran.set()

    async with working(app, WorkerSettings(poll=0.1)):
        await note.send()
        async with asyncio.timeout(20):
            await ran.wait()
            # The first poll may be faster than the listener's first question.
            assert "the schema has the portable profile" == await told.get()
    await app.close()

    assert told.empty()


def test_of_many_who_migrate_together_one_does(nowhere: str) -> None:
    with ThreadPoolExecutor(6) as threads:
        done = list(
            threads.map(lambda _: migrate(nowhere, schema=SCHEMA, made_for=PORTABLE), range(6))
        )

    names = [migration.name for migration in migrations.migrations()]
    assert [[]] * 5 + [names] == sorted(done)


@pytest.mark.parametrize(("made", "wanted"), [(STANDARD, PORTABLE), (PORTABLE, STANDARD)])
def test_a_schema_keeps_the_profile_it_was_made_with(nowhere: str, made: str, wanted: str) -> None:
    migrate(nowhere, schema=SCHEMA, made_for=made)

    assert [] == migrate(nowhere, schema=SCHEMA)
    with pytest.raises(UsageError, match=f"it was made with the {made} one"):
        migrate(nowhere, schema=SCHEMA, made_for=wanted)


def test_a_schema_is_compared_with_what_its_profile_makes(portable: str) -> None:
    with psycopg.connect(portable, autocommit=True) as connection:
        assert [] == drift.examine(connection, SCHEMA)


def test_a_profile_that_is_not_there_is_refused(nowhere: str) -> None:
    with pytest.raises(UsageError, match="there is no profile 'cockroach'"):
        migrate(nowhere, schema=SCHEMA, made_for="cockroach")


def test_the_environment_says_the_profile_of_a_new_schema(
    nowhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(profile.VARIABLE, PORTABLE)

    migrate(nowhere, schema=SCHEMA)

    with psycopg.connect(nowhere) as connection:
        assert PORTABLE == migrations.profile_of(connection, SCHEMA)


def test_the_turn_of_a_job_costs_a_standard_schema_no_call(nowhere: str) -> None:
    migrate(nowhere, schema=SCHEMA, made_for=STANDARD)

    with psycopg.connect(nowhere, autocommit=True) as connection:
        plan: list[tuple[Any, ...]] = connection.execute(
            f"EXPLAIN (VERBOSE) SELECT {quote_name(SCHEMA)}.turn()".encode()
        ).fetchall()

    assert "pg_current_xact_id()" in str(plan)
