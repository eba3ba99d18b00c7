"""Turns what a user gave as `conn=` into a runner.

Connections are recognised without importing their libraries: whoever holds a connection has loaded
its library already.
"""

from __future__ import annotations

import sys
from typing import Any

from howdah._db.query import AsyncRunner, Runner
from howdah.errors import UsageError

_BLOCKING: dict[str, tuple[str, ...]] = {
    "psycopg": ("psycopg:Connection",),
    "sqlalchemy": (
        "sqlalchemy.engine:Connection",
        "sqlalchemy.orm:Session",
        "sqlalchemy.orm:scoped_session",
    ),
    "django": (
        "django.db.backends.base.base:BaseDatabaseWrapper",
        "django.utils.connection:ConnectionProxy",
    ),
}
_NON_BLOCKING: dict[str, tuple[str, ...]] = {
    "psycopg": ("psycopg:AsyncConnection",),
    "asyncpg": ("asyncpg.connection:Connection", "asyncpg.pool:PoolConnectionProxy"),
    "sqlalchemy": (
        "sqlalchemy.ext.asyncio:AsyncConnection",
        "sqlalchemy.ext.asyncio:AsyncSession",
        "sqlalchemy.ext.asyncio:async_scoped_session",
    ),
}
_BLOCKING_KINDS = (
    "a psycopg.Connection, a SQLAlchemy Connection or Session, or a django.db.connection"
)
_NON_BLOCKING_KINDS = (
    "a psycopg.AsyncConnection, an asyncpg Connection, or a SQLAlchemy AsyncConnection or"
    " AsyncSession"
)
# Things that hand out connections, and are easily given in place of one.
_SOURCES = ("pool", "engine", "sessionmaker", "registry")


def runner(conn: Any, schema: str) -> Runner:
    """Return a runner for a blocking connection.

    Raises:
        UsageError: It is not a connection, not of a kind that is known, or non-blocking.
    """
    # The imports wait until the library is known to be there and wanted.
    match _library(conn, _BLOCKING):
        case "psycopg":
            from howdah._db.runners.psycopg import PsycopgRunner

            return PsycopgRunner(conn, schema)
        case "sqlalchemy":
            from howdah._db.runners.sqlalchemy import SqlalchemyRunner

            return SqlalchemyRunner(conn, schema)
        case "django":
            from howdah._db.runners.django import DjangoRunner

            return DjangoRunner(conn, schema)
    raise UsageError(_refusal(conn, asked_async=False))


def async_runner(conn: Any, schema: str) -> AsyncRunner:
    """Return a runner for a non-blocking connection.

    Raises:
        UsageError: It is not a connection, not of a kind that is known, or blocking.
    """
    match _library(conn, _NON_BLOCKING):
        case "psycopg":
            from howdah._db.runners.psycopg import AsyncPsycopgRunner

            return AsyncPsycopgRunner(conn, schema)
        case "asyncpg":
            from howdah._db.runners.asyncpg import AsyncpgRunner

            return AsyncpgRunner(conn, schema)
        case "sqlalchemy":
            from howdah._db.runners.sqlalchemy import AsyncSqlalchemyRunner

            return AsyncSqlalchemyRunner(conn, schema)
    raise UsageError(_refusal(conn, asked_async=True))


def _library(conn: object, known: dict[str, tuple[str, ...]]) -> str | None:
    return next(
        (
            library
            for library, names in known.items()
            if any(isinstance(conn, found) for found in map(_loaded, names) if found)
        ),
        None,
    )


def _loaded(name: str) -> type[object] | None:
    """The class of a dotted `module:Class`, if some import has brought it in."""
    module, _, attribute = name.partition(":")
    return getattr(sys.modules.get(module), attribute, None)


def _refusal(conn: object, *, asked_async: bool) -> str:
    kind = type(conn)
    given = f"cannot use conn= of type {kind.__module__}.{kind.__qualname__}"
    kinds = _NON_BLOCKING_KINDS if asked_async else _BLOCKING_KINDS
    if asked_async and _library(conn, _BLOCKING):
        return (
            f"{given} here: it blocks, and this call is awaited; send with `app.sync`,"
            f" or give {kinds}"
        )
    if not asked_async and _library(conn, _NON_BLOCKING):
        return (
            f"{given} with `app.sync`: it does not block; await the same call without `sync`,"
            f" or give {kinds}"
        )
    if any(word in kind.__name__.lower() for word in _SOURCES):
        return f"{given}: it only hands out connections; give one of them: {kinds}"
    return f"{given}: give {kinds}"
