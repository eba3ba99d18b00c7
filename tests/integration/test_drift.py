"""Where a schema is not as the migrations make it, and whether the SQL that is printed mends it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import psycopg.conninfo
import pytest

from howdah._db.drift import Drift, examine
from howdah._db.migrate import migrate
from howdah._db.statements import quote_name
from howdah._db.worker import make_partitions
from howdah.errors import PrivilegeError
from tests.integration.catalogue import read_catalogue
from tests.integration.desk import Desk


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


BREAKAGES = [
    ("missing", "index", "job_due", "DROP INDEX howdah.job_due"),
    ("missing", "index", "archive_id", "DROP INDEX howdah.archive_id"),
    (
        "different",
        "index",
        "job_due",
        "DROP INDEX howdah.job_due; CREATE INDEX job_due ON howdah.job (start_after)",
    ),
    ("missing", "function", "uuid7()", "DROP FUNCTION howdah.uuid7()"),
    (
        "different",
        "function",
        "idle_lock(p_queue text)",
        "CREATE OR REPLACE FUNCTION howdah.idle_lock(p_queue text) RETURNS bigint"
        " LANGUAGE sql AS 'SELECT 1::bigint'",
    ),
    (
        "different",
        "function",
        "keep_until(p_retention interval)",
        "DROP FUNCTION howdah.keep_until(interval);"
        " CREATE FUNCTION howdah.keep_until(p_retention interval) RETURNS text"
        " LANGUAGE sql AS 'SELECT null::text'",
    ),
    ("missing", "constraint", "job.job_ready", "ALTER TABLE howdah.job DROP CONSTRAINT job_ready"),
    (
        "different",
        "constraint",
        "job.job_state",
        "ALTER TABLE howdah.job DROP CONSTRAINT job_state,"
        " ADD CONSTRAINT job_state CHECK (state <> 'x')",
    ),
    ("missing", "view", "jobs", "DROP VIEW howdah.jobs CASCADE"),
    (
        "different",
        "view",
        "jobs",
        "DO $$ BEGIN EXECUTE 'CREATE OR REPLACE VIEW howdah.jobs AS SELECT * FROM ('"
        " || pg_catalog.rtrim(pg_catalog.pg_get_viewdef('howdah.jobs'::pg_catalog.regclass), ';')"
        " || ') AS old WHERE id IS NOT NULL'; END $$",
    ),
    ("missing", "table", "tick", "DROP TABLE howdah.tick"),
    ("missing", "table", "log_default", "DROP TABLE howdah.log_default"),
    ("missing", "column", "queue.paused_by", "ALTER TABLE howdah.queue DROP COLUMN paused_by"),
    (
        "different",
        "default",
        "job.priority",
        "ALTER TABLE howdah.job ALTER COLUMN priority DROP DEFAULT",
    ),
    (
        "different",
        "default",
        "queue.paused_by",
        "ALTER TABLE howdah.queue ALTER COLUMN paused_by SET DEFAULT 'x'",
    ),
    ("different", "null", "job.task", "ALTER TABLE howdah.job ALTER COLUMN task DROP NOT NULL"),
    (
        "different",
        "column type",
        "queue.paused_by",
        "ALTER TABLE howdah.queue ALTER COLUMN paused_by TYPE varchar(9)",
    ),
    ("missing", "type", "hint", "DROP TYPE howdah.hint CASCADE"),
    (
        "different",
        "execute by public",
        "uuid7()",
        "GRANT EXECUTE ON FUNCTION howdah.uuid7() TO PUBLIC",
    ),
]


def drifts(connection: psycopg.Connection[Any], schema: str) -> list[Drift]:
    return examine(connection, schema)


def test_a_schema_that_was_just_migrated_has_not_drifted(
    connection: psycopg.Connection[Any], schema: str
) -> None:
    assert [] == drifts(connection, schema)


def test_a_schema_with_a_plain_name_has_not_drifted(
    connection: psycopg.Connection[Any], database_url: str
) -> None:
    migrate(database_url, schema="plain")

    found = drifts(connection, "plain")

    connection.execute(b"DROP SCHEMA plain CASCADE")
    assert [] == found


def test_day_partitions_are_no_drift(
    connection: psycopg.Connection[Any], schema: str, desk: Desk
) -> None:
    desk.run(make_partitions(days=3))

    assert [] == drifts(connection, schema)


@pytest.mark.parametrize(
    ("what", "kind", "name", "breakage"), BREAKAGES, ids=lambda it: str(it)[:30]
)
def test_what_was_broken_is_named_and_mended(
    connection: psycopg.Connection[Any],
    schema: str,
    desk: Desk,
    what: str,
    kind: str,
    name: str,
    breakage: str,
) -> None:
    before = read_catalogue(connection, schema)
    desk.sql(breakage)

    found = drifts(connection, schema)
    for one in found:
        assert one.sql is not None
        connection.execute(one.sql.encode())

    assert (what, kind, name) in [(one.what, one.kind, one.name) for one in found]
    assert [] == drifts(connection, schema)
    left = {row[:2] for row in before ^ read_catalogue(connection, schema)}
    # A column that was added again stands last, and a table made anew has its usual settings.
    assert left <= {("column", "queue"), ("relation", "tick")} or kind in ("view", "type")


def test_what_no_migration_made_is_told_and_left_alone(
    connection: psycopg.Connection[Any], schema: str, desk: Desk
) -> None:
    desk.sql("CREATE TABLE howdah.mine (id int PRIMARY KEY)")
    desk.sql("CREATE INDEX mine_too ON howdah.job (task)")

    found = drifts(connection, schema)

    assert [("extra", "mine"), ("extra", "mine.mine_pkey"), ("extra", "mine_too")] == [
        (one.what, one.name) for one in found
    ]
    assert {None} == {one.sql for one in found}


def test_looking_changes_nothing(connection: psycopg.Connection[Any], schema: str) -> None:
    before = connection.execute(b"SELECT nspname FROM pg_catalog.pg_namespace").fetchall()

    drifts(connection, schema)

    assert before == connection.execute(b"SELECT nspname FROM pg_catalog.pg_namespace").fetchall()


def test_a_role_that_may_not_create_schemas_is_told_so(
    connection: psycopg.Connection[Any], database_url: str, schema: str
) -> None:
    connection.execute(
        f"CREATE ROLE looker LOGIN; GRANT USAGE ON SCHEMA {quote_name(schema)} TO looker".encode()
    )
    url = psycopg.conninfo.make_conninfo(database_url, user="looker")

    with psycopg.connect(url, autocommit=True) as poor, pytest.raises(PrivilegeError) as refused:
        examine(poor, schema)

    connection.execute(b"DROP OWNED BY looker; DROP ROLE looker")
    assert "CREATE on the database" in str(refused.value)
