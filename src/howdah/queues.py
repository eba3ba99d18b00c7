"""Queues: `app.queues` for what is said of them at run time, and `app.tasks` that can be paused."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from howdah._db import queue as queries
from howdah._db import queueing
from howdah._db.queue import BlockedKey, Pause, QueueRecord
from howdah._db.queueing import Declared
from howdah._db.steps import walk, walk_async
from howdah._model.options import SendOptions, refuse_rules
from howdah._model.queue import OnFull, QueueOptions, QueuePolicy
from howdah._model.retry import Retry
from howdah.job import Runs
from howdah.stats import Stats, SyncStats
from howdah.task import Task

Named = Task[..., Any, ..., Any] | str


class Queues:
    """The queues in the database: `app.queues`."""

    def __init__(self, run: Runs, declared: Callable[[], Declared]) -> None:
        self._run = run
        self._declared = declared
        #: What they were like: `app.stats`.
        self.stats = Stats(run)

    async def put(
        self,
        name: str,
        /,
        *,
        policy: QueuePolicy | None = None,
        priority: int | None = None,
        retry: Retry | int | None = None,
        expire_in: timedelta | float | None = None,
        retention: timedelta | float | None = None,
        dead_letter: str | None = None,
        max_waiting: int | None = None,
        on_full: OnFull | None = None,
        full_timeout: timedelta | float | None = None,
        ageing: timedelta | float | None = None,
    ) -> QueueRecord:
        """Say of a queue what wins over its code, and make it if there is none.

        What is not said here is as the code says again. It holds for jobs that are sent from now
        on, from Python and from SQL; no restart of a worker ends it.

        Args:
            name: What it is called.
            policy: As for `app.queue`; so are the others.

        Raises:
            UsageError: A value is out of range, or cannot be stored.
        """
        jobs = SendOptions(priority=priority, retry=retry, expire_in=expire_in, retention=retention)
        refuse_rules(jobs, of=f"queue {name!r}")
        options = QueueOptions(
            jobs, policy, dead_letter, max_waiting, on_full, full_timeout, ageing
        )
        return await walk_async(queueing.put(name, options), self._run)

    async def list(self) -> list[QueueRecord]:
        """Read every queue, by name."""
        return await walk_async(queueing.find(self._declared()), self._run)

    async def get(self, name: str, /) -> QueueRecord:
        """Read a queue.

        Raises:
            UnknownQueueError: Nobody knows it.
        """
        return await walk_async(queueing.get(name, self._declared()), self._run)

    async def delete(self, name: str, /, *, with_jobs: bool = False) -> int:
        """Forget a queue and what was said of it. One that code serves comes back.

        Args:
            name: The queue.
            with_jobs: Cancel the jobs that wait in it, and ask the running ones to stop.

        Returns:
            How many jobs were cancelled or asked to stop.

        Raises:
            UnknownQueueError: Nobody knows it.
            QueueInUseError: It has live jobs, and `with_jobs` was not said.
        """
        steps = queueing.delete(name, self._declared(), with_jobs=with_jobs)
        return await walk_async(steps, self._run)

    async def pause(
        self, name: str, /, *, by: str | None = None, reason: str | None = None
    ) -> QueueRecord:
        """Let nobody claim from the queue until it is resumed. What runs goes on.

        No restart of a worker ends the pause. One that is paused stays so, as it is.

        Args:
            name: The queue.
            by: Who wants it, for whoever wonders later.
            reason: Why.

        Raises:
            UnknownQueueError: Nobody knows it.
        """
        steps = queueing.pause(name, self._declared(), by=by, reason=reason)
        return await walk_async(steps, self._run)

    async def resume(self, name: str, /) -> QueueRecord:
        """End the pause of a queue.

        Raises:
            UnknownQueueError: Nobody knows it.
        """
        return await walk_async(queueing.resume(name, self._declared()), self._run)

    async def blocked_keys(self, name: str, /) -> builtins.list[BlockedKey]:
        """Read the keys of a key_strict_fifo queue that a failed job blocks, oldest first.

        Raises:
            UnknownQueueError: Nobody knows it.
        """
        return await walk_async(queueing.blocked_keys(name, self._declared()), self._run)

    async def unblock(self, name: str, key: str, /) -> bool:
        """Let the jobs of a blocked key run without the one that failed.

        Returns:
            Whether the key was blocked.
        """
        found: bool = await self._run(queries.unblock(name, key))
        return found


class SyncQueues:
    """The queues in the database, for code that does not await: `app.sync.queues`."""

    def __init__(self, run: Callable[..., Any], declared: Callable[[], Declared]) -> None:
        self._run = run
        self._declared = declared
        self.stats = SyncStats(run)

    def put(
        self,
        name: str,
        /,
        *,
        policy: QueuePolicy | None = None,
        priority: int | None = None,
        retry: Retry | int | None = None,
        expire_in: timedelta | float | None = None,
        retention: timedelta | float | None = None,
        dead_letter: str | None = None,
        max_waiting: int | None = None,
        on_full: OnFull | None = None,
        full_timeout: timedelta | float | None = None,
        ageing: timedelta | float | None = None,
    ) -> QueueRecord:
        """Say of a queue what wins over its code. As `Queues.put`."""
        jobs = SendOptions(priority=priority, retry=retry, expire_in=expire_in, retention=retention)
        refuse_rules(jobs, of=f"queue {name!r}")
        options = QueueOptions(
            jobs, policy, dead_letter, max_waiting, on_full, full_timeout, ageing
        )
        return walk(queueing.put(name, options), self._run)

    def list(self) -> list[QueueRecord]:
        """Read every queue, by name. As `Queues.list`."""
        return walk(queueing.find(self._declared()), self._run)

    def get(self, name: str, /) -> QueueRecord:
        """Read a queue. As `Queues.get`."""
        return walk(queueing.get(name, self._declared()), self._run)

    def delete(self, name: str, /, *, with_jobs: bool = False) -> int:
        """Forget a queue and what was said of it. As `Queues.delete`."""
        return walk(queueing.delete(name, self._declared(), with_jobs=with_jobs), self._run)

    def pause(
        self, name: str, /, *, by: str | None = None, reason: str | None = None
    ) -> QueueRecord:
        """Let nobody claim from the queue. As `Queues.pause`."""
        return walk(queueing.pause(name, self._declared(), by=by, reason=reason), self._run)

    def resume(self, name: str, /) -> QueueRecord:
        """End the pause of a queue. As `Queues.resume`."""
        return walk(queueing.resume(name, self._declared()), self._run)

    def blocked_keys(self, name: str, /) -> builtins.list[BlockedKey]:
        """Read the keys that a failed job blocks. As `Queues.blocked_keys`."""
        return walk(queueing.blocked_keys(name, self._declared()), self._run)

    def unblock(self, name: str, key: str, /) -> bool:
        """Let the jobs of a blocked key run. As `Queues.unblock`."""
        found: bool = self._run(queries.unblock(name, key))
        return found


class Tasks(dict[str, Task[..., Any, ..., Any]]):
    """The registered tasks by name, which can be paused: `app.tasks`."""

    def __init__(self, run: Runs) -> None:
        super().__init__()
        self._run = run

    async def pause(
        self, task: Named, /, *, by: str | None = None, reason: str | None = None
    ) -> Pause:
        """Let nobody claim jobs of the task until it is resumed, in whichever queue.

        What runs goes on. The jobs that wait are held, and those that are sent meanwhile. Workers
        hear of it within about a second. No restart of a worker ends the pause.

        Args:
            task: The task or its name, which may be one of another program.
            by: Who wants it, for whoever wonders later.
            reason: Why.
        """
        steps = queueing.pause_task(_name(task), by=by, reason=reason)
        return await walk_async(steps, self._run)

    async def resume(self, task: Named, /) -> bool:
        """End the pause of a task.

        Returns:
            Whether it was paused.
        """
        return await walk_async(queueing.resume_task(_name(task)), self._run)


class SyncTasks:
    """Pauses of tasks, for code that does not await: `app.sync.tasks`."""

    def __init__(self, run: Callable[..., Any]) -> None:
        self._run = run

    def pause(self, task: Named, /, *, by: str | None = None, reason: str | None = None) -> Pause:
        """Let nobody claim jobs of the task. As `Tasks.pause`."""
        return walk(queueing.pause_task(_name(task), by=by, reason=reason), self._run)

    def resume(self, task: Named, /) -> bool:
        """End the pause of a task. As `Tasks.resume`."""
        return walk(queueing.resume_task(_name(task)), self._run)


def _name(task: Named) -> str:
    return task if isinstance(task, str) else task.name
