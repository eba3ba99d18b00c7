"""The client's own connections: a few, opened when first needed, healed when they break."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import psycopg
import psycopg_pool

from howdah._db import faults, session
from howdah._db.connections import Connections
from howdah._db.query import Query
from howdah._db.runners.psycopg import PsycopgRunner
from howdah.errors import DatabaseError, DatabaseUnreachableError

T = TypeVar("T")

# A query that found its connection broken is repeated for so long when that is safe.
PATIENCE = 10.0
WAIT = 10.0
UNIQUE_VIOLATION = "23505"


class AsyncPool:
    """Runs queries on connections of the loop it is used from, and of the process.

    Args:
        url: Asked when the first connection is opened.
    """

    def __init__(self, url: Callable[[], str], schema: str, *, size: int) -> None:
        self._url = url
        self._schema = schema
        self._size = size
        self._pools: dict[tuple[int, asyncio.AbstractEventLoop], Connections] = {}

    async def run(self, query: Query[T], *, again: Query[T] | None = None) -> T:
        """Run one query in a transaction of its own.

        Args:
            query: What to run.
            again: What to run instead when the connection broke and nobody knows whether `query`
                was carried out: the same, safe to repeat. None gives up then.

        Raises:
            DatabaseError: It failed.
        """
        opened = await self._open()
        deadline = time.monotonic() + PATIENCE
        pause = 0.02
        while True:
            try:
                return await opened.run(query)
            except DatabaseUnreachableError:
                if again is None or time.monotonic() + pause > deadline:
                    raise
                query = again
            await asyncio.sleep(pause)
            pause = min(2 * pause, 1.0)

    async def run_all(self, queries: Sequence[Query[Any]], *, done: Query[bool]) -> list[Any]:
        """Run queries in one transaction, all or none.

        Args:
            queries: What to run.
            done: Asks whether they were carried out, for when the connection broke and nobody
                knows.

        Returns:
            What each answered; nothing where they were carried out by a try that got no answer.

        Raises:
            DatabaseError: One failed, and nothing was done.
        """
        opened = await self._open()
        deadline = time.monotonic() + PATIENCE
        pause = 0.02
        is_repeat = False
        while True:
            try:
                if is_repeat and await opened.run(done):
                    return []
                return await opened.run_all(queries)
            except DatabaseUnreachableError:
                if time.monotonic() + pause > deadline:
                    raise
                is_repeat = True
            except DatabaseError as error:
                # The first try was still on its way when we asked, and has arrived since.
                if is_repeat and error.sqlstate == UNIQUE_VIOLATION:
                    return []
                raise
            await asyncio.sleep(pause)
            pause = min(2 * pause, 1.0)

    async def close(self) -> None:
        """Close the connections of this loop."""
        opened = self._pools.pop(self._here(), None)
        if opened is not None:
            await opened.close()

    def drop(self) -> None:
        """Close the connections of all loops of this process, without a word to the server.

        For one who cannot await their closing, as when their loops do not run any more. A pool
        that is used again opens new ones.
        """
        for pid, loop in list(self._pools):
            opened = self._pools.pop((pid, loop))
            if pid == os.getpid():
                opened.drop()

    async def _open(self) -> Connections:
        here = self._here()
        if (opened := self._pools.get(here)) is not None:
            return opened
        self._forget_closed()
        # Finding it may mean to start a private Postgres, which the loop must not wait for.
        url = await asyncio.to_thread(self._url)
        opened = Connections(url, self._schema, size=self._size)
        await opened.open()
        # Others may have opened theirs meanwhile.
        kept = self._pools.setdefault(here, opened)
        if kept is not opened:
            await opened.close()
        return kept

    def _here(self) -> tuple[int, asyncio.AbstractEventLoop]:
        # A forked process shares the sockets of its parent, and must not use them.
        return os.getpid(), asyncio.get_running_loop()

    def _forget_closed(self) -> None:
        """Let go of the connections of loops that are closed, such as that of an `asyncio.run`.

        Nobody can await their closing any more, so the sockets are just closed. Those that came
        over a fork are the parent's, and stay open for it.
        """
        for pid, loop in [here for here in self._pools if here[1].is_closed()]:
            opened = self._pools.pop((pid, loop))
            if pid == os.getpid():
                opened.drop()


class Pool:
    """The blocking twin, for any number of threads."""

    def __init__(self, url: Callable[[], str], schema: str, *, size: int) -> None:
        self._url = url
        self._schema = schema
        self._size = size
        self._lock = threading.Lock()
        self._pool: psycopg_pool.ConnectionPool[psycopg.Connection[Any]] | None = None
        self._pid = os.getpid()
        # Pools that came over a fork: their sockets are the parent's, so they are neither used
        # nor closed here, and kept so that nothing closes them behind our back.
        self._inherited: list[psycopg_pool.ConnectionPool[psycopg.Connection[Any]]] = []
        self._prepare = True

    def run(self, query: Query[T], *, again: Query[T] | None = None) -> T:
        """Run one query in a transaction of its own. As `AsyncPool.run`."""
        pool = self._open()
        deadline = time.monotonic() + PATIENCE
        pause = 0.02
        while True:
            try:
                with faults.translated(self._schema), pool.connection() as connection:
                    if not self._prepare:
                        connection.prepare_threshold = None
                    runner = PsycopgRunner(connection, self._schema, prepare=self._prepare)
                    return runner.run(query)
            except DatabaseUnreachableError:
                if again is None or time.monotonic() + pause > deadline:
                    raise
                query = again
            time.sleep(pause)
            pause = min(2 * pause, 1.0)

    def run_all(self, queries: Sequence[Query[Any]], *, done: Query[bool]) -> list[Any]:
        """Run queries in one transaction, all or none. As `AsyncPool.run_all`."""
        pool = self._open()
        deadline = time.monotonic() + PATIENCE
        pause = 0.02
        is_repeat = False
        while True:
            try:
                if is_repeat and self.run(done):
                    return []
                return self._run_all(pool, queries)
            except DatabaseUnreachableError:
                if time.monotonic() + pause > deadline:
                    raise
                is_repeat = True
            except DatabaseError as error:
                if is_repeat and error.sqlstate == UNIQUE_VIOLATION:
                    return []
                raise
            time.sleep(pause)
            pause = min(2 * pause, 1.0)

    def _run_all(
        self,
        pool: psycopg_pool.ConnectionPool[psycopg.Connection[Any]],
        queries: Sequence[Query[Any]],
    ) -> list[Any]:
        with (
            faults.translated(self._schema),
            pool.connection() as connection,
            connection.transaction(),
        ):
            if not self._prepare:
                connection.prepare_threshold = None
            runner = PsycopgRunner(connection, self._schema)
            return [runner.run(query) for query in queries]

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    def _open(self) -> psycopg_pool.ConnectionPool[psycopg.Connection[Any]]:
        with self._lock:
            if self._pool is not None and self._pid != os.getpid():
                self._inherited.append(self._pool)
                self._pool = None
            if self._pool is None:
                self._pid = os.getpid()
                url = self._url()
                probe, found = session.connect_blocking(url, self._schema, name="howdah")
                probe.close()
                self._prepare = not found.is_pooled
                self._pool = psycopg_pool.ConnectionPool(
                    url,
                    kwargs=session.options("howdah"),
                    min_size=1,
                    max_size=self._size,
                    timeout=WAIT,
                    open=True,
                    name="howdah",
                )
            return self._pool
