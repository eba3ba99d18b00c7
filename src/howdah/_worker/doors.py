"""Lets no more handlers of a queue into the slots than may run at once.

No more is claimed than there is room for, but how many handlers that makes shows only later: the
jobs of a batch that died run one by one, and a batch may become due while another runs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping

from howdah._worker.claimed import ClaimedJob
from howdah._worker.slots import Slots


class Doors:
    """The way to the slots, for jobs and batches of all queues."""

    def __init__(
        self, most: Mapping[str, int], slots: Slots, handlers_of: Callable[[str], int]
    ) -> None:
        self._most = most
        self._slots = slots
        self._handlers_of = handlers_of
        self._waiting: dict[str, deque[ClaimedJob]] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def offer(self, job: ClaimedJob) -> None:
        """Let a job or a batch wait for a slot, once no more than may run are before it."""
        if job.queue not in self._most:
            self._slots.offer(job)
            return
        self._waiting.setdefault(job.queue, deque()).append(job)
        self.let_in(job.queue)

    def let_in(self, queue: str) -> None:
        """Let in who may come in now: a handler of the queue has ended."""
        waiting = self._waiting.get(queue)
        if waiting is None:
            return
        while waiting and self._handlers_of(queue) < self._most[queue]:
            self._slots.offer(waiting.popleft())
        if not waiting:
            del self._waiting[queue]

    def count(self, queue: str) -> int:
        """How many handlers of a queue wait here."""
        return len(self._waiting.get(queue, ()))

    def all(self) -> Iterable[ClaimedJob]:
        """All that waits here."""
        return (job for waiting in self._waiting.values() for job in waiting)

    def take(self, is_wanted: Callable[[ClaimedJob], bool]) -> list[ClaimedJob]:
        """Take back the jobs and batches that are wanted."""
        taken: list[ClaimedJob] = []
        for queue, waiting in list(self._waiting.items()):
            taken += (job for job in waiting if is_wanted(job))
            kept = deque(job for job in waiting if not is_wanted(job))
            if kept:
                self._waiting[queue] = kept
            else:
                del self._waiting[queue]
        return taken
