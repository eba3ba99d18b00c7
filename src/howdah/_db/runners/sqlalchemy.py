"""Runs queries on SQLAlchemy connections and sessions, blocking and not.

The statement goes to the driver as it is, in the driver's own placeholders: SQLAlchemy's `text()`
would read colons of a schema name as parameters, and give each parameter a type of its own choice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import Connection, CursorResult, Dialect
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, async_scoped_session
from sqlalchemy.orm import Session, scoped_session

from howdah._db.faults import CLIENT_FAULTS, translate
from howdah._db.query import Query
from howdah._db.statements import Style, render
from howdah.errors import UsageError

T = TypeVar("T")

Blocking: TypeAlias = "Connection | Session | scoped_session[Any]"
NonBlocking: TypeAlias = "AsyncConnection | AsyncSession | async_scoped_session[Any]"

_STYLES: dict[str, Style] = {"pyformat": "psycopg", "numeric_dollar": "asyncpg"}
# A user's connection may stream its results, which Postgres can do for a SELECT only.
_OPTIONS = {"stream_results": False, "yield_per": None}


class SqlalchemyRunner:
    """Runs queries on a blocking connection or session, in its transaction."""

    def __init__(self, connection: Blocking, schema: str) -> None:
        self._given = connection
        self._schema = schema

    def run(self, query: Query[T], /) -> T:
        """Execute one query and read its rows.

        Raises:
            HowdahError: The database refused it or is gone; `faults` says which.
        """
        given = self._given
        try:
            connection = given if isinstance(given, Connection) else given.connection()
            text, values = _in_words_of(connection.dialect, query, self._schema)
            rows = _rows(connection.exec_driver_sql(text, values, _OPTIONS))
        except UsageError:
            raise
        except (SQLAlchemyError, *CLIENT_FAULTS) as fault:
            raise translate(fault, self._schema) from fault
        return query.read(rows)


class AsyncSqlalchemyRunner:
    """Runs queries on a non-blocking connection or session, in its transaction."""

    def __init__(self, connection: NonBlocking, schema: str) -> None:
        self._given = connection
        self._schema = schema

    async def run(self, query: Query[T], /) -> T:
        """Execute one query and read its rows.

        Raises:
            HowdahError: The database refused it or is gone; `faults` says which.
        """
        given = self._given
        try:
            connection = given if isinstance(given, AsyncConnection) else await given.connection()
            text, values = _in_words_of(connection.dialect, query, self._schema)
            rows = _rows(await connection.exec_driver_sql(text, values, _OPTIONS))
        except UsageError:
            raise
        except (SQLAlchemyError, *CLIENT_FAULTS) as fault:
            raise translate(fault, self._schema) from fault
        return query.read(rows)


def _rows(result: CursorResult[Any]) -> Sequence[Any]:
    return result.fetchall() if result.returns_rows else []


def _in_words_of(dialect: Dialect, query: Query[Any], schema: str) -> tuple[str, Any]:
    """The statement and its values as the engine's driver takes them."""
    style = _STYLES.get(dialect.paramstyle) if dialect.name == "postgresql" else None
    if style is None:
        raise UsageError(
            f"cannot use conn= of an engine for '{dialect.name}+{dialect.driver}': jobs live in"
            " Postgres; make the engine with postgresql+psycopg:// or postgresql+asyncpg://"
        )
    statement = render(query.statement, schema, style)
    if style == "psycopg":
        return statement.text, dict(query.params)
    return statement.text, tuple(query.params[name] for name in statement.order)
