"""A worker's connection that heals itself.

Each role of a worker (claim, finish, listen) has its own, so that none waits behind another. A
link opens when it is first used, is dropped when it fails, and is opened anew by the next use; the
role that uses it decides when that is.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg

from howdah._db import session
from howdah._db.query import Query
from howdah._db.runners.psycopg import AsyncPsycopgRunner
from howdah._model.signals import DatabaseBack, DatabaseLost, Signals
from howdah.errors import DatabaseError

T = TypeVar("T")

# No statement of a worker takes long; one that does means the server is gone or stuck.
DEADLINE = 30.0
LONGEST_PAUSE = 2.0
# So long the driver may try to cancel a statement that nobody waits for any more.
LAST_WORD = 6.0


class Link:
    """One self-healing connection, on which nothing takes longer than the deadline."""

    def __init__(
        self,
        url: str,
        schema: str,
        *,
        role: str,
        signals: Signals,
        deadline: float = DEADLINE,
        set_up: Query[None] | None = None,
    ) -> None:
        """Open nothing yet.

        Args:
            url: Where the database is.
            schema: The schema that queries are about.
            role: What the connection is for, as the server and signals name it.
            signals: Where losses are told.
            deadline: No query takes longer.
            set_up: What each connection is told first, where it has a session of its own.
        """
        self.role = role
        self.is_pooled = False
        self._url = url
        self._schema = schema
        self._signals = signals
        self._deadline = deadline
        self._set_up = set_up
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._runner: AsyncPsycopgRunner | None = None
        self._lock = asyncio.Lock()
        self._lost_at: float | None = None
        self._failures = 0
        self._abandoned: dict[asyncio.Task[Any], asyncio.TimerHandle] = {}
        self.opened = 0

    async def open(self) -> psycopg.AsyncConnection[Any]:
        """The connection, opened if need be.

        Raises:
            DatabaseError: It cannot be opened.
        """
        if self._connection is None or self._runner is None or self._connection.closed:
            connection, found = await session.connect(
                self._url, self._schema, name=f"howdah {self.role}"
            )
            runner = AsyncPsycopgRunner(connection, self._schema, prepare=not found.is_pooled)
            if self._set_up is not None and not found.is_pooled:
                try:
                    await runner.run(self._set_up)
                except BaseException:
                    connection.pgconn.finish()
                    raise
            self.is_pooled = found.is_pooled
            self._connection, self._runner = connection, runner
            self.opened += 1
        return self._connection

    async def run(self, query: Query[T]) -> T:
        """Run one query.

        Raises:
            DatabaseError: It failed; a connection that broke is dropped.
        """
        return await self.ask(lambda: query)

    async def ask(self, make: Callable[[], Query[T]]) -> T:
        """Run a query that is made once its connection is there: `opened` counts it by then.

        Raises:
            DatabaseError: It failed; a connection that broke is dropped.
        """
        async with self._lock:
            # A task of its own can be left behind. A driver that is interrupted waits for the
            # server to agree, and a server that says nothing does not agree either.
            asking = asyncio.create_task(self._ask(make), name=f"howdah {self.role} statement")
            try:
                await asyncio.wait({asking}, timeout=self._deadline)
            except BaseException:
                self._abandon(asking)
                raise
            if not asking.done():
                self._abandon(asking)
                raise self.lost(
                    DatabaseError(f"no answer to {make().statement} in {self._deadline:g} s")
                )
            try:
                answer = asking.result()
            except DatabaseError as error:
                if self._connection is not None and self._connection.closed:
                    self.drop()
                raise self.lost(error) from error.__cause__
            except BaseException:
                self.drop()
                raise
        self.recovered()
        return answer

    async def _ask(self, make: Callable[[], Query[T]]) -> T:
        await self.open()
        assert self._runner is not None
        return await self._runner.run(make())

    def _abandon(self, asking: asyncio.Task[Any]) -> None:
        """Let go of a connection that is busy, and let the driver try to cancel the statement."""
        connection, self._connection, self._runner = self._connection, None, None

        def bury(task: asyncio.Task[Any]) -> None:
            self._abandoned.pop(task).cancel()
            if not task.cancelled():
                task.exception()
            if connection is not None and not connection.closed:
                connection.pgconn.finish()

        cutting = asyncio.get_running_loop().call_later(LAST_WORD, _cut, connection)
        self._abandoned[asking] = cutting
        asking.add_done_callback(bury)
        asking.cancel()

    def lost(self, error: DatabaseError) -> DatabaseError:
        """Say once that the database is lost, and return the error for raising."""
        self._failures += 1
        if self._lost_at is None:
            self._lost_at = time.monotonic()
            self._signals.post(DatabaseLost(self.role, str(error)))
        return error

    def recovered(self) -> None:
        """Say once that the database is back."""
        self._failures = 0
        if self._lost_at is not None:
            seconds, self._lost_at = time.monotonic() - self._lost_at, None
            self._signals.post(DatabaseBack(self.role, seconds))

    async def pause(self) -> None:
        """Wait before the next try: longer after each failure, up to two seconds."""
        await asyncio.sleep(min(LONGEST_PAUSE, 0.05 * 2 ** min(self._failures, 10)))

    def drop(self) -> None:
        """Let go of the connection without a word to the server."""
        connection, self._connection, self._runner = self._connection, None, None
        if connection is not None and not connection.closed:
            # finish() closes the socket at once; close() would wait for nothing either, but is
            # async and may not be awaited while a cancellation is on its way.
            connection.pgconn.finish()

    async def close(self) -> None:
        """Close the connection."""
        connection, self._connection, self._runner = self._connection, None, None
        if connection is not None:
            await connection.close()


def _cut(connection: psycopg.AsyncConnection[Any] | None) -> None:
    """Shut a connection's socket, so that whoever waits for it hears that it is gone."""
    if connection is not None and not connection.closed:
        with socket.socket(fileno=os.dup(connection.pgconn.socket)) as handle:
            try:
                handle.shutdown(socket.SHUT_RDWR)
            except OSError:
                # The other side was quicker.
                return
