"""A worker's connection that heals itself.

Each role of a worker (claim, finish, pulse) has its own, so that none waits behind another. A
link opens when it is first used, is dropped when it fails, and is opened anew by the next use; the
role that uses it decides when that is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import psycopg

from howdah._db import session
from howdah._db.query import Query
from howdah._db.runners.direct import DirectRunner
from howdah._db.runners.psycopg import AsyncPsycopgRunner
from howdah._model.signals import DatabaseBack, DatabaseLost, Signals, StatementSlow
from howdah.errors import DatabaseError, DatabaseUnreachableError, HowdahError

T = TypeVar("T")

# No statement of a worker takes long; one that does means the server is gone or stuck.
DEADLINE = 30.0
LONGEST_PAUSE = 2.0
# Whoever listens may find so much still quick.
SLOW = 1.0


class Link:
    """One self-healing connection, on which nothing takes longer than the deadline.

    Attributes:
        heard: Is called with the payload of each notification that the connection hears.
        opened: How many connections there have been.
    """

    def __init__(
        self,
        url: str,
        schema: str,
        *,
        role: str,
        signals: Signals,
        deadline: float = DEADLINE,
        set_up: Sequence[Query[Any]] = (),
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
        self.heard: Callable[[str], None] = _ignore
        self.opened = 0
        self._url = url
        self._schema = schema
        self._signals = signals
        self._deadline = deadline
        self._set_up = set_up
        self._runner: DirectRunner | None = None
        self._lock = asyncio.Lock()
        self._lost_at: float | None = None
        self._failures = 0
        self._abandoned: set[asyncio.Task[Any]] = set()

    async def open(self) -> None:
        """Open the connection if need be.

        Raises:
            DatabaseError: It cannot be opened.
        """
        async with self._lock:
            await self._open()

    async def renew(self) -> None:
        """Drop the connection as soon as nobody uses it, so that the next use opens another."""
        async with self._lock:
            self.drop()

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
            runner = self._runner
            if runner is None or runner.is_over:
                runner = await self._open()
            query, began = make(), time.monotonic()
            timer = asyncio.get_running_loop().call_later(self._deadline, runner.give_up)
            try:
                answer = await runner.run(query)
            except TimeoutError:
                self._abandon(runner)
                late = f"no answer to {query.statement} in {self._deadline:g} s"
                raise self.lost(DatabaseError(late)) from None
            except DatabaseError as error:
                if runner.is_over:
                    self.drop()
                raise self.lost(error) from error.__cause__
            except HowdahError:
                raise
            except BaseException:
                self._abandon(runner)
                raise
            finally:
                timer.cancel()
        if (seconds := time.monotonic() - began) > SLOW:
            self._signals.post(StatementSlow(query.statement, self.role, seconds))
        self.recovered()
        return answer

    async def watch(self, seconds: float) -> None:
        """Wait so long, with the connection open and nothing to ask.

        Raises:
            DatabaseError: It ended.
        """
        runner = self._runner
        if runner is None:
            return
        try:
            async with asyncio.timeout(seconds):
                await runner.ended.wait()
        except TimeoutError:
            return
        raise self.lost(DatabaseUnreachableError(str(runner.fault)))

    async def _open(self) -> DirectRunner:
        if self._runner is not None and not self._runner.is_over:
            return self._runner
        self.drop()
        # A task of its own can be left behind. A driver that is interrupted waits for the server
        # to agree, and a server that says nothing does not agree either.
        opening = asyncio.create_task(self._connect(), name=f"howdah {self.role} opens")
        try:
            await asyncio.wait({opening}, timeout=self._deadline)
        except BaseException:
            self._leave_behind(opening)
            raise
        if not opening.done():
            self._leave_behind(opening)
            raise self.lost(DatabaseError(f"no connection in {self._deadline:g} s"))
        try:
            connection = opening.result()
        except DatabaseError as error:
            raise self.lost(error) from error.__cause__
        self._runner = DirectRunner(
            connection, self._schema, prepare=not self.is_pooled, heard=self._hear
        )
        self.opened += 1
        return self._runner

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        connection, found = await session.connect(
            self._url, self._schema, name=f"howdah {self.role}"
        )
        try:
            if not found.is_pooled:
                runner = AsyncPsycopgRunner(connection, self._schema)
                for query in self._set_up:
                    await runner.run(query)
        except BaseException:
            connection.pgconn.finish()
            raise
        self.is_pooled = found.is_pooled
        return connection

    def _hear(self, payload: str) -> None:
        self.heard(payload)

    def _abandon(self, runner: DirectRunner) -> None:
        """Let go of a connection that is busy."""
        self._runner = None
        runner.abandon()

    def _leave_behind(self, opening: asyncio.Task[psycopg.AsyncConnection[Any]]) -> None:
        """Let go of a connection that is being opened."""

        def bury(opening: asyncio.Task[psycopg.AsyncConnection[Any]]) -> None:
            self._abandoned.discard(opening)
            if not opening.cancelled() and opening.exception() is None:
                opening.result().pgconn.finish()

        self._abandoned.add(opening)
        opening.add_done_callback(bury)
        opening.cancel()

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
        runner, self._runner = self._runner, None
        if runner is not None:
            # finish() closes the socket at once; close() would wait for nothing either, but is
            # async and may not be awaited while a cancellation is on its way.
            runner.leave().pgconn.finish()

    async def close(self) -> None:
        """Close the connection."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.leave().close()


def _ignore(payload: str) -> None:
    return
