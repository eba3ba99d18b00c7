"""The slots of a worker: so many handlers at once, fed from one list of claimed jobs.

Slots are long-lived tasks. A job gets no task, queue or timeout object of its own unless it needs
one: on the hot path those would cost more than everything else together.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextvars import copy_context

from howdah._worker.claimed import ClaimedJob

# A slot that never waits gives way after so many jobs, so that claims, flushes and timers of the
# same loop are not kept waiting by handlers that have nothing to wait for.
TURN = 8

Run = Callable[[ClaimedJob, int], Awaitable[None]]


class Slots:
    """Runs claimed jobs, at most `count` at once."""

    def __init__(self, count: int, run: Run) -> None:
        self.count = count
        self.waiting: deque[ClaimedJob] = deque()
        self.busy = 0
        self.done = 0
        self._run = run
        self._resting: deque[asyncio.Future[None]] = deque()
        self._tasks: list[asyncio.Task[None]] = []
        self._room = asyncio.Event()
        self._stopping = False
        self._clean = copy_context()

    def start(self) -> None:
        """Open the slots."""
        self._tasks = [self._open(number) for number in range(self.count)]

    def _open(self, number: int) -> asyncio.Task[None]:
        return asyncio.create_task(
            self._slot(number), name=f"howdah slot {number}", context=self._clean.copy()
        )

    def resize(self, count: int) -> None:
        """Have so many slots from now on. A handler that runs in one too many is left to finish."""
        self.count = count
        for number in range(count):
            if number >= len(self._tasks):
                self._tasks.append(self._open(number))
            elif self._tasks[number].done():
                self._tasks[number] = self._open(number)
        # All of them look again: one too many that rests would swallow the next wake.
        self._wake_all()
        self.poke()

    def task(self, number: int) -> asyncio.Task[None]:
        """The task of one slot, for interrupting what runs there."""
        return self._tasks[number]

    @property
    def held(self) -> int:
        """Jobs that run or wait for a slot."""
        return self.busy + len(self.waiting)

    def offer(self, job: ClaimedJob) -> None:
        """Hand in a job."""
        self.waiting.append(job)
        while self._resting:
            future = self._resting.popleft()
            if not future.done():
                future.set_result(None)
                break

    def look_for_room(self) -> None:
        """Begin a look: what ends from now on makes `wait_for_room` return.

        Called before the look, not before the wait: between the two everything may end.
        """
        self._room.clear()

    async def wait_for_room(self) -> None:
        """Return when something has ended since the last look began."""
        await self._room.wait()

    def poke(self) -> None:
        """Make `wait_for_room` return."""
        self._room.set()

    def take_waiting(self, *, held_before: float | None = None) -> list[ClaimedJob]:
        """Take back jobs that no slot has begun.

        Args:
            held_before: Only those claimed before this moment of the monotonic clock.
        """
        taken: list[ClaimedJob] = []
        while self.waiting and (held_before is None or self.waiting[0].held_at < held_before):
            taken.append(self.waiting.popleft())
        return taken

    async def stop(self) -> None:
        """Close the slots as soon as each is free, and return when all are.

        Raises:
            Exception: What a slot failed with, which is a defect of ours.
        """
        self._stopping = True
        self._wake_all()
        while not all(task.done() for task in self._tasks):
            # Again while there are others: a slot may be opened anew in place of one that ends.
            for result in await asyncio.gather(*self._tasks, return_exceptions=True):
                if isinstance(result, Exception):
                    raise result

    async def _slot(self, number: int) -> None:
        turn = 0
        while number < self.count:
            if not self.waiting:
                if self._stopping:
                    return
                await self._rest()
                turn = 0
                continue
            job = self.waiting.popleft()
            self.busy += 1
            try:
                await self._run(job, number)
            finally:
                self.busy -= 1
                self.done += 1
                self._room.set()
            if copy_context() != self._clean:
                # The handler set a context variable, such as the tenant it works for. The next
                # job must not find it, and only another task can be without it.
                self._tasks[number] = self._open(number)
                return
            turn += 1
            if turn >= TURN:
                turn = 0
                await asyncio.sleep(0)

    def _wake_all(self) -> None:
        while self._resting:
            future = self._resting.popleft()
            if not future.done():
                future.set_result(None)

    async def _rest(self) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._resting.append(future)
        await future
