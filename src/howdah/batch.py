"""What type checkers know of `@app.task(batch=...)`: whom it decorates, and what can be sent."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol, overload

from typing_extensions import TypeVar

from howdah._worker.batch_job import BatchJob, Outcome
from howdah.task import Task

T = TypeVar("T")
R = TypeVar("R")


class BatchDecorator(Protocol):
    """Makes a batch task of a function that takes a list of jobs.

    One job is sent with one value, the argument of `BatchJob`. What the handler returns for it is
    the job's result.
    """

    @overload
    def __call__(
        self, fn: Callable[[list[BatchJob[T]]], Coroutine[Any, Any, None]], /
    ) -> Task[[T], None, [list[BatchJob[T]]], Coroutine[Any, Any, None]]: ...
    @overload
    def __call__(
        self, fn: Callable[[list[BatchJob[T]]], Coroutine[Any, Any, Sequence[Outcome[R]]]], /
    ) -> Task[[T], R, [list[BatchJob[T]]], Coroutine[Any, Any, Sequence[Outcome[R]]]]: ...
    @overload
    def __call__(
        self, fn: Callable[[list[BatchJob[T]]], None], /
    ) -> Task[[T], None, [list[BatchJob[T]]], None]: ...
    @overload
    def __call__(
        self, fn: Callable[[list[BatchJob[T]]], Sequence[Outcome[R]]], /
    ) -> Task[[T], R, [list[BatchJob[T]]], Sequence[Outcome[R]]]: ...
    def __call__(self, fn: Callable[..., Any], /) -> Any:
        """Make the task."""
        ...
