"""The workers of a database, and what can be asked of them while they run: `app.workers`."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any, Literal

from howdah._db import fleet
from howdah._db.fleet import Whom, WorkerRecord
from howdah._db.steps import walk, walk_async
from howdah.job import Runs

Which = int | Literal["all"]


class Workers:
    """The workers of a database: `app.workers`.

    What is asked of a worker is kept in its row, and it hears it within about a second. Each verb
    is for one worker by its id, for `"all"`, or with `queue=` for those that serve that queue, and
    answers with those that were asked.
    """

    def __init__(self, run: Runs) -> None:
        self._run = run

    async def list(self) -> list[WorkerRecord]:
        """Read every worker, the oldest first, with the jobs that it holds."""
        found: list[WorkerRecord] = await self._run(fleet.workers())
        return found

    async def get(self, worker: int, /) -> WorkerRecord:
        """Read one worker.

        Raises:
            UnknownWorkerError: There is none of that id.
        """
        return await walk_async(fleet.get(worker), self._run)

    async def scale(
        self, worker: Which | None = None, /, *, concurrency: int | None, queue: str | None = None
    ) -> builtins.list[WorkerRecord]:
        """Let workers run so many handlers at once from now on.

        Nothing that runs is interrupted: who is to run fewer begins none until so many have ended.
        It holds as long as the worker does, and for the child that takes the place of a dead one.

        Args:
            worker: Its id, or "all"; or
            queue: those that serve this queue.
            concurrency: Handlers at once in each; None for as many as they were started with.

        Raises:
            UnknownWorkerError: There is none of that id.
            UsageError: Nobody is named, or the number is less than 1.
        """
        whom = Whom.of(worker, queue)
        return await walk_async(fleet.scale(whom, concurrency=concurrency), self._run)

    async def pause(
        self, worker: Which | None = None, /, *, queue: str | None = None, by: str | None = None
    ) -> builtins.list[WorkerRecord]:
        """Let workers claim nothing until they are resumed; what runs there finishes.

        What was claimed and not begun goes back at once. It is a pause of these processes: other
        workers go on, and so do ones that start later.

        Args:
            worker: Its id, or "all"; or
            queue: those that serve this queue.
            by: Who wants it, for whoever wonders later.

        Raises:
            UnknownWorkerError: There is none of that id.
            UsageError: Nobody is named.
        """
        return await walk_async(fleet.pause(Whom.of(worker, queue), by=by), self._run)

    async def resume(
        self, worker: Which | None = None, /, *, queue: str | None = None
    ) -> builtins.list[WorkerRecord]:
        """End the pause of workers. Whom and what it raises as `pause`."""
        return await walk_async(fleet.resume(Whom.of(worker, queue)), self._run)

    async def stop(
        self, worker: Which | None = None, /, *, queue: str | None = None
    ) -> builtins.list[WorkerRecord]:
        """Ask workers to leave, as SIGTERM does: finish, within their grace, and go.

        A child that was asked is not replaced, and `howdah worker` ends with code 0 after its last
        one. Whatever runs that program may start it again. A worker in a web process leaves, and
        the web stays.

        Args:
            worker: Its id, or "all"; or
            queue: those that serve this queue.

        Raises:
            UnknownWorkerError: There is none of that id.
            UsageError: Nobody is named.
        """
        return await walk_async(fleet.stop(Whom.of(worker, queue)), self._run)


class SyncWorkers:
    """The workers, for code that does not await: `app.sync.workers`. As `Workers`."""

    def __init__(self, run: Callable[..., Any]) -> None:
        self._run = run

    def list(self) -> list[WorkerRecord]:
        """Read every worker. As `Workers.list`."""
        found: list[WorkerRecord] = self._run(fleet.workers())
        return found

    def get(self, worker: int, /) -> WorkerRecord:
        """Read one worker. As `Workers.get`."""
        return walk(fleet.get(worker), self._run)

    def scale(
        self, worker: Which | None = None, /, *, concurrency: int | None, queue: str | None = None
    ) -> builtins.list[WorkerRecord]:
        """Let workers run so many handlers at once. As `Workers.scale`."""
        return walk(fleet.scale(Whom.of(worker, queue), concurrency=concurrency), self._run)

    def pause(
        self, worker: Which | None = None, /, *, queue: str | None = None, by: str | None = None
    ) -> builtins.list[WorkerRecord]:
        """Let workers claim nothing. As `Workers.pause`."""
        return walk(fleet.pause(Whom.of(worker, queue), by=by), self._run)

    def resume(
        self, worker: Which | None = None, /, *, queue: str | None = None
    ) -> builtins.list[WorkerRecord]:
        """End the pause of workers. As `Workers.resume`."""
        return walk(fleet.resume(Whom.of(worker, queue)), self._run)

    def stop(
        self, worker: Which | None = None, /, *, queue: str | None = None
    ) -> builtins.list[WorkerRecord]:
        """Ask workers to leave. As `Workers.stop`."""
        return walk(fleet.stop(Whom.of(worker, queue)), self._run)
