"""Many processes may migrate one schema at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from howdah._db import migrate as migrations
from howdah._db.statements import render
from tests.acceptance.harness import until

WAITS = """
    SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)
"""


@pytest.mark.standard("it holds the advisory lock of migrations")
def test_one_that_waited_for_another_finds_its_work_done(database_url: str) -> None:
    schema = "migrated together"
    with (
        psycopg.connect(database_url) as first,
        psycopg.connect(database_url, autocommit=True) as watch,
        ThreadPoolExecutor() as threads,
    ):
        lock = render("version/lock", schema, "psycopg").text
        first.execute(lock.encode(), {"schema": schema})
        # The second has seen that there is no schema by the time it waits.
        second = threads.submit(migrations.migrate, database_url, schema=schema)
        until(lambda: watch.execute(WAITS.encode()).fetchone() == (True,))

        first.execute(migrations.script(schema=schema).encode())
        first.commit()

        assert [] == second.result(30)
        watch.execute(f'DROP SCHEMA "{schema}" CASCADE'.encode())
