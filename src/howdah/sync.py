"""The same verbs for code that does not await: `app.sync`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Generic, overload
from uuid import UUID

from typing_extensions import ParamSpec, TypeVar, TypeVarTuple

from howdah._db import adapt, bulk, dead_letter, migrate
from howdah._db import flow as flows
from howdah._db import job as queries
from howdah._db import queue as queues
from howdah._db.bulk import BulkReport, Tell
from howdah._db.dead_letter import Redriven
from howdah._db.explain import explain
from howdah._db.flow import Dependencies
from howdah._db.job import Ending, Receipt
from howdah._db.pool import Pool
from howdah._db.query import Query
from howdah._db.queue import Pause
from howdah._db.queueing import Declared
from howdah._db.record import JobPage, JobRecord
from howdah._db.room import with_room
from howdah._db.steps import walk
from howdah._model.filter import JobFilter, Order
from howdah._model.flow import OnFailure
from howdah._model.identity import JobIds
from howdah._model.payload import Signature
from howdah._model.reason import Explanation
from howdah._model.states import JobState
from howdah.bulk import bulk_order
from howdah.by_hand import SyncClaimsByHand
from howdah.flow import SyncFlow
from howdah.job import found
from howdah.limits import SyncLimits
from howdah.order import Call, Positional
from howdah.queues import SyncQueues, SyncTasks
from howdah.result import FIRST_LOOK, deadline_of, next_pause, read_result
from howdah.schedules import SyncSchedules
from howdah.stats import SyncStats
from howdah.task import Sender
from howdah.updating import SyncUpdating
from howdah.warnings import SyncWarnings
from howdah.workers import SyncWorkers

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class SyncJob(Generic[R]):
    """A handle to one job, for code that does not await. As `Job`."""

    __slots__ = ("_jobs", "_signature", "id", "is_new")

    def __init__(
        self,
        jobs: SyncJobs,
        job_id: UUID,
        *,
        is_new: bool = False,
        signature: Signature | None = None,
    ) -> None:
        self.id = job_id
        self.is_new = is_new
        self._jobs = jobs
        self._signature = signature

    def __repr__(self) -> str:
        return f"<SyncJob {self.id}>"

    def get(self) -> JobRecord:
        """Read the job as it is now. As `Job.get`."""
        return self._jobs.get(self.id)

    def state(self) -> JobState:
        """Read the job's state. As `Job.state`."""
        return self.get().state

    def result(self, *, timeout: timedelta | float | None = None) -> R:
        """Wait until the job has finished, and return its result. As `Job.result`."""
        ending = self._jobs.ending(self.id, timeout=timeout)
        result: R = read_result(self.id, ending, self._signature)
        return result

    def cancel(self, *, reason: str | None = None) -> JobState:
        """Cancel the job. As `Job.cancel`."""
        return self._jobs.cancel(self.id, reason=reason)

    def retry(self) -> JobState:
        """Run the job again. As `Job.retry`."""
        return self._jobs.retry(self.id)

    def resume(self) -> JobState:
        """Make the suspended job claimable. As `Job.resume`."""
        return self._jobs.resume(self.id)

    def explain(self) -> Explanation:
        """Say why the job does not run. As `Job.explain`."""
        return self._jobs.explain(self.id)

    def delete(self) -> JobState:
        """Forget the job. As `Job.delete`."""
        return self._jobs.delete(self.id)


class SyncJobs(SyncUpdating):
    """What can be asked of any job, by its id: `app.sync.jobs`. As `Jobs`."""

    def __init__(self, run: Callable[..., Any]) -> None:
        self._run = run

    def get(self, job_id: UUID) -> JobRecord:
        """Read a job, live or archived. As `Jobs.get`."""
        record: JobRecord = found(job_id, self._run(queries.get(job_id)))
        return record

    def find(
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
        """List jobs that fit all that is given. As `Jobs.find`."""
        wanted = JobFilter(
            state, queue, task, key, tags, created_after, created_before, finished_after,
            finished_before, args, error,
        )  # fmt: skip
        return self.page(wanted, order=order, after=after, limit=limit)

    def page(
        self,
        wanted: JobFilter,
        /,
        *,
        order: Order = "newest",
        after: UUID | None = None,
        limit: int = 50,
    ) -> JobPage:
        """List jobs that fit a filter. As `Jobs.page`."""
        query = queries.find(wanted, order=order, after=after, limit=limit)
        page: JobPage = self._run(query)
        return page

    def count(self, wanted: JobFilter, /) -> int:
        """Count the jobs that fit. As `Jobs.count`."""
        number: int = self._run(bulk.count(wanted))
        return number

    def cancel(self, job_id: UUID, *, reason: str | None = None, conn: Any = None) -> JobState:
        """Cancel a job that has not finished. As `Jobs.cancel`."""
        return JobState(self._run(queries.cancel(job_id, reason=reason), conn=conn))

    def retry(self, job_id: UUID, *, conn: Any = None) -> JobState:
        """Run a finished job again. As `Jobs.retry`."""
        return JobState(self._run(queries.retry(job_id), conn=conn))

    def resume(self, job_id: UUID, *, conn: Any = None) -> JobState:
        """Make a suspended job claimable. As `Jobs.resume`."""
        return JobState(self._run(queries.resume(job_id), conn=conn))

    def explain(self, job_id: UUID) -> Explanation:
        """Say why a job does not run, or that it does. As `Jobs.explain`."""
        explanation: Explanation = found(job_id, self._run(explain(job_id)))
        return explanation

    def delete(self, job_id: UUID, *, conn: Any = None) -> JobState:
        """Forget a job that is not running. As `Jobs.delete`."""
        return JobState(self._run(queries.delete(job_id), conn=conn))

    def cancel_many(
        self,
        jobs: Iterable[UUID] | JobFilter,
        /,
        *,
        reason: str | None = None,
        progress: Tell | None = None,
    ) -> BulkReport:
        """Cancel these jobs, or all that fit. As `Jobs.cancel_many`."""
        return self._act(bulk.cancel(reason=reason), jobs, progress)

    def retry_many(
        self, jobs: Iterable[UUID] | JobFilter, /, *, progress: Tell | None = None
    ) -> BulkReport:
        """Run these jobs again, or all that fit. As `Jobs.retry_many`."""
        return self._act(bulk.RETRY, jobs, progress)

    def resume_many(
        self, jobs: Iterable[UUID] | JobFilter, /, *, progress: Tell | None = None
    ) -> BulkReport:
        """Make these suspended jobs claimable, or all that fit. As `Jobs.resume_many`."""
        return self._act(bulk.RESUME, jobs, progress)

    def delete_many(
        self, jobs: Iterable[UUID] | JobFilter, /, *, progress: Tell | None = None
    ) -> BulkReport:
        """Forget these jobs, or all that fit and are not running. As `Jobs.delete_many`."""
        return self._act(bulk.DELETE, jobs, progress)

    def _act(
        self, verb: bulk.Verb, jobs: Iterable[UUID] | JobFilter, progress: Tell | None
    ) -> BulkReport:
        return walk(bulk.act(verb, jobs, progress=progress), self._run)

    def redrive(
        self,
        queue: str,
        jobs: Iterable[UUID] | JobFilter | None = None,
        /,
        *,
        destination: str | None = None,
        limit: int | None = None,
        progress: Tell | None = None,
    ) -> Redriven:
        """Move dead letters back to where they came from. As `Jobs.redrive`."""
        steps = dead_letter.redrive(
            queue, jobs, destination=destination, limit=limit, progress=progress
        )
        return walk(steps, self._run)

    def dependencies(self, job_id: UUID) -> Dependencies:
        """Read which jobs a job waits for, and which wait for it. As `Jobs.dependencies`."""
        found: Dependencies = self._run(flows.dependencies(job_id))
        return found

    def counts(self) -> list[tuple[str, JobState, int]]:
        """Count all jobs: queue, state, count. As `Jobs.counts`."""
        rows = self._run(queries.count())
        return [(queue, JobState(state), count) for queue, state, count in rows]

    def ending(self, job_id: UUID, *, timeout: timedelta | float | None) -> Ending:
        """Wait until a job is over. For `SyncJob.result`."""
        end = deadline_of(timeout)
        pause = FIRST_LOOK
        while True:
            ending: Ending = found(job_id, self._run(queries.result(job_id)))
            if JobState(ending.state).is_final:
                return ending
            pause = next_pause(job_id, ending, pause, end)
            time.sleep(pause)


class Sync(SyncClaimsByHand):
    """The blocking client of an app."""

    def __init__(
        self,
        app: object,
        url: Callable[[], str],
        schema: str,
        pool_size: int,
        declared: Callable[[], Declared],
    ) -> None:
        self._app = app
        self._url = url
        self._schema = schema
        self._pool_size = pool_size
        self._pool = Pool(url, schema, size=pool_size)
        self.jobs = SyncJobs(self.run)
        self.schedules = SyncSchedules(self.run, self._job)
        self.workers = SyncWorkers(self.run)
        self.stats = SyncStats(self.run)
        self.limits = SyncLimits(self.run)
        self.queues = SyncQueues(self.run, declared)
        self.tasks = SyncTasks(self.run)
        self.warnings = SyncWarnings(self.run)

    def send(self, task: Sender[P, R], /, *args: P.args, **kwargs: P.kwargs) -> SyncJob[R]:
        """Store a job of a task, or of `task.using(...)`. As `Sender.send`."""
        order = task.order(args, kwargs)
        receipt = with_room(
            lambda: self.run(order.query, conn=task.conn, again=order.again),
            self.run,
            may_wait=task.conn is None,
        )
        is_new = order.stored(receipt)
        return SyncJob(self.jobs, receipt.id, is_new=is_new, signature=task.task.signature)

    @overload
    def send_many(self, task: Positional[*Ts], items: Iterable[tuple[*Ts]], /) -> JobIds: ...
    @overload
    def send_many(self, task: Sender[..., R], items: Iterable[Call[R]], /) -> JobIds: ...
    def send_many(self, task: Any, items: Iterable[Any], /) -> JobIds:
        """Store many jobs of a task, all or none. As `Sender.send_many`."""
        order = bulk_order(task, items)
        if not order.queries:
            return order.ids
        answers = with_room(
            lambda: self.run_all(order.queries, conn=task.conn, done=order.done),
            self.run,
            may_wait=task.conn is None,
        )
        return order.stored(answers)

    def flow(self, *, conn: Any = None, on_failure: OnFailure = "block") -> SyncFlow:
        """Begin a flow. As `Howdah.flow`."""
        return SyncFlow(self._app, self, conn=conn, on_failure=on_failure)

    def job(self, job_id: UUID, signature: Signature | None, /) -> SyncJob[Any]:
        """A handle to a job. For `SyncFlow.job`."""
        return SyncJob(self.jobs, job_id, is_new=True, signature=signature)

    def _job(self, receipt: Receipt) -> SyncJob[Any]:
        return SyncJob(self.jobs, receipt.id, is_new=receipt.created)

    def pause(self, *, by: str | None = None, reason: str | None = None) -> None:
        """Let nobody claim from any queue. As `Howdah.pause`."""
        self.run(queues.pause_everything(by=by, reason=reason))

    def resume(self) -> None:
        """End the pause of everything. As `Howdah.resume`."""
        self.run(queues.resume_everything())

    def pauses(self) -> list[Pause]:
        """Read what is paused. As `Howdah.pauses`."""
        return self.run(queues.pauses())

    def migrate(self) -> list[str]:
        """Bring the schema up to date. As `Howdah.migrate`."""
        return migrate.migrate(self._url(), schema=self._schema)

    def run(self, query: Query[T], /, *, conn: Any = None, again: Query[T] | None = None) -> T:
        """Run a query: in the transaction of `conn`, or on a connection of our own."""
        if conn is not None:
            return adapt.runner(conn, self._schema).run(query)
        return self._pool.run(query, again=again)

    def run_all(
        self, queries: Sequence[Query[Any]], /, *, done: Query[bool], conn: Any = None
    ) -> list[Any]:
        """Run queries in one transaction. As `Howdah.run_all`."""
        if conn is not None:
            runner = adapt.runner(conn, self._schema)
            return [runner.run(query) for query in queries]
        return self._pool.run_all(queries, done=done)

    @contextmanager
    def rebound(self, schema: str) -> Iterator[None]:
        """Work in another schema while the block runs. For `Howdah.rebound`."""
        before = self._schema, self._pool
        self._schema = schema
        self._pool = Pool(self._url, schema, size=self._pool_size)
        try:
            yield
        finally:
            self._pool.close()
            self._schema, self._pool = before

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()
