"""The blocking twin of Link, for the threads of a supervisor: beats and housekeeping.

A supervisor has no event loop on purpose. Nothing that user code does can hold up a thread of
another process that only waits and beats.
"""

from __future__ import annotations

import time
from typing import Any, TypeVar

import psycopg

from howdah._db import session
from howdah._db.query import Query
from howdah._db.runners.psycopg import PsycopgRunner
from howdah._model.signals import DatabaseBack, DatabaseLost, Signals
from howdah.errors import DatabaseError

T = TypeVar("T")


class BlockingLink:
    """One self-healing blocking connection. Used by one thread."""

    def __init__(self, url: str, schema: str, *, role: str, signals: Signals) -> None:
        self.role = role
        self._url = url
        self._schema = schema
        self._signals = signals
        self._connection: psycopg.Connection[Any] | None = None
        self._prepare = True
        self._lost_at: float | None = None

    def run(self, query: Query[T]) -> T:
        """Run one query, on a new connection if the last one broke.

        Raises:
            DatabaseError: It failed.
        """
        try:
            if self._connection is None or self._connection.closed:
                self._connection, found = session.connect_blocking(
                    self._url, self._schema, name=f"howdah {self.role}"
                )
                self._prepare = not found.is_pooled
            runner = PsycopgRunner(self._connection, self._schema, prepare=self._prepare)
            answer = runner.run(query)
        except DatabaseError as error:
            if self._lost_at is None:
                self._lost_at = time.monotonic()
                self._signals.post(DatabaseLost(self.role, str(error)))
            if self._connection is not None and self._connection.closed:
                self._connection = None
            raise
        if self._lost_at is not None:
            self._signals.post(DatabaseBack(self.role, time.monotonic() - self._lost_at))
            self._lost_at = None
        return answer

    def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
