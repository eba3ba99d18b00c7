"""An app bound to a schema of one test's own, and what a test asks of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import Context
from datetime import timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

from howdah._db.record import JobRecord
from howdah._model.database_url import checked_url
from howdah._model.outcome import Verdict
from howdah._model.signals import JobEnded
from howdah._model.states import JobState
from howdah.client import Howdah
from howdah.errors import JobFailedError, UsageError
from howdah.job import Job
from howdah.sync import SyncJob
from howdah.testing.blocking import SyncTestbed
from howdah.testing.clock import Clock, seconds_ahead
from howdah.testing.drain import Drain
from howdah.testing.drained import Drained
from howdah.testing.due import Due
from howdah.testing.ground import fresh_schema
from howdah.testing.sent import TaskOrName, Wanted, listing
from howdah.testing.waiting import wait_for

ATTEMPTS = 1_000
SECONDS = 60.0
CONCURRENCY = 10
PAGE = 1_000
_RAISED = {Verdict.FAILED.value, Verdict.RETRY.value, Verdict.EXPIRED.value}


class Testbed:
    """What a test asks: what was sent, and to run it.

    Nothing runs by itself: jobs run when the test says `drain` or `advance`. They are run by the
    real worker, in this process and on this loop. Its questions are blocking and quick, so that
    tests ask them with and without `await` around.

    Attributes:
        app: The app, bound to the schema of this test.
        clock: The clock of that schema.
    """

    # pytest would take the name for that of a class of tests.
    __test__ = False

    def __init__(self, app: Howdah) -> None:
        self.app = app
        self.clock = Clock(app.sync.run, app.schema)

    @classmethod
    @contextmanager
    def open(cls, app: Howdah, *, url: str) -> Iterator[Testbed]:
        """Bind an app to a new schema while the block runs, and remove the schema at the end.

        The fixture `howdah` of the pytest plugin is this for each test.

        Args:
            app: The app, which works there meanwhile, whoever uses it.
            url: A database for tests.

        Raises:
            DatabaseError: The database is unreachable, or the role may not create a schema.

        Example:
            >>> with Testbed.open(app, url=url) as howdah:
            ...     app.sync.send(welcome, "ann@example.com", first_name="Ann")
            ...     howdah.assert_sent(welcome, email="ann@example.com")
        """
        url = checked_url(url)
        with fresh_schema(url) as schema, app.rebound(url=url, schema=schema):
            yield cls(app)

    @property
    def schema(self) -> str:
        """The schema of this test."""
        return self.app.schema

    @property
    def database_url(self) -> str:
        """The database with that schema."""
        return self.app.database_url

    @cached_property
    def sync(self) -> SyncTestbed:
        """`drain`, `advance` and `wait_for` for tests that do not await."""
        return SyncTestbed(self)

    async def drain(
        self,
        *,
        queues: Sequence[str] | None = None,
        raise_on_failure: bool = False,
        limit: int = ATTEMPTS,
        timeout: timedelta | float = SECONDS,
        concurrency: int = CONCURRENCY,
    ) -> Drained:
        """Run everything queued, and what that queues, here and now.

        What is due only later does not run, however long this takes: the clock stands meanwhile.

        Args:
            queues: Only from these queues; otherwise from all that the app's tasks name.
            raise_on_failure: Raise when a handler raised, also when it would be tried again.
            limit: At most so many attempts.
            timeout: At most so long, in real time.
            concurrency: Handlers at once. With 1 they run one after the other, in the order in
                which they were sent; a handler that waits for another job then waits for ever.

        Raises:
            AssertionError: It does not come to an end within the limits.
            UnknownTaskError: The app does not have the task of a job.
            JobFailedError: A handler raised, and `raise_on_failure` is set.
        """
        with self.clock.held():
            ended = await self._run(queues, limit, 0, timeout, concurrency)
        return self._summary(ended, raise_on_failure=raise_on_failure)

    async def advance(
        self,
        by: timedelta | float,
        *,
        queues: Sequence[str] | None = None,
        raise_on_failure: bool = False,
        limit: int = ATTEMPTS,
        timeout: timedelta | float = SECONDS,
        concurrency: int = CONCURRENCY,
    ) -> Drained:
        """Let time pass: run what is queued, then whatever becomes due, each at its time.

        Delays and naps end, retries are made, and schedules fire.

        The clock stops at every moment at which something is due, so that a job which is tried
        again after an hour, and then after two, has both retries in a day, and a schedule fires as
        often as it says.

        Args:
            by: How long, as a timedelta or in seconds. The other arguments are as for `drain`.

        Raises:
            UsageError: The time would go backwards.
            AssertionError, UnknownTaskError, JobFailedError: As `drain`.
        """
        left = seconds_ahead(by)
        ended: list[JobEnded] = []
        with self.clock.held(), Due.of(self.app) as due:
            while True:
                due.claimable()
                ended += await self._run(queues, limit, len(ended), timeout, concurrency)
                # Once more: what has run may have been put back until some other time.
                next_in = due.claimable()
                if left <= 0:
                    break
                step = left if next_in is None else min(next_in, left)
                self.clock.move(step)
                left -= step
        return self._summary(ended, raise_on_failure=raise_on_failure)

    def sent(self, task: TaskOrName | None = None, /, **args: Any) -> list[JobRecord]:
        """List the jobs that were sent and committed, whatever became of them, oldest first.

        Args:
            task: Only of this task.
            args: Only with these arguments; others do not matter.

        Raises:
            UsageError: The task has no such parameter.
        """
        wanted = Wanted.of(task, args)
        return [job for job in self._all() if wanted.fits(job)]

    def assert_sent(self, task: TaskOrName, /, *, count: int | None = None, **args: Any) -> None:
        """Fail unless a job of the task was sent with these arguments. Others do not matter.

        Args:
            task: The task, or its name.
            count: Exactly so many jobs; otherwise at least one.
            args: Some of the arguments. For a parameter named `count` use `sent`.

        Raises:
            AssertionError: It was not so; the message lists what was sent.
            UsageError: The task has no such parameter.
        """
        wanted, everything = Wanted.of(task, args), self._all()
        found = sum(wanted.fits(job) for job in everything)
        if count is None and not found:
            raise AssertionError(f"no {wanted} was sent; {listing(everything)}")
        if count is not None and found != count:
            raise AssertionError(
                f"expected {count} times a {wanted}, and found {found}; {listing(everything)}"
            )

    def assert_not_sent(self, task: TaskOrName | None = None, /, **args: Any) -> None:
        """Fail if a job of the task was sent with these arguments; without a task, if any was.

        Raises:
            AssertionError: One was; the message lists those.
            UsageError: The task has no such parameter.
        """
        if found := self.sent(task, **args):
            wanted = Wanted.of(task, args)
            raise AssertionError(f"expected no {wanted}, and found {len(found)}; {listing(found)}")

    async def wait_for(
        self,
        job: Job[Any] | SyncJob[Any] | UUID,
        state: JobState | str = JobState.COMPLETED,
        *,
        timeout: timedelta | float = 10.0,
    ) -> JobRecord:
        """Return the job as soon as it is in a state that a worker of the app's own brings about.

        Raises:
            AssertionError: It is over in another state, or the time is; with its last error.
            JobNotFoundError: There is no such job.
        """
        job_id = job if isinstance(job, UUID) else job.id
        return await wait_for(self.app, job_id, state, timeout=timeout)

    async def _run(
        self,
        queues: Sequence[str] | None,
        limit: int,
        spent: int,
        timeout: timedelta | float,
        concurrency: int,
    ) -> list[JobEnded]:
        if isinstance(queues, str):
            raise UsageError(f"cannot drain queues={queues!r}: give a list of names, [{queues!r}]")
        drain = Drain(
            self.app,
            queues=self.app.queue_names if queues is None else queues,
            limit=limit,
            spent=spent,
            timeout=timeout.total_seconds() if isinstance(timeout, timedelta) else timeout,
            concurrency=concurrency,
        )
        # Handlers must not find what the test has in its context variables: in a worker they
        # would not.
        await asyncio.create_task(drain.run(), name="howdah testbed", context=Context())
        return drain.ended

    def _all(self) -> list[JobRecord]:
        """Every job, the oldest first."""
        page = self.app.sync.jobs.find(order="oldest", limit=PAGE)
        found = [*page]
        while page.next is not None:
            page = self.app.sync.jobs.find(order="oldest", after=page.next, limit=PAGE)
            found += page
        return found

    def _summary(self, ended: Sequence[JobEnded], *, raise_on_failure: bool) -> Drained:
        for attempt in ended:
            if raise_on_failure and attempt.verdict in _RAISED:
                raise _failure(attempt)
        if not ended:
            return Drained()
        known = {str(job.id): job for job in self._all()}
        ran = dict.fromkeys(attempt.job_id for attempt in ended)
        return Drained(tuple(known[job_id] for job_id in ran if job_id in known), len(ended))


def _failure(attempt: JobEnded) -> JobFailedError:
    entry = json.loads(attempt.error) if attempt.error else {}
    error = JobFailedError(
        f"attempt {attempt.attempt} of task {attempt.task!r} failed with {entry.get('type')}:"
        f" {entry.get('message')}",
        job_id=UUID(attempt.job_id),
        error=entry,
    )
    if traceback := entry.get("traceback"):
        error.add_note(str(traceback))
    return error
