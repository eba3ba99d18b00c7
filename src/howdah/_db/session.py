"""Opens connections of our own, and finds out what kind of session each is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from howdah._db import faults
from howdah._db.migrate import check_server
from howdah._db.query import Query, Row
from howdah._db.runners.psycopg import AsyncPsycopgRunner, PsycopgRunner
from howdah.errors import ConfigError, DatabaseReadOnlyError

# A link that goes silent (no FIN, no RST) is noticed in about 20 s, whatever the call.
_LIVENESS = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 20_000,
}


@dataclass(frozen=True, slots=True)
class Session:
    """What the server said of a connection.

    Attributes:
        server_version: As Postgres counts: 180004 is 18.4.
        is_pooled: Another backend answers than the one that was announced: a transaction pooler
            stands in between, so nothing that belongs to a session may be relied on.
    """

    server_version: int
    is_pooled: bool
    isolation: str


def options(name: str) -> dict[str, Any]:
    """How we connect: each statement its own transaction, unless one is begun."""
    return {"autocommit": True, "application_name": name, "connect_timeout": 10, **_LIVENESS}


async def connect(
    url: str, schema: str, *, name: str
) -> tuple[psycopg.AsyncConnection[Any], Session]:
    """Open a non-blocking connection fit for work.

    Raises:
        DatabaseError: Unreachable, read-only, too old, or the role may not.
        ConfigError: Claims cannot have the isolation they need.
    """
    with faults.translated(schema):
        connection = await psycopg.AsyncConnection.connect(url, **options(name))
        try:
            runner = AsyncPsycopgRunner(connection, schema)
            session = _judge(await runner.run(_SESSION), connection.pgconn.backend_pid)
            if session.is_pooled:
                connection.prepare_threshold = None
            elif session.isolation != "read committed":
                await runner.run(_ISOLATE)
        except BaseException:
            await connection.close()
            raise
    return connection, session


def connect_blocking(
    url: str, schema: str, *, name: str
) -> tuple[psycopg.Connection[Any], Session]:
    """Open a blocking connection fit for work. Raises as `connect` does."""
    with faults.translated(schema):
        connection = psycopg.Connection.connect(url, **options(name))
        try:
            runner = PsycopgRunner(connection, schema)
            session = _judge(runner.run(_SESSION), connection.pgconn.backend_pid)
            if session.is_pooled:
                connection.prepare_threshold = None
            elif session.isolation != "read committed":
                runner.run(_ISOLATE)
        except BaseException:
            connection.close()
            raise
    return connection, session


def _judge(row: Row, announced_pid: int) -> Session:
    version, in_recovery, read_only, isolation, backend_pid = row
    check_server(version)
    if in_recovery or read_only:
        what = "a standby" if in_recovery else "set to read-only"
        raise DatabaseReadOnlyError(
            f"cannot work on this database: it is {what} and accepts no writes;"
            " connect to the primary (target_session_attrs=read-write finds it)",
            sqlstate="25006",
        )
    session = Session(version, backend_pid != announced_pid, isolation)
    if session.is_pooled and isolation != "read committed":
        raise ConfigError(
            f"the role's default isolation is {isolation!r} behind a transaction pooler, and"
            " claims need 'read committed': ALTER ROLE ... SET default_transaction_isolation"
        )
    return session


def _first(rows: Sequence[Row]) -> Row:
    return rows[0]


def _nothing(rows: Sequence[Row]) -> None:
    return None


_SESSION: Query[Row] = Query("database/session", {}, _first)
_ISOLATE: Query[None] = Query("database/isolate", {}, _nothing)
