"""Changes jobs that wait: `app.jobs.update` and `app.sync.jobs.update`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from howdah._db import job as queries
from howdah._model.changes import changes_of
from howdah._model.options import SendOptions
from howdah._model.retry import Retry
from howdah._model.states import JobState
from howdah.errors import UsageError

if TYPE_CHECKING:
    from howdah.job import Runs
    from howdah.order import Call
    from howdah.task import Task


class Updating:
    """The part of `app.jobs` that changes jobs that wait."""

    _run: Runs

    async def update(
        self,
        job_id: UUID,
        *,
        args: Call[Any] | None = None,
        priority: int | None = None,
        start_after: datetime | timedelta | float | None = None,
        retry: Retry | int | None = None,
        expire_in: timedelta | float | None = None,
        tags: Iterable[str] | None = None,
        retention: timedelta | float | None = None,
        deadline: datetime | timedelta | float | None = None,
        conn: Any = None,
    ) -> JobState:
        """Change a job that waits for its first attempt or its next one. What is not said stays.

        Args:
            job_id: The job.
            args: Its new arguments, made by `task.call(...)`, which checks them.
            priority: As in `using`; so are the others.
            start_after: Also `0`, which lets it begin at once.
            conn: Change it in the transaction that is open there.

        Returns:
            Its state, which is as before.

        Raises:
            JobNotFoundError: There is no such job, not even in the archive.
            IllegalTransitionError: It runs, is suspended or has finished.
            PayloadError: The arguments are those of another task.
            UsageError: A value is out of range, or nothing is to be changed.
        """
        options = SendOptions(
            priority=priority,
            start_after=start_after,
            retry=retry,
            expire_in=expire_in,
            tags=tags,
            retention=retention,
            deadline=deadline,
        )
        query = queries.update(job_id, _changes(options, args))
        return JobState(await self._run(query, conn=conn))

    async def update_key(
        self,
        task: Task[..., Any, ..., Any],
        key: str,
        *,
        args: Call[Any] | None = None,
        priority: int | None = None,
        start_after: datetime | timedelta | float | None = None,
        retry: Retry | int | None = None,
        expire_in: timedelta | float | None = None,
        tags: Iterable[str] | None = None,
        retention: timedelta | float | None = None,
        deadline: datetime | timedelta | float | None = None,
        conn: Any = None,
    ) -> list[UUID]:
        """Change every waiting job of a task that has this key. What is not said stays.

        Args:
            task: The task.
            key: The key. Jobs of a window or a policy may share one.
            args: As for `update`; so are the others.

        Returns:
            The jobs that were changed: none when none waits.

        Raises:
            UsageError: A value is out of range, nothing is to be changed, or the arguments are
                those of another task.
        """
        options = SendOptions(
            priority=priority,
            start_after=start_after,
            retry=retry,
            expire_in=expire_in,
            tags=tags,
            retention=retention,
            deadline=deadline,
        )
        query = queries.update_key(_name(task), key, _changes_for(task, options, args))
        ids: list[UUID] = await self._run(query, conn=conn)
        return ids


class SyncUpdating:
    """The part of `app.sync.jobs` that changes jobs that wait. As `Updating`."""

    _run: Callable[..., Any]

    def update(
        self,
        job_id: UUID,
        *,
        args: Call[Any] | None = None,
        priority: int | None = None,
        start_after: datetime | timedelta | float | None = None,
        retry: Retry | int | None = None,
        expire_in: timedelta | float | None = None,
        tags: Iterable[str] | None = None,
        retention: timedelta | float | None = None,
        deadline: datetime | timedelta | float | None = None,
        conn: Any = None,
    ) -> JobState:
        """Change a job that waits. As `Jobs.update`."""
        options = SendOptions(
            priority=priority,
            start_after=start_after,
            retry=retry,
            expire_in=expire_in,
            tags=tags,
            retention=retention,
            deadline=deadline,
        )
        return JobState(self._run(queries.update(job_id, _changes(options, args)), conn=conn))

    def update_key(
        self,
        task: Task[..., Any, ..., Any],
        key: str,
        *,
        args: Call[Any] | None = None,
        priority: int | None = None,
        start_after: datetime | timedelta | float | None = None,
        retry: Retry | int | None = None,
        expire_in: timedelta | float | None = None,
        tags: Iterable[str] | None = None,
        retention: timedelta | float | None = None,
        deadline: datetime | timedelta | float | None = None,
        conn: Any = None,
    ) -> list[UUID]:
        """Change every waiting job of a task that has this key. As `Jobs.update_key`."""
        options = SendOptions(
            priority=priority,
            start_after=start_after,
            retry=retry,
            expire_in=expire_in,
            tags=tags,
            retention=retention,
            deadline=deadline,
        )
        query = queries.update_key(_name(task), key, _changes_for(task, options, args))
        ids: list[UUID] = self._run(query, conn=conn)
        return ids


def _name(task: object) -> str:
    name = getattr(task, "name", None)
    if not isinstance(name, str):
        raise UsageError(f"cannot update jobs of task {task!r}: give the task itself")
    return name


def _changes(options: SendOptions, args: Call[Any] | None) -> str:
    if args is None:
        return changes_of(options)
    given: object = args
    if not hasattr(given, "encoded"):
        raise UsageError(
            f"cannot update a job with args={given!r}: make them with call(...) of its task, which"
            " checks them"
        )
    return changes_of(options, args=args.encoded, task=args.task, draws=args.draws)


def _changes_for(
    task: Task[..., Any, ..., Any], options: SendOptions, args: Call[Any] | None
) -> str:
    if args is not None and getattr(args, "task", task.name) != task.name:
        raise UsageError(
            f"cannot give jobs of {task.name!r} the arguments of {args.task!r}: make them with"
            f" {task.name}.call(...)"
        )
    return _changes(options, args)
