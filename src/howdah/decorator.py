"""`@app.task`: makes a task of a function, and tells type checkers what it can be sent with."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from inspect import iscoroutinefunction
from typing import Any, Concatenate, Literal, Never, final, overload

from typing_extensions import ParamSpec, TypeVar, TypeVarTuple, Unpack

from howdah._model.batch import Batch, Batching, BatchSignature, batching_of
from howdah._model.limits import Key, Limit, Rate, several
from howdah._model.options import SendOptions, refuse_unknown
from howdah._model.payload import Signature
from howdah._model.retry import Retry
from howdah._model.window import Debounce, Throttle
from howdah._worker.batch_job import BatchJob
from howdah._worker.context import Context
from howdah._worker.tasks import Executor
from howdah.batch import BatchDecorator
from howdah.errors import UsageError
from howdah.task import Task

P = ParamSpec("P")
R = TypeVar("R")
Ts = TypeVarTuple("Ts")

DEFAULT_QUEUE = "default"
_OPTIONS = (
    "name",
    "queue",
    "executor",
    "priority",
    "retry",
    "expire_in",
    "tags",
    "retention",
    "deadline",
    "throttle",
    "debounce",
    "limits",
    "group_by",
    "batch",
    "dead_letter",
)


@final
class Anything:
    """No handler names this type, so a parameter that accepts it is Any, object or untyped.

    Without the overloads that ask for it, such a parameter would pass for a Context and be dropped.
    """


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task that is about to be registered."""

    fn: Callable[..., Any]
    name: str
    queue: str
    options: SendOptions
    executor: Executor
    local_names: Mapping[str, Any]
    limits: tuple[Limit | Rate, ...] = ()
    group_by: Key | None = None
    batch: Batch | int | None = None


class TaskDecorator:
    """Makes tasks of functions: `@app.task` and `@app.task(queue="mail", retry=3)`.

    The function stays callable. A parameter annotated `Context` is filled by the worker; written
    first, it is also taken out of what type checkers let `send` be called with.
    """

    def __init__(self, register: Callable[[NewTask], Task[..., Any, ..., Any]]) -> None:
        self._register = register

    @overload
    def __call__(
        self, fn: Callable[Concatenate[Anything, ...], Coroutine[Any, Any, R]], /
    ) -> Task[..., R, ..., Coroutine[Any, Any, R]]: ...
    @overload
    def __call__(self, fn: Callable[Concatenate[Anything, ...], R], /) -> Task[..., R, ..., R]: ...
    @overload
    def __call__(
        self, fn: Callable[Concatenate[Context, P], Coroutine[Any, Any, R]], /
    ) -> Task[P, R, Concatenate[Context, P], Coroutine[Any, Any, R]]: ...
    @overload
    def __call__(
        self, fn: Callable[Concatenate[Context, P], R], /
    ) -> Task[P, R, Concatenate[Context, P], R]: ...
    @overload
    def __call__(
        self, fn: Callable[[Unpack[Ts], Context], Coroutine[Any, Any, R]], /
    ) -> Task[..., R, ..., Coroutine[Any, Any, R]]: ...
    @overload
    def __call__(self, fn: Callable[[Unpack[Ts], Context], R], /) -> Task[..., R, ..., R]: ...
    @overload
    def __call__(
        self, fn: Callable[P, Coroutine[Any, Any, R]], /
    ) -> Task[P, R, P, Coroutine[Any, Any, R]]: ...
    @overload
    def __call__(self, fn: Callable[P, R], /) -> Task[P, R, P, R]: ...
    @overload
    def __call__(
        self,
        /,
        *,
        batch: Batch | int,
        name: str | None = None,
        queue: str = DEFAULT_QUEUE,
        executor: Literal["loop", "thread"] | None = None,
        priority: int | None = None,
        retry: Retry | int | None = None,
        expire_in: timedelta | float | None = None,
        tags: Iterable[str] | None = None,
        retention: timedelta | float | None = None,
        deadline: timedelta | float | None = None,
        throttle: Throttle | timedelta | float | None = None,
        debounce: Debounce | timedelta | float | None = None,
        limits: Limit | Rate | Iterable[Limit | Rate] = (),
        group_by: Key | None = None,
        dead_letter: str | None = None,
        **unknown: Never,
    ) -> BatchDecorator: ...
    @overload
    def __call__(
        self,
        /,
        *,
        name: str | None = None,
        queue: str = DEFAULT_QUEUE,
        executor: Executor | None = None,
        priority: int | None = None,
        retry: Retry | int | None = None,
        expire_in: timedelta | float | None = None,
        tags: Iterable[str] | None = None,
        retention: timedelta | float | None = None,
        deadline: timedelta | float | None = None,
        throttle: Throttle | timedelta | float | None = None,
        debounce: Debounce | timedelta | float | None = None,
        limits: Limit | Rate | Iterable[Limit | Rate] = (),
        group_by: Key | None = None,
        dead_letter: str | None = None,
        **unknown: Never,
    ) -> TaskDecorator: ...
    def __call__(
        self,
        fn: Callable[..., Any] | None = None,
        /,
        *,
        name: str | None = None,
        queue: str = DEFAULT_QUEUE,
        executor: Executor | None = None,
        priority: int | None = None,
        retry: Retry | int | None = None,
        expire_in: timedelta | float | None = None,
        tags: Iterable[str] | None = None,
        retention: timedelta | float | None = None,
        deadline: timedelta | float | None = None,
        throttle: Throttle | timedelta | float | None = None,
        debounce: Debounce | timedelta | float | None = None,
        limits: Limit | Rate | Iterable[Limit | Rate] = (),
        group_by: Key | None = None,
        dead_letter: str | None = None,
        batch: Batch | int | None = None,
        **unknown: Any,
    ) -> Any:
        """Make a task of a function.

        Args:
            fn: The function, when the decorator is used without brackets.
            name: What the task is called in the database; the function's name.
            queue: Where its jobs wait.
            executor: Where a worker runs it: "loop" for `async def`, "thread" for `def`, or
                "process", which alone can be ended at any moment.
            priority: As in `using`, for all of its jobs; so are the others.
            retry: The policy; here it may also name exceptions.
            expire_in: How long one attempt may take.
            tags: Words to find its jobs by.
            retention: How long its jobs are kept after they have finished.
            deadline: A job that could not begin for so long after it was sent expires.
            throttle: One job for each key in each window of so long.
            debounce: A job that waits takes the arguments of later sends of its key, and waits so
                long after the last.
            limits: How many of its jobs may run at once, and how many may begin within a time.
            group_by: What claims go round, so that one tenant's many jobs do not hold up
                another's: a parameter's name, or a function whose parameters are some of the
                task's.
            batch: The handler takes a list of jobs, at most so many at once.
            dead_letter: The queue that gets a copy of each job that fails or expires.

        Raises:
            UsageError: The function cannot be a task, or its name is taken.
            UnknownOptionError: There is no such option.
        """
        refuse_unknown(unknown, known=_OPTIONS)
        options = SendOptions(
            priority=priority,
            retry=retry,
            expire_in=expire_in,
            tags=tags,
            retention=retention,
            deadline=deadline,
            throttle=throttle,
            debounce=debounce,
            dead_letter=dead_letter,
        )

        def decorate(function: Callable[..., Any]) -> Task[..., Any, ..., Any]:
            # Annotations may name classes that are local to where the decorator stands.
            local_names = sys._getframe(1 if fn is None else 2).f_locals
            called = name or function.__name__
            where = _executor(called, function, executor, takes_many=batch is not None)
            drawn = several(limits)
            return self._register(
                NewTask(
                    function, called, queue, options, where, local_names, drawn, group_by, batch
                )
            )

        return decorate if fn is None else decorate(fn)


def _executor(
    name: str, fn: Callable[..., Any], asked: Executor | None, *, takes_many: bool
) -> Executor:
    """Where the handler runs; refuses what cannot be."""
    is_async = iscoroutinefunction(fn)
    chosen: Executor = asked or ("loop" if is_async else "thread")
    if chosen not in ("loop", "thread", "process"):
        raise UsageError(
            f"task {name!r} cannot run in executor {chosen!r}: it is loop, thread or process"
        )
    if chosen == "process" and takes_many:
        raise UsageError(
            f"batch task {name!r} cannot run in a process: it runs on the loop or in a thread"
        )
    if chosen == "loop" and not is_async:
        raise UsageError(
            f"task {name!r} cannot run on the loop: it is no `async def`, and would hold up all"
            " others; leave out `executor`, or say thread or process"
        )
    if chosen == "thread" and is_async:
        raise UsageError(
            f"task {name!r} cannot run in a thread: it is `async def`; leave out `executor`"
        )
    return chosen


def signature_of(task: NewTask, *, limit: int) -> tuple[Signature, Batching | None]:
    """What a job of the task takes and results in, and how its jobs are gathered if they are.

    Raises:
        UsageError: The handler cannot be a task, and why.
    """
    if task.batch is None:
        plain = Signature.of(
            task.fn,
            name=task.name,
            context_type=Context,
            limit=limit,
            local_names=task.local_names,
        )
        return plain, None
    found = BatchSignature.of(
        task.fn,
        name=task.name,
        item_type=BatchJob,
        context_type=Context,
        limit=limit,
        local_names=task.local_names,
    )
    return found.signature, batching_of(task.batch, found.parameter)
