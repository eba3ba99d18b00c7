"""The app: where tasks are registered and everything is asked for."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import Any, TypeVar

from howdah._db import adapt
from howdah._db import queue as queues
from howdah._db.pool import AsyncPool
from howdah._db.query import Query
from howdah._db.queue import Pause
from howdah._db.statements import DEFAULT_SCHEMA, quote_name
from howdah._model.batch import takes_value
from howdah._model.database_url import checked_url
from howdah._model.flow import OnFailure
from howdah._model.json_limits import DEFAULT_LIMIT
from howdah._model.limits import Drawer, definitions_of
from howdah._model.nearest import hint
from howdah._model.options import SendOptions
from howdah._model.queue import UNSAID, OnFull, QueueOptions, QueuePolicy, check_queue_name
from howdah._model.retry import Retry
from howdah._model.schedule import Definition
from howdah._model.signals import Signals
from howdah._worker.settings import WorkerSettings
from howdah.by_hand import ClaimsByHand
from howdah.decorator import DEFAULT_QUEUE, NewTask, TaskDecorator, signature_of
from howdah.errors import UnknownTaskError, UsageError
from howdah.flow import Flow
from howdah.job import Jobs
from howdah.limits import Limits
from howdah.private import start_private
from howdah.queues import Queues, Tasks
from howdah.schedules import CodeSchedules, Schedules
from howdah.stats import Stats
from howdah.sync import Sync
from howdah.task import Task
from howdah.warnings import Warnings
from howdah.workers import Workers

T = TypeVar("T")

URL_VARIABLE = "HOWDAH_DATABASE_URL"


class Howdah(ClaimsByHand):
    """Background jobs on Postgres.

    Args:
        url: Where the database is. Without it HOWDAH_DATABASE_URL says, and without that a
            private Postgres is run under ./.howdah (extra `embedded`).
        schema: The schema that Howdah's tables are in.
        priority, retry, expire_in, retention, dead_letter: What every job has unless something
            nearer (its queue, its task, its send) says otherwise.
        payload_limit: Bytes allowed for the encoded arguments of a job, and for a result.
        pool_size: At most so many connections of our own for sends and questions.

    Raises:
        ConfigError: The schema's name cannot be used, or the URL is not one of a Postgres.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        schema: str = DEFAULT_SCHEMA,
        priority: int | None = None,
        retry: Retry | int | None = None,
        expire_in: timedelta | float | None = None,
        retention: timedelta | float | None = None,
        dead_letter: str | None = None,
        payload_limit: int = DEFAULT_LIMIT,
        pool_size: int = 10,
    ) -> None:
        quote_name(schema)
        self._schema = schema
        self._url = checked_url(url) if url else None
        self._payload_limit = payload_limit
        self._defaults = SendOptions(
            priority=priority,
            retry=retry,
            expire_in=expire_in,
            retention=retention,
            dead_letter=dead_letter,
        )
        self._queues: dict[str, QueueOptions] = {}
        self._lock = threading.Lock()
        self._cluster: Any = None
        self._pool_size = pool_size
        self._tasks = Tasks(self.run)
        self._pool = AsyncPool(lambda: self.database_url, schema, size=pool_size)
        self.signals = Signals()
        self.jobs = Jobs(self.run)
        #: The same verbs for code that does not await.
        self.sync = Sync(self, lambda: self.database_url, schema, pool_size, self._declared)
        self.schedule = CodeSchedules()
        self.schedules = Schedules(self.run, self.jobs)
        self.limits = Limits(self.run)
        self.workers = Workers(self.run)
        self.stats = Stats(self.run)
        self.queues = Queues(self.run, self._declared)
        self.warnings = Warnings(self.run)

    def __repr__(self) -> str:
        return f"<Howdah {self._schema!r}, tasks: {', '.join(sorted(self._tasks)) or 'none'}>"

    @property
    def schema(self) -> str:
        """The schema that Howdah's tables are in."""
        return self._schema

    @property
    def tasks(self) -> Tasks:
        """The registered tasks by name; each can be paused."""
        return self._tasks

    @property
    def queue_names(self) -> tuple[str, ...]:
        """Every queue that a task or `queue(...)` names."""
        names = [*self._queues, *(task.queue for task in self._tasks.values())]
        return tuple(dict.fromkeys(names)) or (DEFAULT_QUEUE,)

    @property
    def limit_definitions(self) -> dict[str, dict[str, Any]]:
        """What the tasks say of their limits, by name, as a worker stores it when it starts.

        Raises:
            UsageError: Two tasks say different things of one limit.
        """
        return definitions_of(task.drawer for task in self._tasks.values())

    @property
    def queue_definitions(self) -> Mapping[str, Mapping[str, Any]]:
        """What `queue(...)` says of each queue, as a worker stores it when it starts."""
        return {name: said.to_mapping() for name, said in self._queues.items()}

    @property
    def schedule_definitions(self) -> tuple[Definition, ...]:
        """The schedules that the code defines, as a worker stores them when it starts.

        Raises:
            UsageError: A schedule's jobs have options that only one job can have.
        """
        return self.schedule.definitions()

    @property
    def database_url(self) -> str:
        """Where the database is. Starts the private Postgres if there is no other.

        Raises:
            ConfigError: HOWDAH_DATABASE_URL is no URL of a Postgres.
            EmbeddedError: There is no other, and it cannot be run.
        """
        if self._url is not None:
            return self._url
        if url := os.environ.get(URL_VARIABLE):
            return checked_url(url)
        with self._lock:
            if self._cluster is None:
                self._cluster, self._url = start_private(self._schema, self.signals)
        assert self._url is not None
        return self._url

    def queue(
        self,
        name: str,
        *,
        priority: int | None = None,
        retry: Retry | int | None = None,
        expire_in: timedelta | float | None = None,
        retention: timedelta | float | None = None,
        policy: QueuePolicy | None = None,
        dead_letter: str | None = None,
        max_waiting: int | None = None,
        on_full: OnFull | None = None,
        full_timeout: timedelta | float | None = None,
        ageing: timedelta | float | None = None,
    ) -> str:
        """Declare a queue. What an operator says with `app.queues.put` wins over this.

        Args:
            name: What it is called.
            priority, retry, expire_in, retention: What its jobs have unless their task or send
                says otherwise.
            policy: How many of its jobs, per key, there may be at a time: "short" has one
                waiting, "singleton" one running, "stately" one in each state, "exclusive" one in
                all; "key_strict_fifo" runs the jobs of a key in order.
            dead_letter: The queue that gets a copy of a job that failed.
            max_waiting: So many jobs may wait to be run.
            on_full: What a send does then: "reject" raises, "drop_oldest" cancels the oldest
                waiting job, "block" waits for room.
            full_timeout: How long "block" waits before it raises; 60 seconds.
            ageing: To have waited so long counts as much as one more of priority, so that jobs of
                low priority run some day. Without it the highest always go first.

        Returns:
            The name, for `@app.task(queue=...)`.

        Raises:
            UsageError: A value is out of range.
        """
        check_queue_name(name)
        self._queues[name] = QueueOptions(
            SendOptions(priority=priority, retry=retry, expire_in=expire_in, retention=retention),
            policy,
            dead_letter,
            max_waiting,
            on_full,
            full_timeout,
            ageing,
        )
        return name

    @cached_property
    def task(self) -> TaskDecorator:
        """`@app.task` makes a task of a function; see `TaskDecorator`."""
        return TaskDecorator(self._register)

    def find_task(self, name: str) -> Task[..., Any, ..., Any]:
        """The task of that name.

        Raises:
            UnknownTaskError: There is none.
        """
        if (task := self._tasks.get(name)) is not None:
            return task
        raise UnknownTaskError(f"no task named {name!r}: {hint(name, self._tasks)}", task=name)

    def flow(self, *, conn: Any = None, on_failure: OnFailure = "block") -> Flow:
        """Begin a flow: jobs that wait for others, stored together when the block ends.

        Args:
            conn: Store them in the transaction that is open there.
            on_failure: What becomes of a job when one that it waits for fails, unless `add` says
                otherwise: "block", "cancel" or "run".
        """
        return Flow(self, conn=conn, on_failure=on_failure)

    async def migrate(self) -> list[str]:
        """Bring the schema up to date. Returns the names of the migrations applied.

        Raises:
            DatabaseError: The database is unreachable, read-only, too old, or the role may not.
            SchemaAheadError: A newer version of Howdah has migrated this schema.
        """
        return await asyncio.to_thread(self.sync.migrate)

    def lifespan(
        self, *, worker: bool = False, settings: WorkerSettings | None = None
    ) -> Callable[[Any], AbstractAsyncContextManager[None]]:
        """A lifespan for an ASGI app: opens and closes connections, and may run a worker inside.

        Args:
            worker: Also execute jobs in this process, on its event loop.
            settings: How that worker works.

        Example:
            >>> fastapi = FastAPI(lifespan=app.lifespan(worker=True))
        """

        @asynccontextmanager
        async def run(_: Any) -> AsyncIterator[None]:
            from howdah.lifespan import working

            async with self, working(self, settings) if worker else _nothing():
                yield

        return run

    async def __aenter__(self) -> Howdah:
        await asyncio.to_thread(lambda: self.database_url)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections of this event loop, and let go of the private Postgres."""
        await self._pool.close()
        self.sync.close()
        with self._lock:
            cluster, self._cluster = self._cluster, None
            if cluster is not None:
                self._url = None
        if cluster is not None:
            await asyncio.to_thread(cluster.release)

    @contextmanager
    def rebound(self, *, url: str, schema: str) -> Iterator[Howdah]:
        """Work in another database and schema while the block runs. For tests.

        Tasks, options and signals stay. What was opened meanwhile is closed at the end, on
        whatever loop it was, and what was open before serves again. Other threads are taken along,
        and a worker that runs already is not.

        Args:
            url: Where the database is.
            schema: A schema there that is migrated, or will be.

        Raises:
            ConfigError: The schema's name cannot be used, or the URL is not one of a Postgres.
        """
        quote_name(schema)
        before = self._url, self._schema, self._pool, self._cluster
        self._url, self._schema, self._cluster = checked_url(url), schema, None
        self._pool = AsyncPool(lambda: self.database_url, schema, size=self._pool_size)
        try:
            with self.sync.rebound(schema):
                yield self
        finally:
            self._pool.drop()
            self._url, self._schema, self._pool, self._cluster = before

    def defaults_of(self, queue: str) -> QueueOptions:
        """What the code says of a queue, and, of its jobs, the app where the queue does not."""
        said = self._queues.get(queue, UNSAID)
        jobs = said.jobs.over(self._defaults)
        if said.dead_letter is not None:
            jobs = replace(jobs, dead_letter=said.dead_letter)
        return replace(said, jobs=jobs)

    async def run(
        self, query: Query[T], /, *, conn: Any = None, again: Query[T] | None = None
    ) -> T:
        """Run a query: in the transaction of `conn`, or on a connection of our own."""
        if conn is not None:
            return await adapt.async_runner(conn, self._schema).run(query)
        return await self._pool.run(query, again=again)

    async def run_all(
        self, queries: Sequence[Query[Any]], /, *, done: Query[bool], conn: Any = None
    ) -> list[Any]:
        """Run queries in one transaction. Returns what each answered, if that is known."""
        if conn is not None:
            runner = adapt.async_runner(conn, self._schema)
            return [await runner.run(query) for query in queries]
        return await self._pool.run_all(queries, done=done)

    async def pause(self, *, by: str | None = None, reason: str | None = None) -> None:
        """Let nobody claim from any queue until everything is resumed. What runs goes on.

        Args:
            by: Who wants it, for whoever wonders later.
            reason: Why.
        """
        await self.run(queues.pause_everything(by=by, reason=reason))

    async def resume(self) -> None:
        """End the pause of everything. What was paused by itself stays so."""
        await self.run(queues.resume_everything())

    async def pauses(self) -> list[Pause]:
        """Read what is paused: everything, queues by themselves, tasks."""
        return await self.run(queues.pauses())

    def _declared(self) -> Mapping[str, Mapping[str, Any] | None]:
        return {**dict.fromkeys(self.queue_names), **self.queue_definitions}

    def _register(self, task: NewTask) -> Task[..., Any, ..., Any]:
        if task.name in self._tasks:
            other = self._tasks[task.name].fn
            raise UsageError(
                f"cannot register task {task.name!r} twice:"
                f" {other.__module__}.{getattr(other, '__qualname__', other)} has that name;"
                " give one of them another `name=`"
            )
        signature, batching = signature_of(task, limit=self._payload_limit)
        by = task.fn if batching is None else takes_value
        made: Task[..., Any, ..., Any] = Task(
            task.fn,
            app=self,
            name=task.name,
            queue=task.queue,
            options=task.options,
            executor=task.executor,
            signature=signature,
            drawer=Drawer(by, task=task.name, limits=task.limits, group_by=task.group_by),
            batching=batching,
        )
        self._tasks[task.name] = made
        return made


@asynccontextmanager
async def _nothing() -> AsyncIterator[None]:
    yield
