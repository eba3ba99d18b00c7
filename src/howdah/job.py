"""Handles to jobs, and what can be asked of any of them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

from howdah._db import job as queries
from howdah._db.job import Ending
from howdah._db.query import Query
from howdah._db.record import JobRecord, Page
from howdah._model.payload import Signature
from howdah._model.states import JobState
from howdah.errors import (
    JobCancelledError,
    JobExpiredError,
    JobFailedError,
    JobNotFoundError,
    ResultTimeoutError,
)

R = TypeVar("R")

# How often a waiter looks: at once, then ever more seldom.
FIRST_LOOK = 0.005
LONGEST_PAUSE = 0.25


class Runs(Protocol):
    """Runs a query on a connection of the app's own, or on the one given."""

    def __call__(self, query: Query[Any], /, *, conn: Any = None) -> Awaitable[Any]: ...


class Job(Generic[R]):
    """A handle to one job. It holds no state: each question is asked of the database.

    Attributes:
        id: The job.
        is_new: Whether the send that returned this handle stored it.
    """

    __slots__ = ("_jobs", "_signature", "id", "is_new")

    def __init__(
        self, jobs: Jobs, job_id: UUID, *, is_new: bool = False, signature: Signature | None = None
    ) -> None:
        self.id = job_id
        self.is_new = is_new
        self._jobs = jobs
        self._signature = signature

    def __repr__(self) -> str:
        return f"<Job {self.id}>"

    async def get(self) -> JobRecord:
        """Read the job as it is now.

        Raises:
            JobNotFoundError: There is no such job, not even in the archive.
        """
        return await self._jobs.get(self.id)

    async def state(self) -> JobState:
        """Read the job's state. Raises as `get`."""
        return (await self.get()).state

    async def result(self, *, timeout: timedelta | float | None = None) -> R:
        """Wait until the job has finished, and return what its handler returned.

        Args:
            timeout: Wait so long at most; None waits for ever.

        Raises:
            JobFailedError: It failed; `error` holds what its last attempt left.
            JobExpiredError: It ran out of time.
            JobCancelledError: It was cancelled.
            ResultTimeoutError: It has not finished in time. It goes on.
            JobNotFoundError: There is no such job, not even in the archive.
        """
        ending = await self._jobs.ending(self.id, timeout=timeout)
        result: R = read_result(self.id, ending, self._signature)
        return result

    async def cancel(self, *, reason: str | None = None) -> JobState:
        """Cancel the job, as `app.jobs.cancel`."""
        return await self._jobs.cancel(self.id, reason=reason)

    async def retry(self) -> JobState:
        """Run the job again, as `app.jobs.retry`."""
        return await self._jobs.retry(self.id)

    async def resume(self) -> JobState:
        """Make the suspended job claimable, as `app.jobs.resume`."""
        return await self._jobs.resume(self.id)


class Jobs:
    """What can be asked of any job, by its id: `app.jobs`."""

    def __init__(self, run: Runs) -> None:
        self._run = run

    async def get(self, job_id: UUID) -> JobRecord:
        """Read a job, live or archived.

        Raises:
            JobNotFoundError: There is no such job, not even in the archive.
        """
        record: JobRecord = found(job_id, await self._run(queries.get(job_id)))
        return record

    async def find(
        self,
        *,
        state: JobState | tuple[JobState, ...] = (),
        queue: str | None = None,
        task: str | None = None,
        key: str | None = None,
        before: UUID | None = None,
        limit: int = 50,
    ) -> list[JobRecord]:
        """List jobs that fit all that is given, the newest first.

        Args:
            state: One state, or any of several.
            queue: Only of this queue.
            task: Only of this task.
            key: Only with this key.
            before: Only jobs older than this one: the last of the page before.
            limit: At most so many.
        """
        page = page_of(state, queue, task, key, before, limit)
        records: list[JobRecord] = await self._run(queries.find(page))
        return records

    async def cancel(
        self, job_id: UUID, *, reason: str | None = None, conn: Any = None
    ) -> JobState:
        """Cancel a job that has not finished.

        A job that waits is cancelled at once. A running one is asked to stop: its handler sees it
        within about a second, and its worker cancels it then.

        Args:
            job_id: The id that `send` answered with.
            reason: Kept with the job.
            conn: Cancel in the transaction that is open there.

        Returns:
            The state after the request: cancelled, or active while it stops.

        Raises:
            JobNotFoundError: There is no such job, not even in the archive.
            IllegalTransitionError: It has already finished.
        """
        return JobState(await self._run(queries.cancel(job_id, reason=reason), conn=conn))

    async def retry(self, job_id: UUID, *, conn: Any = None) -> JobState:
        """Run a finished job again, with fresh attempts; or one that waits for a retry, now.

        Raises:
            JobNotFoundError: There is no such job, not even in the archive.
            IllegalTransitionError: It is created, active or waiting.
            KeyTakenError: Another live job of its task holds its key.
        """
        return JobState(await self._run(queries.retry(job_id), conn=conn))

    async def resume(self, job_id: UUID, *, conn: Any = None) -> JobState:
        """Make a suspended job claimable.

        Raises:
            JobNotFoundError: There is no such job, not even in the archive.
            IllegalTransitionError: It is not waiting.
        """
        return JobState(await self._run(queries.resume(job_id), conn=conn))

    async def counts(self) -> list[tuple[str, JobState, int]]:
        """Count all jobs, live and archived: queue, state, count. Reads every job."""
        rows = await self._run(queries.count())
        return [(queue, JobState(state), count) for queue, state, count in rows]

    async def ending(self, job_id: UUID, *, timeout: timedelta | float | None) -> Ending:
        """Wait until a job is over. For `Job.result`."""
        end = deadline_of(timeout)
        pause = FIRST_LOOK
        while True:
            ending: Ending = found(job_id, await self._run(queries.result(job_id)))
            if JobState(ending.state).is_final:
                return ending
            pause = next_pause(job_id, ending, pause, end)
            await asyncio.sleep(pause)


def found(job_id: UUID, answer: Any) -> Any:
    """The answer, unless there is none.

    Raises:
        JobNotFoundError: There is no such job.
    """
    if answer is None:
        raise JobNotFoundError(
            f"there is no job {job_id}, not even in the archive: it was never committed, or its"
            " retention is over",
            job_id=job_id,
        )
    return answer


def page_of(
    state: JobState | tuple[JobState, ...],
    queue: str | None,
    task: str | None,
    key: str | None,
    before: UUID | None,
    limit: int,
) -> Page:
    """A page as `find` describes it."""
    states = (state,) if isinstance(state, str) else tuple(state)
    return Page(tuple(JobState(one) for one in states), queue, task, key, before, limit)


def deadline_of(timeout: timedelta | float | None) -> float | None:
    """When a wait that begins now ends, on the monotonic clock."""
    seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    return None if seconds is None else time.monotonic() + seconds


def next_pause(job_id: UUID, ending: Ending, pause: float, end: float | None) -> float:
    """How long to wait before the next look.

    Raises:
        ResultTimeoutError: The time is over.
    """
    left = None if end is None else end - time.monotonic()
    if left is not None and left <= 0:
        raise ResultTimeoutError(
            f"job {job_id} is still {ending.state}: it goes on, ask again later", job_id=job_id
        )
    pause = min(pause * 1.5, LONGEST_PAUSE)
    return pause if left is None else min(pause, left)


def read_result(job_id: UUID, ending: Ending, signature: Signature | None) -> Any:
    """What a finished job's handler returned, or the error that says why there is nothing."""
    match JobState(ending.state):
        case JobState.COMPLETED if signature is not None:
            return signature.decode_result(ending.result)
        case JobState.COMPLETED:
            return None if ending.result is None else json.loads(ending.result)
        case JobState.EXPIRED:
            raise JobExpiredError(f"job {job_id} expired: it ran out of time", job_id=job_id)
        case JobState.CANCELLED:
            error = json.loads(ending.error) if ending.error else {}
            said = error.get("message") if error.get("type") == "Cancel" else None
            why = f": {ending.reason or said}" if ending.reason or said else ""
            raise JobCancelledError(f"job {job_id} was cancelled{why}", job_id=job_id)
        case _:
            error = json.loads(ending.error) if ending.error else {}
            raise JobFailedError(
                f"job {job_id} failed with {error.get('type')}: {error.get('message')}",
                job_id=job_id,
                error=error,
            )
