"""Where handlers run that are not for the loop: threads, and processes that can be killed."""

from __future__ import annotations

from typing import Any

from howdah._worker.claimed import ClaimedJob
from howdah._worker.context import Context
from howdah._worker.pools.processes import ProcessPool
from howdah._worker.pools.threads import ThreadPool
from howdah._worker.tasks import TaskLike


class Pools:
    """The pools of one worker, each made when the first task needs it."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._threads: ThreadPool | None = None
        self._processes: ProcessPool | None = None

    async def run(
        self, task: TaskLike, job: ClaimedJob, context: Context, arguments: dict[str, Any]
    ) -> Any:
        """Run a handler where its task says, and return what it returned."""
        if task.executor == "process":
            if self._processes is None:
                self._processes = ProcessPool(self._size)
            return await self._processes.run(task, job, context)
        if self._threads is None:
            self._threads = ThreadPool(self._size)
        return await self._threads.run(task.fn, arguments)

    def resize(self, size: int) -> None:
        """Keep so many processes ready from now on."""
        self._size = size
        if self._processes is not None:
            self._processes.resize(size)

    async def close(self) -> None:
        """End the processes, and the threads that are free."""
        if self._threads is not None:
            self._threads.close()
        if self._processes is not None:
            await self._processes.close()
