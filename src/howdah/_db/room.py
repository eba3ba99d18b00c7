"""Waits for room in a full queue, where its `on_full` is to block.

A send that finds the queue full has failed and left no transaction open. Whoever waits looks now
and then, and sends again: somebody else may have been faster.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from howdah._db import queue as queues
from howdah._db.query import Query
from howdah._model.queue import FULL_TIMEOUT
from howdah.errors import QueueFullError

T = TypeVar("T")

FIRST_LOOK = 0.02
LONGEST_PAUSE = 0.5
# A look counts against the number that refused the send. An operator may have said another since,
# which only a send hears of.
TRUSTED = 1.0


def with_room(send: Callable[[], T], ask: Callable[[Query[bool]], bool], *, may_wait: bool) -> T:
    """Send, as soon as there is room in the queue.

    Args:
        send: Sends; it may be called any number of times.
        ask: Runs a query.
        may_wait: Whether no transaction is open meanwhile.

    Raises:
        QueueFullError: The queue is full and does not block, or not for longer.
    """
    wait = _Wait()
    while True:
        try:
            return send()
        except QueueFullError as full:
            if not may_wait:
                raise
            look = wait.begin(full)
        while True:
            time.sleep(wait.next_pause())
            if wait.is_old or ask(look):
                break


async def with_room_async(
    send: Callable[[], Awaitable[T]],
    ask: Callable[[Query[bool]], Awaitable[Any]],
    *,
    may_wait: bool,
) -> T:
    """Send, as soon as there is room in the queue. As `with_room`."""
    wait = _Wait()
    while True:
        try:
            return await send()
        except QueueFullError as full:
            if not may_wait:
                raise
            look = wait.begin(full)
        while True:
            await asyncio.sleep(wait.next_pause())
            if wait.is_old or await ask(look):
                break


class _Wait:
    """One wait for room, however often somebody else was faster."""

    def __init__(self) -> None:
        self._full: QueueFullError | None = None
        self._end = self._begun = 0.0
        self._pause = FIRST_LOOK

    def begin(self, full: QueueFullError) -> Query[bool]:
        """Wait on, after a send was refused. Returns what to ask."""
        if full.on_full != "block":
            raise full
        if self._full is None:
            timeout = FULL_TIMEOUT if full.full_timeout is None else full.full_timeout
            self._end = time.monotonic() + timeout
        self._full = full
        self._begun = time.monotonic()
        if time.monotonic() >= self._end:
            raise full
        return queues.has_room(full.queue, max_waiting=full.max_waiting)

    @property
    def is_old(self) -> bool:
        """Whether to send again, whatever a look would find."""
        return time.monotonic() - self._begun >= TRUSTED

    def next_pause(self) -> float:
        """The seconds until the next look."""
        assert self._full is not None
        left = self._end - time.monotonic()
        if left <= 0:
            raise self._full
        pause = min(self._pause, left)
        self._pause = min(self._pause * 1.5, LONGEST_PAUSE)
        return pause
