"""Does what an operator asks of this worker while it runs: work wider or narrower, pause, leave."""

from __future__ import annotations

from collections.abc import Callable

from howdah._db.job import Requests
from howdah._model.signals import Signals, TasksPaused, WorkerPaused, WorkerResumed, WorkerScaled
from howdah._worker.claimer import Claimer
from howdah._worker.executor import Executor
from howdah._worker.marks import Marks
from howdah._worker.pools import Pools


class Orders:
    """What is asked of one worker, and what it has done of it."""

    def __init__(
        self,
        worker_id: int,
        executor: Executor,
        claimer: Claimer,
        *,
        marks: Marks,
        pools: Pools,
        signals: Signals,
        leave: Callable[[], None],
    ) -> None:
        self._worker_id = worker_id
        self._executor = executor
        self._claimer = claimer
        self._marks = marks
        self._pools = pools
        self._signals = signals
        self._leave = leave
        self._started_with = executor.slots.count

    def obey(self, said: Requests) -> bool:
        """Do what is asked. Returns whether what is held and not begun must go back."""
        wanted = said.concurrency or self._started_with
        if wanted != self._executor.slots.count:
            self._scale(wanted)
        if said.is_to_leave:
            self._leave()
        if said.paused_tasks != self._executor.paused:
            self._executor.paused = said.paused_tasks
            self._signals.post(TasksPaused(self._worker_id, tuple(sorted(said.paused_tasks))))
        is_news = said.is_paused != self._claimer.is_paused
        if is_news and said.is_paused:
            self._claimer.pause()
            self._signals.post(WorkerPaused(self._worker_id))
        elif is_news:
            self._claimer.resume()
            self._signals.post(WorkerResumed(self._worker_id))
        # Last: whoever claims before what is paused is known would run it.
        self._claimer.begin()
        return is_news and said.is_paused

    def _scale(self, count: int) -> None:
        # Room for the marks first: a slot writes its mark as soon as it is open.
        self._marks.make_room(count)
        self._pools.resize(count)
        self._executor.slots.resize(count)
        self._claimer.wake()
        self._signals.post(WorkerScaled(self._worker_id, count))
