"""Where tests run: a database for all of them, and in it a schema for each."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import psycopg

from howdah._db import faults
from howdah._db.migrate import migrate
from howdah._db.statements import quote_name, render_script

PREFIX = "howdah_test_"
# Nothing here outlives the tests, so no commit need wait for the disk.
_CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@contextmanager
def private_database() -> Iterator[str]:
    """Run a private Postgres in a temporary folder while the block runs.

    Raises:
        EmbeddedError: It cannot be run, or the extra `embedded` is not installed.
    """
    from howdah.embedded import Cluster

    root = Path(tempfile.mkdtemp(prefix="howdah-test-"))
    # Root's Postgres runs as another user, who must get in.
    root.chmod(0o755)
    cluster = Cluster(root / "pg", settings=_CARELESS)
    try:
        yield cluster.start()
    finally:
        cluster.destroy()
        root.rmdir()


@contextmanager
def fresh_schema(url: str) -> Iterator[str]:
    """Make a migrated schema of a new name, with a clock that can be moved, for the block.

    Raises:
        DatabaseError: The database is unreachable, or the role may not. At the end also when a
            transaction that the test left open still uses the schema.
    """
    schema = PREFIX + secrets.token_hex(8)
    try:
        migrate(url, schema=schema)
        _run(url, "found", schema)
        yield schema
    finally:
        _run(url, "drop", schema)


def _run(url: str, script: str, schema: str) -> None:
    text = files("howdah").joinpath("sql", "testing", f"{script}.sql").read_text("utf-8")
    text = render_script(text.replace("__schema_name__", quote_name(schema)), schema)
    with faults.translated(schema), psycopg.connect(url, autocommit=True) as connection:
        connection.execute(text.encode())
