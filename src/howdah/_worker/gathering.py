"""Gathers claimed jobs of batch tasks until there are enough of them, or the first has waited.

A job that has taken its worker down before is not gathered with others: in a batch nobody could
tell which of them did it, and the innocent would be quarantined with the guilty.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping

from howdah._model.batch import Batching
from howdah._worker.claimed import ClaimedJob
from howdah._worker.doors import Doors
from howdah._worker.tasks import TaskLike

# The time limit of a job runs from its claim. At most this part of it goes by in gathering.
PART_OF_LIMIT = 0.5


class Gathered(ClaimedJob):
    """A batch. It waits for a slot and runs in it as one job does."""

    __slots__ = ("jobs",)

    def __init__(self, jobs: list[ClaimedJob]) -> None:
        first = jobs[0]
        self.jobs = jobs
        self.id = first.id
        self.task = first.task
        self.queue = first.queue
        self.crash_count = first.crash_count
        self.held_at = time.monotonic()
        # Not None: that takes it off the executor's plain path, where it is told from a job.
        self.expire_in = 0.0


class _Heap:
    """What is gathered for one task."""

    def __init__(self) -> None:
        self.jobs: list[ClaimedJob] = []
        self.due = 0.0
        self.timer: asyncio.TimerHandle | None = None


class Gathering:
    """Jobs of batch tasks that were claimed and are not begun."""

    def __init__(self, tasks: Mapping[str, TaskLike], doors: Doors) -> None:
        self.is_hasty = False
        self._tasks = tasks
        self._doors = doors
        self._heaps: dict[str, _Heap] = {}

    def offer(self, job: ClaimedJob) -> None:
        """Hand in a job: one of a batch task is kept until its batch is full or due."""
        task = self._tasks.get(job.task)
        batching = task.batching if task is not None else None
        if batching is None:
            self._doors.offer(job)
        elif job.crash_count > 0:
            self._doors.offer(Gathered([job]))
        else:
            self._gather(job, batching)

    def __bool__(self) -> bool:
        return bool(self._heaps)

    def nothing_more(self) -> None:
        """Begin what need not wait: for now there is nothing more to claim."""
        for name in list(self._heaps):
            if self.is_hasty or self._batching(name).wait == 0:
                self._begin(name)

    def count(self, queue: str) -> int:
        """How many jobs of a queue are gathered."""
        return sum(len(heap.jobs) for heap in self._heaps.values() if heap.jobs[0].queue == queue)

    def holds(self) -> Iterable[str]:
        """The ids of all that is gathered."""
        return (job.id for heap in self._heaps.values() for job in heap.jobs)

    def take(self, job_id: str | None = None) -> list[ClaimedJob]:
        """Take back what is gathered: all, or one job if it is there."""
        taken: list[ClaimedJob] = []
        for name, heap in list(self._heaps.items()):
            wanted = [job for job in heap.jobs if job_id is None or job.id == job_id]
            taken += wanted
            heap.jobs = [job for job in heap.jobs if job not in wanted] if job_id else []
            if not heap.jobs:
                self._forget(name)
        return taken

    def _gather(self, job: ClaimedJob, batching: Batching) -> None:
        heap = self._heaps.get(job.task)
        if heap is None:
            heap = self._heaps[job.task] = _Heap()
        heap.jobs.append(job)
        if len(heap.jobs) >= batching.size:
            self._begin(job.task)
            return
        wait = batching.wait
        if job.expire_in is not None:
            wait = min(wait, job.expire_in * PART_OF_LIMIT)
        due = job.held_at + wait
        if heap.timer is None or due < heap.due:
            if heap.timer is not None:
                heap.timer.cancel()
            pause = max(due - time.monotonic(), 0.0)
            heap.due = due
            heap.timer = asyncio.get_running_loop().call_later(pause, self._begin, job.task)

    def _begin(self, name: str) -> None:
        """Let a batch wait for a slot, full or not."""
        self._doors.offer(Gathered(self._forget(name).jobs))

    def _forget(self, name: str) -> _Heap:
        heap = self._heaps.pop(name)
        if heap.timer is not None:
            heap.timer.cancel()
        return heap

    def _batching(self, name: str) -> Batching:
        batching = self._tasks[name].batching
        assert batching is not None
        return batching


def jobs_of(waiting: Iterable[ClaimedJob]) -> list[ClaimedJob]:
    """The jobs among what waits for slots, those of batches one by one."""
    return [job for one in waiting for job in (one.jobs if isinstance(one, Gathered) else (one,))]
