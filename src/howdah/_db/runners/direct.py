"""Runs queries on a psycopg connection of our own through libpq, with nothing around it.

psycopg's cursors serve every use. Ours is always the same: a prepared statement, text in, rows out.
What a cursor does beside that takes longer than Postgres needs for the answer, and several times as
long in a process that has slept, as an idle worker has. psycopg still opens the connection, reads
the rows and names the errors.

The socket is watched for as long as the runner lives: a notification is heard when it comes, and so
is the end of the connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import psycopg
from psycopg.adapt import Transformer
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGresult

from howdah._db.faults import CLIENT_FAULTS, translate
from howdah._db.query import Query
from howdah._db.statements import render
from howdah.errors import HowdahError

T = TypeVar("T")

# So long it is tried to cancel a statement that nobody waits for any more.
LAST_WORD = 6.0

_cancelling: set[asyncio.Task[None]] = set()
_GOOD = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)


class DirectRunner:
    """Runs one query at a time, each in a transaction of its own.

    Attributes:
        connection: What it runs on. Nobody else may, until `leave`.
        ended: Set when the connection has ended.
    """

    def __init__(
        self,
        connection: psycopg.AsyncConnection[Any],
        schema: str,
        *,
        prepare: bool,
        heard: Callable[[str], None] | None = None,
    ) -> None:
        """Watch the connection from now on, on the loop that runs.

        Args:
            connection: Open, in autocommit, and idle.
            schema: The schema that queries are about.
            prepare: Whether statements may be prepared by name.
            heard: Is called with the payload of each notification.
        """
        self.connection = connection
        self.ended = asyncio.Event()
        self._pgconn = connection.pgconn
        self._socket = connection.pgconn.socket
        self._encoding = connection.info.encoding
        self._rows = Transformer(connection)
        self._schema = schema
        self._prepare = prepare
        self._heard = heard
        self._prepared: dict[str, bytes] = {}
        self._answer: asyncio.Future[None] | None = None
        self._result: PGresult | None = None
        self._fault: psycopg.Error | None = None
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._read)

    @property
    def is_over(self) -> bool:
        """Whether the connection has ended."""
        return self._fault is not None or self._pgconn.status != ConnStatus.OK

    @property
    def fault(self) -> HowdahError:
        """What the connection ended of."""
        fault = self._fault or psycopg.OperationalError("the connection is closed")
        return translate(fault, self._schema)

    async def run(self, query: Query[T], /) -> T:
        """Execute one query and read its rows.

        Raises:
            HowdahError: The database refused it or is gone; `faults` says which.
            TimeoutError: Nobody wants to wait any longer: see `give_up`.
        """
        rendered = render(query.statement, self._schema, "asyncpg")
        try:
            params = [self._encode(query.params[name]) for name in rendered.order]
            result = await self._execute(query.statement, rendered.text, params)
            self._rows.set_pgresult(result)
            rows = self._rows.load_rows(0, result.ntuples, tuple)
        except TimeoutError:
            raise
        except (psycopg.Error, *CLIENT_FAULTS) as fault:
            raise translate(fault, self._schema) from fault
        return query.read(rows)

    def give_up(self) -> None:
        """Raise TimeoutError in whoever waits for an answer. Only `abandon` can follow."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(TimeoutError())

    def leave(self) -> psycopg.AsyncConnection[Any]:
        """Watch no longer. Returns the connection, which is the caller's to close."""
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        return self.connection

    def abandon(self) -> None:
        """Close a connection that is busy, and try to cancel its statement at the server first."""
        cancelling = self._loop.create_task(_cancel(self.leave()), name="howdah cancels")
        # The loop itself does not keep it.
        _cancelling.add(cancelling)
        cancelling.add_done_callback(_cancelling.discard)

    def _encode(self, value: str | float | bool | None) -> bytes | None:
        if isinstance(value, str):
            if "\x00" in value:
                # libpq takes it for the end of the text and says nothing.
                raise psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
            return value.encode(self._encoding)
        if value is None:
            return None
        return repr(value).encode()

    async def _execute(self, statement: str, text: str, params: list[bytes | None]) -> PGresult:
        if not self._prepare:
            self._pgconn.send_query_params(text.encode(self._encoding), params)
            return await self._answered()
        name = self._prepared.get(statement)
        if name is None:
            name = f"howdah {statement}".encode()
            self._pgconn.send_prepare(name, text.encode(self._encoding))
            await self._answered()
            self._prepared[statement] = name
        self._pgconn.send_query_prepared(name, params)
        return await self._answered()

    async def _answered(self) -> PGresult:
        self._result = None
        self._answer = self._loop.create_future()
        if self._pgconn.flush():
            self._loop.add_writer(self._socket, self._write)
        try:
            await self._answer
        finally:
            self._answer = None
        result: PGresult | None = self._result
        if result is None:
            raise psycopg.OperationalError("the server gave no answer")
        if result.status not in _GOOD:
            raise psycopg.errors.error_from_result(result, self._encoding)
        return result

    def _write(self) -> None:
        """Send what the socket would not take at once, as soon as it takes more."""
        try:
            if not self._pgconn.flush():
                self._loop.remove_writer(self._socket)
        except psycopg.OperationalError as fault:
            self._end(fault)

    def _read(self) -> None:
        try:
            self._pgconn.consume_input()
        except psycopg.OperationalError as fault:
            self._end(fault)
            return
        while (said := self._pgconn.notifies()) is not None:
            if self._heard is not None:
                self._heard(said.extra.decode(self._encoding))
        while self._answer is not None and not self._pgconn.is_busy():
            result = self._pgconn.get_result()
            if result is None:
                if not self._answer.done():
                    self._answer.set_result(None)
                return
            self._result = result

    def _end(self, fault: psycopg.Error) -> None:
        """The connection is no more."""
        self.leave()
        if self._result is not None and self._result.status not in _GOOD:
            # Its last words say more than its silence.
            fault = psycopg.errors.error_from_result(self._result, self._encoding)
        self._fault = fault
        self.ended.set()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(fault)


async def _cancel(connection: psycopg.AsyncConnection[Any]) -> None:
    try:
        with suppress(psycopg.Error, OSError):
            await connection.cancel_safe(timeout=LAST_WORD)
    finally:
        connection.pgconn.finish()
