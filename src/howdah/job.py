"""Handles to jobs, and what can be asked of any of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

from howdah._db import bulk, dead_letter
from howdah._db import flow as flows
from howdah._db import job as queries
from howdah._db.bulk import BulkReport, Tell
from howdah._db.dead_letter import Redriven
from howdah._db.explain import explain
from howdah._db.flow import Dependencies
from howdah._db.job import Ending
from howdah._db.query import Query
from howdah._db.record import JobPage, JobRecord
from howdah._db.steps import walk_async
from howdah._model.filter import JobFilter, Order
from howdah._model.payload import Signature
from howdah._model.reason import Explanation
from howdah._model.states import JobState
from howdah.errors import JobNotFoundError
from howdah.result import FIRST_LOOK, deadline_of, next_pause, read_result
from howdah.updating import Updating

R = TypeVar("R")


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

    async def explain(self) -> Explanation:
        """Say why the job does not run, as `app.jobs.explain`."""
        return await self._jobs.explain(self.id)

    async def delete(self) -> JobState:
        """Forget the job, as `app.jobs.delete`."""
        return await self._jobs.delete(self.id)


class Jobs(Updating):
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
        state: JobState | str | Sequence[JobState | str] = (),
        queue: str | None = None,
        task: str | None = None,
        key: str | None = None,
        tags: str | Sequence[str] = (),
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        finished_after: datetime | None = None,
        finished_before: datetime | None = None,
        args: Mapping[str, Any] | None = None,
        error: str | None = None,
        order: Order = "newest",
        after: UUID | None = None,
        limit: int = 50,
    ) -> JobPage:
        """List jobs that fit all that is given, a page at a time; `JobFilter` tells what fits.

        Args:
            state, queue, task, key, tags: What the job is.
            created_after, created_before, finished_after, finished_before: When it was what.
            args: What its arguments contain.
            error: What one of its errors says.
            order: The newest first, or the oldest: by id, which orders by the time of sending.
            after: Go on from here: `next` of the page before.
            limit: At most so many.

        Raises:
            UsageError: Something is given that no job can be.
        """
        wanted = JobFilter(
            state, queue, task, key, tags, created_after, created_before, finished_after,
            finished_before, args, error,
        )  # fmt: skip
        return await self.page(wanted, order=order, after=after, limit=limit)

    async def page(
        self,
        wanted: JobFilter,
        /,
        *,
        order: Order = "newest",
        after: UUID | None = None,
        limit: int = 50,
    ) -> JobPage:
        """List jobs that fit a filter, as `find`."""
        query = queries.find(wanted, order=order, after=after, limit=limit)
        page: JobPage = await self._run(query)
        return page

    async def count(self, wanted: JobFilter, /) -> int:
        """Count the jobs that fit."""
        number: int = await self._run(bulk.count(wanted))
        return number

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

    async def explain(self, job_id: UUID) -> Explanation:
        """Say why a job does not run, or that it does: all that is in its way, at one moment.

        Raises:
            JobNotFoundError: There is no such job, not even in the archive.
        """
        explanation: Explanation = found(job_id, await self._run(explain(job_id)))
        return explanation

    async def delete(self, job_id: UUID, *, conn: Any = None) -> JobState:
        """Forget a job that is not running, with what its handler logged.

        Args:
            job_id: The id that `send` answered with.
            conn: Delete in the transaction that is open there.

        Returns:
            The state that it was in.

        Raises:
            JobNotFoundError: There is no such job, not even in the archive.
            IllegalTransitionError: It is active: cancel it first.
            JobAwaitedError: A job of its flow waits for it, and would wait for ever.
        """
        return JobState(await self._run(queries.delete(job_id), conn=conn))

    async def cancel_many(
        self,
        jobs: Iterable[UUID] | JobFilter,
        /,
        *,
        reason: str | None = None,
        progress: Tell | None = None,
    ) -> BulkReport:
        """Cancel these jobs, or all that fit: in batches, each a transaction of its own.

        Of a filter without states it takes all that are not over. A job that fits and moves on
        meanwhile is left out. After an interruption, call it again: it goes on with the rest.

        Args:
            jobs: Their ids, or a filter.
            reason: Kept with the jobs.
            progress: Called after each batch with how far it is.

        Returns:
            How many are in which state now, and which were refused and why.

        Raises:
            UsageError: The filter names a state in which no job can be cancelled.
        """
        return await self._act(bulk.cancel(reason=reason), jobs, progress)

    async def retry_many(
        self, jobs: Iterable[UUID] | JobFilter, /, *, progress: Tell | None = None
    ) -> BulkReport:
        """Run these jobs again, or all that fit, as `cancel_many` goes through them.

        Of a filter without states it takes what failed or expired.
        """
        return await self._act(bulk.RETRY, jobs, progress)

    async def resume_many(
        self, jobs: Iterable[UUID] | JobFilter, /, *, progress: Tell | None = None
    ) -> BulkReport:
        """Make these suspended jobs claimable, or all that fit, as `cancel_many`."""
        return await self._act(bulk.RESUME, jobs, progress)

    async def delete_many(
        self, jobs: Iterable[UUID] | JobFilter, /, *, progress: Tell | None = None
    ) -> BulkReport:
        """Forget these jobs, or all that fit and are not running, as `cancel_many`.

        Returns:
            How many were in which state, and which were refused and why.
        """
        return await self._act(bulk.DELETE, jobs, progress)

    async def _act(
        self, verb: bulk.Verb, jobs: Iterable[UUID] | JobFilter, progress: Tell | None
    ) -> BulkReport:
        return await walk_async(bulk.act(verb, jobs, progress=progress), self._run)

    async def redrive(
        self,
        queue: str,
        jobs: Iterable[UUID] | JobFilter | None = None,
        /,
        *,
        destination: str | None = None,
        limit: int | None = None,
        progress: Tell | None = None,
    ) -> Redriven:
        """Move the dead letters that wait in a queue back to where they came from, oldest first.

        In batches, each a transaction of its own. Each has all its attempts again, and comes back
        here when it fails again.

        Args:
            queue: Where the dead letters are.
            jobs: Which of them: their ids, or a filter. One by `key` means the key that they had,
                and get again.
            destination: Move them to this queue instead.
            limit: At most so many.
            progress: Called after each batch with how far it is.

        Raises:
            UsageError: The filter names another queue, or a state in which no dead letter waits.
        """
        steps = dead_letter.redrive(
            queue, jobs, destination=destination, limit=limit, progress=progress
        )
        return await walk_async(steps, self._run)

    async def dependencies(self, job_id: UUID) -> Dependencies:
        """Read which jobs a job waits or waited for, and which wait or waited for it.

        Both are empty for a job that is in no flow, or does not exist.
        """
        found: Dependencies = await self._run(flows.dependencies(job_id))
        return found

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
