"""What one look of a worker asks for, and where what it finds goes.

A plain worker asks once, for as many jobs as its slots take, in all of its queues. Two things part
the question: a queue of which only so many handlers may run here, and a queue of batch tasks, of
which one slot takes many jobs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from howdah._worker.claimed import ClaimedJob
from howdah._worker.executor import Executor
from howdah._worker.settings import WorkerSettings
from howdah._worker.tasks import TaskLike


@dataclass(frozen=True, slots=True)
class Ask:
    """One claim.

    Attributes:
        queues: From these, in this order.
        handlers: For at most so many handlers; None for as many as there is room for.
        size: So many jobs go to one handler.
        most: At most so many jobs.
        gathered: So many are there already.
    """

    queues: Sequence[str]
    handlers: int | None = None
    size: int = 1
    most: int | None = None
    gathered: int = 0

    def limit(self, room: int) -> int:
        """How many jobs to ask for when so many handlers could begin."""
        handlers = room if self.handlers is None else min(room, self.handlers)
        if handlers <= 0 or self.most is None:
            return handlers
        # What is gathered of several tasks may be more than one handler takes.
        return max(min(handlers * self.size, self.most) - self.gathered, 1)

    def handlers_for(self, found: int) -> int:
        """How many handlers that many jobs are for."""
        return -(-found // self.size)


class Intake:
    """Between a worker's claims and its slots.

    Attributes:
        full: Queues of which no more handlers may run here: worth another look when one has ended.
    """

    def __init__(
        self, tasks: Mapping[str, TaskLike], settings: WorkerSettings, executor: Executor
    ) -> None:
        self.full: frozenset[str] = frozenset()
        self._tasks = tasks
        self._settings = settings
        self._executor = executor
        self._known = -1
        self._sizes: dict[str, int] = {}
        self._has_batches = False

    def asks(self, queues: Sequence[str]) -> list[Ask]:
        """What to ask for, with the queues in the order in which they are to be looked at."""
        self._look_at_tasks()
        limits = self._settings.queue_concurrency
        if not limits and not self._sizes:
            return [Ask(queues)]
        asks: list[Ask] = []
        plain: list[str] = []
        for queue in queues:
            if queue not in limits and queue not in self._sizes:
                plain.append(queue)
                continue
            if plain:
                asks.append(Ask(plain))
                plain = []
            asks.append(self._ask(queue))
        self.full = frozenset(ask.queues[0] for ask in asks if ask.handlers == 0)
        return [*asks, Ask(plain)] if plain else asks

    @property
    def offer(self) -> Callable[[ClaimedJob], None]:
        """Where claimed jobs go."""
        if self._has_batches:
            return self._executor.gathering.offer
        if self._settings.queue_concurrency:
            return self._executor.doors.offer
        return self._executor.slots.offer

    def holds_any(self) -> bool:
        """Whether anything that was claimed runs here or waits to."""
        executor = self._executor
        return bool(executor.slots.held or executor.gathering or executor.doors)

    def nothing_more(self) -> None:
        """A look has found all that there is."""
        if self._has_batches:
            self._executor.gathering.nothing_more()

    def _ask(self, queue: str) -> Ask:
        """The question to a queue that has one of its own."""
        handlers: int | None = self._settings.queue_concurrency.get(queue)
        if handlers is not None:
            doors = self._executor.doors
            # What was taken back from before the slots may have made room.
            doors.let_in(queue)
            handlers = max(handlers - self._executor.handlers_of(queue) - doors.count(queue), 0)
        size = self._sizes.get(queue)
        if size is None:
            return Ask([queue], handlers)
        # One worker is not to sit on more than it may hold ready of plain jobs.
        most = max(size, self._settings.prefetch_max)
        return Ask([queue], handlers, size, most, self._executor.gathering.count(queue))

    def _look_at_tasks(self) -> None:
        """Find the queues in which all jobs are for batches, by the tasks that are known now."""
        if len(self._tasks) == self._known:
            return
        self._known = len(self._tasks)
        tasks = list(self._tasks.values())
        plain = {task.queue for task in tasks if task.batching is None}
        self._sizes = {}
        for task in tasks:
            if task.batching is not None:
                self._has_batches = True
                if task.queue not in plain:
                    size = max(task.batching.size, self._sizes.get(task.queue, 0))
                    self._sizes[task.queue] = size
