"""One worker of the real kind that works here and now, until nothing is left for it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from howdah._db import testing as queries
from howdah._db import worker as workers
from howdah._model.signals import JobEnded, JobStarted, TaskUnknown
from howdah._worker.link import Link
from howdah._worker.settings import WorkerSettings
from howdah._worker.worker import Worker, announce

if TYPE_CHECKING:
    from howdah.client import Howdah

# The clock stands while it works, so its lease never runs out and nobody need beat for it.
_LEASE = 3_600.0
FIRST_LOOK = 0.001
LONGEST_PAUSE = 0.05
VAIN_LOOKS = 2


class Drain:
    """Claims and runs everything that can be claimed, once.

    Args:
        app: The app, bound to the schema of the test.
        queues: Which queues.
        limit: So many attempts at most, after which it is taken to go on for ever.
        spent: So many of them were made before.
        timeout: Seconds at most, after which a handler is taken to hang.
        concurrency: Handlers at once; with 1 they run in the order in which they are claimed.
    """

    def __init__(
        self,
        app: Howdah,
        *,
        queues: Sequence[str],
        limit: int,
        spent: int,
        timeout: float,
        concurrency: int,
    ) -> None:
        self.ended: list[JobEnded] = []
        self._app = app
        self._queues = queues
        self._limit = limit
        self._spent = spent
        self._timeout = timeout
        self._started: Counter[str] = Counter()
        self._unknown: str | None = None
        self._woken = asyncio.Event()
        self._settings = WorkerSettings(
            queues=dict.fromkeys(queues, 1.0),
            concurrency=concurrency,
            lease=_LEASE,
            grace=1.0,
            poll=0.02,
            notifications=False,
        )

    async def run(self) -> None:
        """Work until nothing is left.

        Raises:
            AssertionError: It does not come to an end.
            UnknownTaskError: A job's task is not one of the app's.
        """
        signals = self._app.signals
        link = Link(self._app.database_url, self._app.schema, role="drain", signals=signals)
        offs = [
            signals.on(JobStarted, self._note_start),
            signals.on(JobEnded, self._note_end),
            signals.on(TaskUnknown, self._note_unknown),
        ]
        try:
            left, in_line = await link.run(queries.left(worker_id=0, queues=self._queues))
            if left or in_line:
                await self._work(link)
        finally:
            for off in offs:
                off()
            await link.close()

    async def _work(self, link: Link) -> None:
        worker_id = await announce(link, self._app, self._settings)
        worker = Worker(self._app, self._app.database_url, self._settings, worker_id=worker_id)
        # Nobody is to send more meanwhile that a batch would have to wait for.
        worker.executor.gathering.is_hasty = True
        running = asyncio.create_task(worker.run(), name="howdah drain")
        is_done = False
        try:
            await self._watch(worker, running, link)
            is_done = True
        finally:
            worker.stop(now=not is_done)
            await running
            await link.run(workers.release(worker_id, running=[], crash_limit=3))

    async def _watch(self, worker: Worker, running: asyncio.Task[None], link: Link) -> None:
        """Return when nothing is left."""
        end = time.monotonic() + self._timeout
        look = queries.left(worker_id=worker.worker_id, queues=self._queues)
        pause = FIRST_LOOK
        while True:
            self._woken.clear()
            left, in_line = await link.run(look)
            # Limits hold up what is in a line when looks find nothing though nothing runs.
            is_held_up = not left and worker.claimer.vain_looks > VAIN_LOOKS
            left += 0 if is_held_up else in_line
            if self._unknown is not None:
                self._app.find_task(self._unknown)
            if not left or running.done():
                return
            if self._is_over_limit():
                self._give_up_on_many()
            if time.monotonic() > end:
                self._give_up_on_long(worker, left)
            try:
                async with asyncio.timeout(pause):
                    await self._woken.wait()
                pause = FIRST_LOOK
            except TimeoutError:
                pause = min(2 * pause, LONGEST_PAUSE)

    def _is_over_limit(self) -> bool:
        return self._spent + self._started.total() > self._limit

    def _note_start(self, signal: JobStarted) -> None:
        self._started[signal.task] += 1
        if self._is_over_limit():
            self._woken.set()

    def _note_end(self, signal: JobEnded) -> None:
        self.ended.append(signal)
        self._woken.set()

    def _note_unknown(self, signal: TaskUnknown) -> None:
        self._unknown = signal.task
        self._woken.set()

    def _give_up_on_many(self) -> NoReturn:
        most = ", ".join(f"{task!r} {count} times" for task, count in self._started.most_common(3))
        raise AssertionError(
            f"gave up after {self._limit} attempts, and there are more, of late {most}; a task that"
            " sends itself, or that is tried again without delay, never ends; if so many are"
            " right, give a higher limit="
        )

    def _give_up_on_long(self, worker: Worker, left: int) -> NoReturn:
        tasks = sorted({running.job.task for running in worker.executor.running.values()})
        what = (
            f"still running: {', '.join(map(repr, tasks))}"
            if tasks
            else "none of them can be claimed: is there an open transaction that holds them?"
        )
        raise AssertionError(
            f"gave up after {self._timeout:g} s with {left} jobs left, {what}; if so long is"
            " right, give a higher timeout="
        )
