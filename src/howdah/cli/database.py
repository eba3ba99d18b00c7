"""A connection for the commands that only ask or order something."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from howdah._db import faults, migrate, session
from howdah._db.query import Runner
from howdah._db.runners.psycopg import PsycopgRunner
from howdah.cli.target import Target


@contextmanager
def opened(target: Target) -> Iterator[Runner]:
    """Connect, make sure that the schema is the one this version needs, and run queries.

    Raises:
        DatabaseError: Unreachable, read-only, too old, or not migrated.
    """
    connection, found = session.connect_blocking(target.url, target.schema, name="howdah cli")
    try:
        with faults.translated(target.schema):
            number = migrate.found_migration(connection, target.schema)
        migrate.check_found(number, target.schema)
        yield PsycopgRunner(connection, target.schema, prepare=False if found.is_pooled else None)
    finally:
        connection.close()


def check_schema(target: Target) -> None:
    """Refuse a schema that is not the one this version needs.

    Raises:
        DatabaseError: Unreachable, read-only, too old, or not migrated.
    """
    with opened(target):
        return
