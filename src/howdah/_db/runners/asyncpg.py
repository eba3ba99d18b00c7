"""Runs queries on asyncpg connections, and on those acquired from its pool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import asyncpg

from howdah._db.faults import CLIENT_FAULTS, translate
from howdah._db.query import Query
from howdah._db.statements import render

T = TypeVar("T")


class Connection(Protocol):
    """What a connection and a pool's stand-in for one have in common."""

    async def fetch(self, query: str, /, *args: Any) -> Sequence[Any]: ...


class AsyncpgRunner:
    """Runs queries on a connection, in its transaction."""

    def __init__(self, connection: Connection, schema: str) -> None:
        self._connection = connection
        self._schema = schema

    async def run(self, query: Query[T], /) -> T:
        """Execute one query and read its rows.

        Raises:
            HowdahError: The database refused it or is gone; `faults` says which.
        """
        statement = render(query.statement, self._schema, "asyncpg")
        values = [query.params[name] for name in statement.order]
        try:
            rows = await self._connection.fetch(statement.text, *values)
        except (
            asyncpg.PostgresError,
            asyncpg.InterfaceError,
            asyncpg.InternalClientError,
            *CLIENT_FAULTS,
        ) as fault:
            raise translate(fault, self._schema) from fault
        return query.read(rows)
