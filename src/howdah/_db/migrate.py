"""Brings the schema up to what this version of Howdah needs.

Migrations are numbered files that only go forward. All that are missing run in one transaction
under a lock that belongs to it, so any number of processes may migrate at once: one does it, the
others wait and find it done. The functions are laid anew by every migration.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files

import psycopg

from howdah._db import faults, profile, roles
from howdah._db.statements import (
    DEFAULT_SCHEMA,
    quote_literal,
    quote_name,
    render,
    render_script,
)
from howdah.errors import (
    DatabaseTooOldError,
    SchemaAheadError,
    SchemaBehindError,
    SchemaMissingError,
)

OLDEST_POSTGRES = 15
CONNECT_TIMEOUT = 10
_MADE_TWICE = (
    psycopg.errors.UniqueViolation,
    psycopg.errors.DuplicateSchema,
    psycopg.errors.DuplicateTable,
    psycopg.errors.DuplicateObject,
)
_NAME = re.compile(r"^(\d{4})_(\w+)\.sql$")


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered step.

    Attributes:
        number: Counts from 1 without gaps.
        name: What it is about, from the file's name.
        sql: The script, with the schema not yet put in.
    """

    number: int
    name: str
    sql: str

    @property
    def kind(self) -> str:
        """`expand`, beside which older versions may work, or `contract`. The first line says."""
        return self.sql.removeprefix("--").split(":", 1)[0].strip()


def migrations() -> tuple[Migration, ...]:
    """All migrations this version knows, in order."""
    found: list[Migration] = []
    for file in files("howdah").joinpath("sql", "migrations").iterdir():
        if match := _NAME.match(file.name):
            found.append(Migration(int(match[1]), match[2], file.read_text(encoding="utf-8")))
    return tuple(sorted(found, key=lambda migration: migration.number))


def needed() -> int:
    """The migration that this version of Howdah needs."""
    return migrations()[-1].number


def script(*, schema: str = DEFAULT_SCHEMA, after: int = 0, made_for: str | None = None) -> str:
    """The SQL that brings a schema from migration `after` to the newest.

    It is what `migrate` runs, for those who run it by other means: psql, Alembic, Django.

    Args:
        schema: The schema.
        after: Its migration.
        made_for: Its profile; HOWDAH_PROFILE or the standard one when not given.

    Raises:
        UsageError: There is no such profile.
    """
    kind = profile.said(made_for) or profile.STANDARD
    parts = _beginning(kind)
    for migration in migrations():
        if migration.number > after:
            parts += [migration.sql, _stamp(migration)]
    parts += [file.read_text(encoding="utf-8") for file in profile.function_files(kind)]
    parts.append(_read("version/close"))
    return _rendered(profile.words("\n\n".join(parts), kind), schema)


def migrate(
    url: str,
    *,
    schema: str = DEFAULT_SCHEMA,
    made_for: str | None = None,
    progress: Callable[[str], None] | None = None,
) -> list[str]:
    """Apply the migrations that are missing, all or none.

    Roles that `howdah migrate --roles` has made are granted what the new version needs.

    Args:
        url: Where the database is.
        schema: The schema to create or bring up to date.
        made_for: The profile of a new schema; HOWDAH_PROFILE or the standard one when not given.
            A schema keeps the one it was made with.
        progress: Told the name of each migration before it runs.

    Returns:
        The names of the migrations applied, none when the schema was up to date.

    Raises:
        DatabaseError: The database is unreachable, read-only, too old, or the role may not.
        SchemaAheadError: A newer version of Howdah has migrated this schema.
        UsageError: The schema was made with another profile, or there is no such profile.
    """
    quote_name(schema)
    wanted = profile.said(made_for)
    with (
        faults.translated(schema),
        psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_TIMEOUT) as connection,
    ):
        check_server(connection.info.server_version)
        found = found_migration(connection, schema)
        kind = profile.settle(
            wanted, found=_found_profile(connection, schema, found), schema=schema
        )
        if found >= needed():
            check_found(found, schema)
            return []
        with _alone(connection, schema, kind):
            found = found_migration(connection, schema)
            applied = [migration for migration in migrations() if migration.number > found]
            for migration in applied:
                if progress is not None:
                    progress(migration.name)
            if applied:
                connection.execute(script(schema=schema, after=found, made_for=kind).encode())
                roles.grant_again(connection, schema)
        check_found(max(found, applied[-1].number if applied else 0), schema)
        return [migration.name for migration in applied]


def check(url: str, *, schema: str = DEFAULT_SCHEMA) -> None:
    """Refuse a database whose schema is not the one this version needs.

    Raises:
        DatabaseError: The database is unreachable.
        SchemaError: The schema is missing, behind or ahead.
    """
    with (
        faults.translated(schema),
        psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_TIMEOUT) as connection,
    ):
        found = found_migration(connection, schema)
    check_found(found, schema)


def check_server(version: int) -> None:
    """Refuse a server that is older than the oldest supported.

    Args:
        version: As Postgres counts: 150004 is 15.4.

    Raises:
        DatabaseTooOldError: It is older than PostgreSQL 15.
    """
    if version < OLDEST_POSTGRES * 10_000:
        raise DatabaseTooOldError(
            f"this is PostgreSQL {version // 10_000} and Howdah needs {OLDEST_POSTGRES} or newer:"
            " upgrade the server, or point HOWDAH_DATABASE_URL at another one"
        )


def check_found(found: int, schema: str) -> None:
    """Refuse a schema that this version cannot serve.

    Raises:
        SchemaMissingError: Nothing was ever migrated.
        SchemaBehindError: Migrations are missing.
        SchemaAheadError: The schema knows migrations that this version does not.
    """
    wanted = needed()
    if found == 0:
        raise SchemaMissingError(
            f"there is no Howdah schema {schema!r} in this database:"
            f" run `{faults.migration(schema)}`",
            found=found,
            needed=wanted,
        )
    if found < wanted:
        raise SchemaBehindError(
            f"schema {schema!r} is at migration {found} and this version needs {wanted}:"
            f" run `{faults.migration(schema)}`",
            found=found,
            needed=wanted,
        )
    if found > wanted:
        raise SchemaAheadError(
            f"schema {schema!r} is at migration {found} and this version knows only {wanted}:"
            " install the newer Howdah here too",
            found=found,
            needed=wanted,
        )


def found_migration(connection: psycopg.Connection, schema: str) -> int:
    """The newest migration applied to the schema that matters here, 0 when there is none.

    Later ones than this version knows matter only if they took something away.
    """
    exists = connection.execute(_sql("version/exists", schema), {"schema": schema}).fetchone()
    if exists is None or not exists[0]:
        return 0
    row = connection.execute(_sql("version/get", schema), {"known": needed()}).fetchone()
    return int(row[0]) if row else 0


def profile_of(connection: psycopg.Connection, schema: str) -> str:
    """The profile that a schema was made with."""
    return _found_profile(connection, schema, 1) or profile.STANDARD


def _found_profile(connection: psycopg.Connection, schema: str, found: int) -> str | None:
    row = connection.execute(_sql("profile/exists", schema), {"schema": schema}).fetchone()
    if row is not None and row[0]:
        return profile.PORTABLE
    return profile.STANDARD if found else None


@contextmanager
def _alone(connection: psycopg.Connection, schema: str, kind: str) -> Iterator[None]:
    """A transaction in which nobody else migrates."""
    if kind == profile.STANDARD:
        with connection.transaction():
            connection.execute(_sql("version/lock", schema), {"schema": schema})
            yield
        return
    # The row to lock must be there before, for all to see. Two who make it at once may fail over
    # each other, whatever IF NOT EXISTS says; then it is there.
    beginning = _rendered("\n\n".join(_beginning(kind)), schema).encode()
    try:
        connection.execute(beginning)
    except _MADE_TWICE:
        connection.execute(beginning)
    with connection.transaction():
        connection.execute(_sql("profile/lock", schema), {})
        yield


def _beginning(kind: str) -> list[str]:
    created = [_read("version/create")]
    return [*created, _read("profile/create")] if kind == profile.PORTABLE else created


def _rendered(text: str, schema: str) -> str:
    return (
        render_script(text, schema)
        .replace("__schema_name__", quote_name(schema))
        .replace("__schema__", quote_literal(schema))
    )


def _sql(statement: str, schema: str) -> bytes:
    return render(statement, schema, "psycopg").text.encode()


def _read(statement: str) -> str:
    return files("howdah").joinpath("sql", *f"{statement}.sql".split("/")).read_text("utf-8")


def _stamp(migration: Migration) -> str:
    return (
        _read("version/stamp")
        .replace("__number__", str(migration.number))
        .replace("__name__", quote_literal(migration.name))
        .replace("__kind__", quote_literal(migration.kind))
    )
