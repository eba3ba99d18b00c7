"""Runs queries on psycopg connections, blocking and not.

The cursors are our own: a connection may have been given a cursor class or row factory under which
`%(name)s` or a row's first column mean something else.
"""

from __future__ import annotations

from typing import Any, TypeVar

import psycopg
from psycopg.pq import PipelineStatus
from psycopg.rows import tuple_row

from howdah._db.faults import CLIENT_FAULTS, translate
from howdah._db.query import Query
from howdah._db.statements import render

T = TypeVar("T")


class PsycopgRunner:
    """Runs queries on a blocking connection, in its transaction."""

    def __init__(
        self, connection: psycopg.Connection[Any], schema: str, *, prepare: bool | None = None
    ) -> None:
        self._connection = connection
        self._schema = schema
        self._prepare = prepare

    def run(self, query: Query[T], /) -> T:
        """Execute one query and read its rows.

        Raises:
            HowdahError: The database refused it or is gone; `faults` says which.
        """
        text = _text(query, self._schema)
        try:
            with psycopg.Cursor(self._connection, row_factory=tuple_row) as cursor:
                cursor.execute(text, query.params, prepare=self._prepare)
                rows = cursor.fetchall() if _gives_rows(cursor) else []
        except (psycopg.Error, *CLIENT_FAULTS) as fault:
            raise translate(fault, self._schema) from fault
        return query.read(rows)


class AsyncPsycopgRunner:
    """Runs queries on a non-blocking connection, in its transaction."""

    def __init__(
        self, connection: psycopg.AsyncConnection[Any], schema: str, *, prepare: bool | None = None
    ) -> None:
        self._connection = connection
        self._schema = schema
        self._prepare = prepare

    async def run(self, query: Query[T], /) -> T:
        """Execute one query and read its rows.

        Raises:
            HowdahError: The database refused it or is gone; `faults` says which.
        """
        text = _text(query, self._schema)
        try:
            async with psycopg.AsyncCursor(self._connection, row_factory=tuple_row) as cursor:
                await cursor.execute(text, query.params, prepare=self._prepare)
                rows = await cursor.fetchall() if _gives_rows(cursor) else []
        except (psycopg.Error, *CLIENT_FAULTS) as fault:
            raise translate(fault, self._schema) from fault
        return query.read(rows)


def _gives_rows(cursor: psycopg.Cursor[Any] | psycopg.AsyncCursor[Any]) -> bool:
    # In a pipeline nothing is known before the fetch; what users run in one gives rows.
    pipelined = cursor.connection.pgconn.pipeline_status != PipelineStatus.OFF
    # Not cursor.description: it would be built for this look alone.
    result = cursor.pgresult
    return pipelined or (result is not None and result.nfields > 0)


def _text(query: Query[Any], schema: str) -> Any:
    # Any, since psycopg asks for a literal. Statements are files of this package, and the schema
    # is quoted.
    return render(query.statement, schema, "psycopg").text
