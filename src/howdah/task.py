"""A task: a Python function that can be sent, and still be called."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Generic, Never, Protocol, overload
from uuid import UUID

from typing_extensions import ParamSpec, TypeVar, TypeVarTuple

from howdah._db import job as jobs
from howdah._db.query import Query
from howdah._db.room import with_room_async
from howdah._model.batch import Batching
from howdah._model.identity import JobIds, uuid7
from howdah._model.limits import NO_DRAWS, Drawer, Draws
from howdah._model.options import OPTION_NAMES, SendOptions, merge, refuse_rules, refuse_unknown
from howdah._model.payload import Signature
from howdah._model.queue import QueueOptions
from howdah._model.retry import Retry
from howdah._model.window import Debounce, Throttle
from howdah._worker.tasks import Executor
from howdah.bulk import bulk_order
from howdah.job import Job, Jobs
from howdah.order import Call, Order, Positional, call_of

P = ParamSpec("P")  # what a sender gives
R = TypeVar("R", covariant=True)  # what the job results in
C = ParamSpec("C", default=P)  # what the function takes, its context included
V = TypeVar("V", default=Any, covariant=True)  # what calling it gives: R, or a coroutine of it
Ts = TypeVarTuple("Ts")


class Sends(Protocol):
    """All that a task needs of its app."""

    @property
    def jobs(self) -> Jobs: ...
    def defaults_of(self, queue: str) -> QueueOptions: ...
    async def run(
        self, query: Query[Any], /, *, conn: Any = None, again: Query[Any] | None = None
    ) -> Any: ...
    async def run_all(
        self, queries: Sequence[Query[Any]], /, *, done: Query[bool], conn: Any = None
    ) -> list[Any]: ...


class Sender(Generic[P, R]):
    """A task with options, ready to be sent.

    Made by `task.using(...)`; it may be kept and used any number of times.
    """

    def __init__(self, task: Task[P, R, ..., Any], options: SendOptions, conn: Any) -> None:
        self.task = task
        self.options = options
        self.conn = conn

    async def send(self, *args: P.args, **kwargs: P.kwargs) -> Job[R]:
        """Store a job of this task.

        With `conn` it is stored in the transaction that is open there, and exists when that is
        committed; else it is stored when this returns. A connection that breaks half way is no
        reason for a second job: the send is repeated under the same id.

        Returns:
            The job. Its `is_new` is false when another live job held the key and stands for it,
            or the policy of its queue turned it away.

        Raises:
            PayloadError: The arguments do not fit the signature, or cannot be stored.
            QueueFullError: The queue takes no more.
            MissingKeyError: The queue's policy asks for a key.
            DatabaseError: The database is unreachable, read-only or not migrated.
        """
        order = self.order(args, kwargs)
        app = self.task.app
        receipt = await with_room_async(
            lambda: app.run(order.query, conn=self.conn, again=order.again),
            app.run,
            may_wait=self.conn is None,
        )
        is_new = order.stored(receipt)
        return Job(app.jobs, receipt.id, is_new=is_new, signature=self.task.signature)

    def call(self, *args: P.args, **kwargs: P.kwargs) -> Call[R]:
        """Check and encode the arguments of one job, for `send_many` or a flow.

        Raises:
            PayloadError: They do not fit the signature, or cannot be stored.
        """
        return call_of(self, args, kwargs)

    @overload
    async def send_many(self: Positional[*Ts], items: Iterable[tuple[*Ts]]) -> JobIds: ...
    @overload
    async def send_many(self, items: Iterable[Call[R]]) -> JobIds: ...
    async def send_many(self, items: Iterable[Any]) -> JobIds:
        """Store many jobs, all or none.

        Args:
            items: For each job a tuple of positional arguments, or what `call` made: checkers
                know of a task's defaults and keyword-only parameters only there, and
                `using(key=...).call(...)` gives a job options of its own, over those of all.

        Returns:
            The ids, in the order of the items. For an item whose key another live job holds, or
            that the queue's policy turned away, it is that of the job in its way, as from `send`;
            `are_new` says which were stored.

        Raises:
            UsageError: With `id`, `key`, `throttle`, `debounce` or `replace` for all, which are
                about one job, or another task's call.
            PayloadError: Some arguments do not fit; the message says which item's.
            QueueFullError: The queue does not take so many more.
            DatabaseError: The database is unreachable, read-only or not migrated.
        """
        order, app = bulk_order(self, items), self.task.app
        if not order.queries:
            return order.ids
        answers = await with_room_async(
            lambda: app.run_all(order.queries, conn=self.conn, done=order.done),
            app.run,
            may_wait=self.conn is None,
        )
        return order.stored(answers)

    def using(
        self,
        *,
        id: UUID | None = None,  # noqa: A002 - the name a caller expects
        priority: int | None = None,
        start_after: datetime | timedelta | float | None = None,
        retry: Retry | int | None = None,
        expire_in: timedelta | float | None = None,
        key: str | None = None,
        tags: Iterable[str] | None = None,
        retention: timedelta | float | None = None,
        deadline: datetime | timedelta | float | None = None,
        throttle: Throttle | timedelta | float | None = None,
        debounce: Debounce | timedelta | float | None = None,
        replace: Iterable[str] | None = None,
        group: str | None = None,
        dead_letter: str | None = None,
        conn: Any = None,
        **unknown: Never,
    ) -> Sender[P, R]:
        """The same task with these options; what is not given stays as it was.

        Args:
            id: The job's id: a second send with it answers with the first job.
            priority: Higher runs first, from -32768 to 32767; 0 when nobody says.
            start_after: Not before this moment (with a time zone), or this time from now.
            retry: The policy, or just how often.
            expire_in: How long one attempt may take.
            key: One live job of this task at most has it; a second send answers with the first.
            tags: Words to find the job by.
            retention: How long it is kept after it has finished.
            deadline: If it could not begin until then, it expires: a moment, or from now.
            throttle: One job of this task and key in each window of so long.
            debounce: While a job of this task and key waits, it takes the arguments of this send
                and starts so long from now.
            replace: While a job of this task and key waits, it takes these of this send, such as
                `["args", "priority"]`.
            group: Claims go round the groups of a queue, so that a large one does not hold up the
                others, and take the jobs of one in order. Such as a tenant.
            dead_letter: The queue that gets a copy when it fails or expires.
            conn: A connection or session with an open transaction, in which the job is sent:
                psycopg, asyncpg, SQLAlchemy or Django.

        Raises:
            UnknownOptionError: There is no such option.
            NaiveDatetimeError: `start_after` or `deadline` has no time zone.
            UsageError: A value is out of range, or two options exclude each other.
        """
        refuse_unknown(unknown, known=(*OPTION_NAMES, "conn"))
        options = SendOptions(
            id=id,
            priority=priority,
            start_after=start_after,
            retry=retry,
            expire_in=expire_in,
            key=key,
            tags=tags,
            retention=retention,
            deadline=deadline,
            throttle=throttle,
            debounce=debounce,
            replace=replace,
            group=group,
            dead_letter=dead_letter,
        )
        refuse_rules(options)
        return Sender(self.task, options.over(self.options), self.conn if conn is None else conn)

    def order(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Order:
        """Check and encode one job, and make the queries that send it."""
        task = self.task
        encoded = task.signature.encode(args, kwargs)
        said = self._said_more
        if task.drawer.is_needed:
            said += task.draws(args, kwargs).said_more("group" in self.said)
        queue, name = task.queue, task.name
        if self.merged.id is not None:
            query = jobs.send(queue=queue, task=name, args=encoded, options="{" + said[1:] + "}")
            return Order(query, query, None)
        # Made here and now, so the database need not look whether it has run before; unless the
        # send is repeated.
        job_id = uuid7()
        again = f'{{"id":"{job_id}"{said}}}'
        return Order(
            jobs.send_new(queue=queue, task=name, args=encoded, job_id=job_id, said=said),
            jobs.send(queue=queue, task=name, args=encoded, options=again),
            job_id,
        )

    def joined(self, own: SendOptions) -> Sender[P, R]:
        """The same with what one of many jobs says of itself. For `howdah.bulk`."""
        return Sender(self.task, own.over(self.options), self.conn)

    def said_with(self, draws: Draws) -> str:
        """The options of one job as JSON text, with what it draws from."""
        return "{" + self.members(draws)[1:] + "}"

    def members(self, draws: Draws) -> str:
        """The same as JSON members, each behind a comma."""
        return self._said_more + draws.said_more("group" in self.said)

    @cached_property
    def merged(self) -> SendOptions:
        """The options of these jobs. The nearest wins: call, task, queue, app.

        Found once, when first needed: by then every queue has been declared.
        """
        task = self.task
        return merge(self.options, task.options, task.app.defaults_of(task.queue).jobs)

    @cached_property
    def said(self) -> dict[str, Any]:
        """The options as `howdah.send` takes them.

        What queue and app say stands apart, as `defaults`: an operator's word comes between.
        """
        own = merge(self.options, self.task.options)
        of_queue = self.task.app.defaults_of(self.task.queue).to_mapping()
        defaults = {k: v for k, v in of_queue.items() if getattr(own, k, None) is None}
        said = {k: v for k, v in self.merged.to_mapping().items() if k not in defaults}
        return {**said, "defaults": defaults} if defaults else said

    @cached_property
    def _said_more(self) -> str:
        """The same as JSON members, each behind a comma."""
        return "".join(f",{_json(name)}:{_json(value)}" for name, value in self.said.items())


class Task(Sender[P, R], Generic[P, R, C, V]):
    """A function that can be sent to a worker, and still be called here.

    Attributes:
        name: What it is called in the database.
        queue: Where its jobs wait.
        fn: The function itself.
        executor: Where a worker runs it.
        batching: How its jobs are gathered, when the function takes many at once.
    """

    def __init__(
        self,
        fn: Callable[C, V],
        *,
        app: Sends,
        name: str,
        queue: str,
        options: SendOptions,
        executor: Executor,
        signature: Signature,
        drawer: Drawer,
        batching: Batching | None = None,
    ) -> None:
        self.fn = fn
        self.batching = batching
        self.app = app
        self.name = name
        self.queue = queue
        self.executor: Executor = executor
        self.signature = signature
        self.drawer = drawer
        self.__name__ = getattr(fn, "__name__", name)
        self.__doc__ = fn.__doc__
        self.__module__ = fn.__module__
        self.__wrapped__ = fn
        super().__init__(self, options, None)

    @property
    def retry(self) -> Retry | None:
        """The policy of jobs that say nothing themselves."""
        retry = self.merged.retry
        return Retry(limit=retry) if isinstance(retry, int) else retry

    @property
    def expire_in(self) -> timedelta | float | None:
        """How long one attempt of a job may take that says nothing itself."""
        return self.merged.expire_in

    def draws(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Draws:
        """What a job with these arguments draws from."""
        if not self.drawer.is_needed:
            return NO_DRAWS
        return self.drawer.draws({**self.signature.by_name(args), **kwargs})

    def draws_of(self, item: Any) -> Draws:
        """The same, of an item of `send_many`."""
        if isinstance(item, Call):
            return item.draws
        return self.draws((), item) if isinstance(item, Mapping) else self.draws(item, {})

    def __call__(self, *args: C.args, **kwargs: C.kwargs) -> V:
        """Call the function here and now. Nothing is stored."""
        return self.fn(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<Task {self.name}{self.signature}>"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
