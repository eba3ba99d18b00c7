"""Flows: jobs that wait for others, stored together. `app.flow()` and `app.sync.flow()`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol, Self, overload
from uuid import UUID

from typing_extensions import TypeVar

from howdah._db import flow as queries
from howdah._db import many
from howdah._db.query import Query
from howdah._db.room import with_room, with_room_async
from howdah._model.flow import Dependence, OnFailure, blanks_in, check_on_failure
from howdah._model.identity import uuid7
from howdah._model.options import SendOptions
from howdah.errors import UsageError
from howdah.job import Job
from howdah.order import Call
from howdah.plan import Part, Plan, Step
from howdah.task import Sends

if TYPE_CHECKING:
    from howdah.sync import SyncJob

R = TypeVar("R")

# One statement carries so many characters; a larger flow is sent in several, in one transaction.
HEAVIEST = 16_000_000


class HasId(Protocol):
    """A job that was sent."""

    id: UUID


class SyncSends(Protocol):
    """All that a blocking flow needs of its client."""

    def job(self, job_id: UUID, signature: Any, /) -> SyncJob[Any]: ...
    def run(self, query: Query[Any], /) -> Any: ...
    def run_all(
        self, queries: Sequence[Query[Any]], /, *, done: Query[bool], conn: Any = None
    ) -> list[Any]: ...


After = Part[Any] | HasId | UUID


class _Draft:
    """The jobs of a flow that is not sent yet."""

    def __init__(self, app: object, on_failure: OnFailure) -> None:
        check_on_failure(on_failure)
        self.id = UUID(uuid7())
        self.is_sent = False
        self._app = app
        self._on_failure: OnFailure = on_failure
        self._now: OnFailure = on_failure
        self._calls: dict[UUID, Call[Any]] = {}
        self._texts: list[str] = []

    def place(
        self, plan: Plan[Any], after: Iterable[After], on_failure: OnFailure | None
    ) -> Part[Any]:
        """Make steps of a plan."""
        if self.is_sent:
            raise UsageError("cannot add to a flow that was sent: make another with app.flow()")
        if not isinstance(plan, Plan):
            raise UsageError(
                f"cannot add {plan!r} to a flow: give task.call(...), or a chain or group of those"
            )
        self._now = on_failure or self._on_failure
        check_on_failure(self._now)
        return plan.place(self, _ids_of(after))

    def step(self, call: Call[Any], after: Sequence[UUID]) -> Step[Any]:
        """Make a job of a call. For a plan."""
        step: Step[Any] = Step(UUID(uuid7()))
        sender = call.sender
        if sender.task.app is not self._app:
            raise UsageError(f"cannot add {call.task!r} to this flow: it is a task of another app")
        if sender.conn is not None:
            raise UsageError(
                f"cannot add {call.task!r} with conn to a flow, which is stored as a whole: say"
                " app.flow(conn=...)"
            )
        _check_options(call.task, sender.merged)
        self._texts.append(
            queries.job_text(
                job_id=str(step.id),
                queue=sender.task.queue,
                task=call.task,
                args=call.encoded,
                options=sender.said_with(call.draws),
                after=[one.to_mapping() for one in self._dependences(call, after)],
            )
        )
        self._calls[step.id] = call
        return step

    def queries(self) -> list[Query[Any]]:
        """What sends them, in this order and in one transaction."""
        if self.is_sent:
            raise UsageError("this flow was sent already: make another with app.flow()")
        self.is_sent = True
        made: list[Query[Any]] = []
        chunk: list[str] = []
        weight = 0
        for text in self._texts:
            if chunk and weight + len(text) > HEAVIEST:
                made.append(queries.send_flow(str(self.id), chunk))
                chunk, weight = [], 0
            chunk.append(text)
            weight += len(text)
        if chunk:
            made.append(queries.send_flow(str(self.id), chunk))
        return made

    def done(self) -> Query[bool]:
        """Whether they were sent, for when nobody knows."""
        return many.exist([str(next(iter(self._calls)))])

    @property
    def size(self) -> int:
        """How many jobs there are so far."""
        return len(self._texts)

    def signature(self, job_id: UUID) -> Any:
        """How the result of one of them is read."""
        call = self._calls.get(job_id)
        return None if call is None else call.sender.task.signature

    def _dependences(self, call: Call[Any], after: Sequence[UUID]) -> list[Dependence]:
        fills: dict[str, list[str]] = {str(job_id): [] for job_id in after}
        for name, value in call.blanks.items():
            for blank in blanks_in(value):
                if blank.what == "result" and self._now == "run":
                    raise UsageError(
                        f"cannot fill {name} of {call.task!r} with the result of a job that may"
                        " fail, with on_failure='run': there is none then; take its `.finished`"
                    )
                names = fills.setdefault(blank.parent, [])
                if name not in names:
                    names.append(name)
        return [Dependence(parent, self._now, tuple(names)) for parent, names in fills.items()]


class _Adds:
    """What the blocking and the non-blocking flow have in common."""

    def __init__(self, app: object, *, conn: Any, on_failure: OnFailure) -> None:
        self._draft = _Draft(app, on_failure)
        self._conn = conn

    def __repr__(self) -> str:
        sent = "sent" if self._draft.is_sent else "not sent"
        return f"<{type(self).__name__} {self.id}, jobs: {self._draft.size}, {sent}>"

    @property
    def id(self) -> UUID:
        """Names the flow; its jobs have it as `flow_id`."""
        return self._draft.id

    @overload
    def add(
        self, plan: Call[R], *, after: Iterable[After] = (), on_failure: OnFailure | None = None
    ) -> Step[R]: ...
    @overload
    def add(
        self, plan: Plan[R], *, after: Iterable[After] = (), on_failure: OnFailure | None = None
    ) -> Part[R]: ...
    def add(
        self, plan: Plan[Any], *, after: Iterable[After] = (), on_failure: OnFailure | None = None
    ) -> Part[Any]:
        """Add a call, or a chain or group of calls.

        Args:
            plan: `task.call(...)`, with the results of other steps among its arguments where it
                needs them; or a chain, a group or a chord.
            after: What it waits for beside those: steps and parts of this flow, jobs, or ids.
            on_failure: What happens when one of the jobs that it waits for fails, expires or is
                cancelled. "block": it waits until that is run again and completes. "cancel": it
                is cancelled. "run": it runs all the same. None: what the flow says.

        Returns:
            The step, with the id that its job will have; for a chain or a group, the part.

        Raises:
            UsageError: The flow was sent, or the call cannot be part of it.
        """
        return self._draft.place(plan, after, on_failure)


class Flow(_Adds):
    """Jobs that wait for others, stored together: made by `app.flow()`.

    Example:
        >>> async with app.flow() as flow:
        ...     a = flow.add(extract.call(1))
        ...     b = flow.add(extract.call(2))
        ...     flow.add(load.call([a.result, b.result]))
    """

    def __init__(self, app: Sends, *, conn: Any, on_failure: OnFailure) -> None:
        super().__init__(app, conn=conn, on_failure=on_failure)
        self._app = app

    async def send(self) -> None:
        """Store all jobs, or none. The end of an `async with` does it.

        Raises:
            KeyTakenError: The key of a job is held by another one.
            QueueFullError: A queue does not take them.
            JobNotFoundError: A job that one is to wait for does not exist.
            DatabaseError: The database is unreachable, read-only or not migrated.
        """
        if made := self._draft.queries():
            done = self._draft.done()
            await with_room_async(
                lambda: self._app.run_all(made, done=done, conn=self._conn),
                self._app.run,
                may_wait=self._conn is None,
            )

    def job(self, step: Step[R]) -> Job[R]:
        """The job of a step, once the flow is sent."""
        signature = self._draft.signature(step.id)
        return Job(self._app.jobs, step.id, is_new=True, signature=signature)

    async def result(self, part: Part[R], *, timeout: timedelta | float | None = None) -> R:
        """Wait until a step or a part is over, and return its result. Raises as `Job.result`.

        Args:
            part: What was added.
            timeout: Wait so long at most for each job that it ends with.
        """
        results: dict[UUID, Any] = {
            end: await self.job(Step(end)).result(timeout=timeout) for end in part.ends
        }
        collected: R = part.collect(results.__getitem__)
        return collected

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: object, *exc: object) -> None:
        if kind is None and not self._draft.is_sent:
            await self.send()


class SyncFlow(_Adds):
    """A flow for code that does not await: made by `app.sync.flow()`. As `Flow`."""

    def __init__(self, app: object, client: SyncSends, *, conn: Any, on_failure: OnFailure) -> None:
        super().__init__(app, conn=conn, on_failure=on_failure)
        self._client = client

    def send(self) -> None:
        """Store all jobs, or none. As `Flow.send`."""
        if made := self._draft.queries():
            done = self._draft.done()
            with_room(
                lambda: self._client.run_all(made, done=done, conn=self._conn),
                self._client.run,
                may_wait=self._conn is None,
            )

    def job(self, step: Step[R]) -> SyncJob[R]:
        """The job of a step. As `Flow.job`."""
        return self._client.job(step.id, self._draft.signature(step.id))

    def result(self, part: Part[R], *, timeout: timedelta | float | None = None) -> R:
        """Wait for a step or a part, and return its result. As `Flow.result`."""
        results: dict[UUID, Any] = {
            end: self.job(Step(end)).result(timeout=timeout) for end in part.ends
        }
        collected: R = part.collect(results.__getitem__)
        return collected

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *exc: object) -> None:
        if kind is None and not self._draft.is_sent:
            self.send()


def _check_options(task: str, options: SendOptions) -> None:
    """Refuse options with which a job of a flow might be another than the flow knows."""
    if options.id is not None:
        raise UsageError(
            f"cannot add {task!r} with an id to a flow, which makes its ids itself: leave out `id`;"
            " other jobs can wait for it by its step"
        )
    for name in ("throttle", "debounce", "replace"):
        if getattr(options, name) is not None:
            raise UsageError(
                f"cannot add {task!r} with {name} to a flow: another job could stand for this one;"
                f" leave out `{name}`, or send that job first and name it in after=[...]"
            )


def _ids_of(after: Iterable[After]) -> list[UUID]:
    """The ids of what a job is to wait for, each once."""
    if isinstance(after, Part | UUID) or not isinstance(after, Iterable):
        raise UsageError(f"cannot wait for after={after!r}: give a list, after=[...]")
    found: dict[UUID, None] = {}
    for one in after:
        if isinstance(one, Part):
            found.update(dict.fromkeys(one.ends))
        elif isinstance(job_id := getattr(one, "id", one), UUID):
            found[job_id] = None
        else:
            raise UsageError(f"cannot wait for {one!r}: give steps, jobs or their ids")
    return list(found)
