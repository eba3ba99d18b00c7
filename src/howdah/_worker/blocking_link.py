"""The blocking twin of Link, for the threads of a supervisor: beats and housekeeping.

A supervisor has no event loop on purpose. Nothing that user code does can hold up a thread of
another process that only waits and beats.

The connection is talked to on a thread of its own, so that whoever asks can stop waiting: the
driver itself waits without end for a peer that keeps the connection open and says nothing.
"""

from __future__ import annotations

import os
import queue
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg

from howdah._db import session
from howdah._db.query import Query
from howdah._db.runners.psycopg import PsycopgRunner
from howdah._model.signals import DatabaseBack, DatabaseLost, Signals, StatementSlow
from howdah.errors import DatabaseError, DatabaseUnreachableError

T = TypeVar("T")

DEADLINE = 30.0
# For what looks at whole tables or moves many rows.
LONG = 600.0
# A thread whose socket was shut has so long to notice.
LAST_WORD = 0.5
# Whoever listens may find so much still quick.
SLOW = 1.0


class BlockingLink:
    """One self-healing blocking connection. Used by one thread."""

    def __init__(
        self, url: str, schema: str, *, role: str, signals: Signals, deadline: float = DEADLINE
    ) -> None:
        self.role = role
        self._url = url
        self._schema = schema
        self._signals = signals
        self._deadline = deadline
        self._connection: psycopg.Connection[Any] | None = None
        # The connection's socket under a number of our own, which nobody else closes and reuses.
        self._socket: socket.socket | None = None
        self._prepare = True
        self._lost_at: float | None = None
        self._errands: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._idle = threading.Event()
        self._idle.set()

    def run(self, query: Query[T], *, deadline: float | None = None) -> T:
        """Run one query, on a new connection if the last one broke.

        Raises:
            DatabaseError: It failed, or nobody answered within the deadline.
        """
        try:
            answer = self._within(deadline or self._deadline, query)
        except DatabaseError as error:
            if self._lost_at is None:
                self._lost_at = time.monotonic()
                self._signals.post(DatabaseLost(self.role, str(error)))
            raise
        if self._lost_at is not None:
            self._signals.post(DatabaseBack(self.role, time.monotonic() - self._lost_at))
            self._lost_at = None
        return answer

    def close(self) -> None:
        """Close the connection, and let go of one that is still waited for."""
        self._errands.put(None)
        if not self._idle.is_set():
            self._cut()
            self._idle.wait(LAST_WORD)
        if self._idle.is_set():
            self._drop()

    def _within(self, deadline: float, query: Query[T]) -> T:
        """Have the query run on the link's thread, and wait for no longer than the deadline."""
        answers: list[T] = []
        errors: list[BaseException] = []

        def errand() -> None:
            try:
                answers.append(self._ask(query))
            except BaseException as error:
                errors.append(error)
            finally:
                self._idle.set()

        silence = DatabaseUnreachableError(f"no answer to {query.statement} in {deadline:g} s")
        # The last one may still be opening a connection, which cannot be interrupted.
        if not self._idle.wait(deadline):
            raise silence
        self._idle.clear()
        self._begin(errand)
        if not self._idle.wait(deadline):
            self._cut()
            self._idle.wait(LAST_WORD)
            raise silence
        if errors:
            raise errors[0]
        return answers[0]

    def _begin(self, errand: Callable[[], None]) -> None:
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._serve, daemon=True, name=f"howdah link to {self.role}"
            )
            self._thread.start()
        self._errands.put(errand)

    def _serve(self) -> None:
        while (errand := self._errands.get()) is not None:
            errand()

    def _ask(self, query: Query[T]) -> T:
        try:
            if self._connection is None or self._connection.closed:
                self._connection, found = session.connect_blocking(
                    self._url, self._schema, name=f"howdah {self.role}"
                )
                self._socket = socket.socket(fileno=os.dup(self._connection.pgconn.socket))
                self._prepare = not found.is_pooled
            runner = PsycopgRunner(self._connection, self._schema, prepare=self._prepare)
            began = time.monotonic()
            answer = runner.run(query)
            if (seconds := time.monotonic() - began) > SLOW:
                self._signals.post(StatementSlow(query.statement, self.role, seconds))
            return answer
        except DatabaseError:
            if self._connection is not None and self._connection.closed:
                self._drop()
            raise

    def _cut(self) -> None:
        """Shut the socket, so that the thread that waits for it hears that it is gone."""
        handle = self._socket
        if handle is not None:
            try:
                handle.shutdown(socket.SHUT_RDWR)
            except OSError:
                # The other side was quicker.
                return

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        handle, self._socket = self._socket, None
        if handle is not None:
            handle.close()
        if connection is not None:
            connection.close()
