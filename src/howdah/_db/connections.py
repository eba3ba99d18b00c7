"""The connections of one event loop: a few, opened as needed, each lent to one query at a time.

psycopg's own pool is for connections that anybody may do anything with, and looks at each that
comes back. These run one statement and come back idle, or do not come back.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, TypeVar

from howdah._db import session
from howdah._db.query import Query
from howdah._db.runners.direct import DirectRunner
from howdah.errors import DatabaseUnreachableError, HowdahError

T = TypeVar("T")

# So long a query waits for a connection while all are lent.
WAIT = 10.0
# A connection beside the first that nobody needed for so long is closed.
LONGEST_REST = 600.0

_BEGIN: Query[None] = Query("database/begin", {}, lambda rows: None)
_COMMIT: Query[None] = Query("database/commit", {}, lambda rows: None)
_ROLL_BACK: Query[None] = Query("database/roll_back", {}, lambda rows: None)


class Connections:
    """Lends connections on the loop that it was made on."""

    def __init__(self, url: str, schema: str, *, size: int) -> None:
        self._url = url
        self._schema = schema
        self._size = size
        self._loop = asyncio.get_running_loop()
        # Those at rest, with the time they came back: the one that was used last is lent first.
        self._resting: deque[tuple[DirectRunner, float]] = deque()
        self._count = 0
        self._waiting: deque[asyncio.Future[DirectRunner | None]] = deque()
        self._is_closed = False

    async def open(self) -> None:
        """Open the first.

        Raises:
            DatabaseError: Unreachable, read-only, too old, or the role may not.
        """
        self._give(await self._take())

    async def run(self, query: Query[T]) -> T:
        """Run one query in a transaction of its own.

        Raises:
            HowdahError: It failed.
        """
        runner = await self._take()
        try:
            answer = await runner.run(query)
        except HowdahError:
            self._give(runner)
            raise
        except BaseException:
            self._give_up(runner)
            raise
        self._give(runner)
        return answer

    async def run_all(self, queries: Sequence[Query[Any]]) -> list[Any]:
        """Run queries in one transaction, and return what each answered.

        Raises:
            HowdahError: One failed, and nothing was done; or nobody knows, when the connection
                broke.
        """
        runner = await self._take()
        try:
            await runner.run(_BEGIN)
            answers = [await runner.run(query) for query in queries]
            await runner.run(_COMMIT)
        except HowdahError:
            await self._undo(runner)
            raise
        except BaseException:
            self._give_up(runner)
            raise
        self._give(runner)
        return answers

    async def close(self) -> None:
        """Close those that rest now, and the others when they come back."""
        self._is_closed = True
        for runner in self._rested():
            await runner.leave().close()

    def drop(self) -> None:
        """Close those that rest now without a word, from any thread, on a loop that may be over."""
        if self._loop.is_running() and self._loop is not _running_loop():
            self._loop.call_soon_threadsafe(self.drop)
            return
        self._is_closed = True
        for runner in self._rested():
            runner.leave().pgconn.finish()

    def _rested(self) -> list[DirectRunner]:
        rested = [runner for runner, _ in self._resting]
        self._resting.clear()
        self._count -= len(rested)
        return rested

    async def _take(self) -> DirectRunner:
        while True:
            while self._resting:
                runner, _ = self._resting.pop()
                if not runner.is_over:
                    return runner
                self._let_go(runner)
            if self._count < self._size:
                return await self._connect()
            given = await self._wait()
            if given is not None:
                return given

    async def _connect(self) -> DirectRunner:
        self._count += 1
        try:
            connection, found = await session.connect(self._url, self._schema, name="howdah")
        except BaseException:
            self._count -= 1
            self._call_next(None)
            raise
        return DirectRunner(connection, self._schema, prepare=not found.is_pooled)

    async def _wait(self) -> DirectRunner | None:
        """Wait for a connection that comes back, or for room to open another."""
        given: asyncio.Future[DirectRunner | None] = self._loop.create_future()
        self._waiting.append(given)
        try:
            async with asyncio.timeout(WAIT):
                return await given
        except BaseException as error:
            if given.done() and not given.cancelled():
                # It came in the very moment in which nobody wanted it any more.
                self._pass_on(given.result())
            if not isinstance(error, TimeoutError):
                raise
            raise DatabaseUnreachableError(
                f"cannot run a query: all {self._size} connections have been in use for {WAIT:g} s;"
                " give Howdah a larger pool_size="
            ) from None

    def _give(self, runner: DirectRunner) -> None:
        """Take a connection back."""
        if runner.is_over or self._is_closed:
            self._let_go(runner)
        elif not self._call_next(runner):
            now = time.monotonic()
            self._resting.append((runner, now))
            oldest, since = self._resting[0]
            if now - since > LONGEST_REST:
                self._resting.popleft()
                self._let_go(oldest)

    def _pass_on(self, given: DirectRunner | None) -> None:
        if given is None:
            self._call_next(None)
        else:
            self._give(given)

    def _let_go(self, runner: DirectRunner) -> None:
        runner.leave().pgconn.finish()
        self._count -= 1
        self._call_next(None)

    def _give_up(self, runner: DirectRunner) -> None:
        """Let go of a connection that is busy with what nobody wants any more."""
        runner.abandon()
        self._count -= 1
        self._call_next(None)

    async def _undo(self, runner: DirectRunner) -> None:
        try:
            await runner.run(_ROLL_BACK)
        except HowdahError:
            self._let_go(runner)
        except BaseException:
            self._give_up(runner)
            raise
        else:
            self._give(runner)

    def _call_next(self, given: DirectRunner | None) -> bool:
        """Hand a connection, or room for one, to who has waited longest. False when nobody has."""
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(given)
                return True
        return False


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
