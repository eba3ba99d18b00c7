"""Threads for `def` handlers.

A thread cannot be interrupted. When nobody waits for its handler any more (its time was up, its
worker stops), the thread is abandoned and a new one takes its place, so that slots are never
starved by threads that hang.
"""

from __future__ import annotations

import asyncio
import contextvars
import queue
import threading
from collections.abc import Callable
from typing import Any


class ThreadPool:
    """Daemon threads that run one function each at a time.

    Not concurrent.futures: its threads are joined when the interpreter ends, so one handler that
    hangs would keep the process from ever leaving.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._threads = 0
        self._free = 0
        self._lock = threading.Lock()

    async def run(self, fn: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        """Call the function in a thread, with the context variables of the caller."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        context = contextvars.copy_context()

        def call() -> None:
            try:
                result = context.run(fn, **arguments)
            except BaseException as error:
                _post(loop, future, None, error)
            else:
                _post(loop, future, result, None)

        with self._lock:
            if self._free > 0:
                self._free -= 1
            else:
                self._threads += 1
                threading.Thread(target=self._serve, daemon=True, name="howdah handler").start()
        self._work.put(call)
        return await future

    def close(self) -> None:
        """Let the free threads go."""
        with self._lock:
            threads = self._threads
        for _ in range(threads):
            self._work.put(None)

    def _serve(self) -> None:
        while (call := self._work.get()) is not None:
            call()
            with self._lock:
                self._free += 1


def _post(
    loop: asyncio.AbstractEventLoop,
    future: asyncio.Future[Any],
    result: Any,
    error: BaseException | None,
) -> None:
    def settle() -> None:
        if future.done():
            return
        if error is None:
            future.set_result(result)
        elif isinstance(error, StopIteration):
            # A future refuses to carry it.
            future.set_exception(RuntimeError(f"the handler raised {error!r}"))
        else:
            future.set_exception(error)

    try:
        loop.call_soon_threadsafe(settle)
    except RuntimeError:
        # The loop is closed: the worker has gone, and so has whoever waited.
        return
