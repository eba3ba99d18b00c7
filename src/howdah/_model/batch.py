"""Batch tasks: how many jobs a handler gets at once, and what each of them takes and results in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from howdah._model.duration import seconds_of
from howdah._model.parameters import Parameter, read_parameters
from howdah._model.payload import Signature
from howdah.errors import UsageError

LARGEST = 10_000
# Long enough for what is sent at one time to come together, and hardly noticed by who waits.
WAIT = 0.1
# The one argument that a job of a batch task has, as it is stored.
VALUE = "value"

_LISTS = (list, Sequence, Iterable)


@dataclass(frozen=True, slots=True)
class Batch:
    """How jobs are gathered for a handler that takes many at once.

    Args:
        size: At most so many.
        wait: A smaller batch is begun when its first job has waited so long in this worker. 0 takes
            what is there.

    Raises:
        UsageError: The size or the time is out of range.
    """

    size: int
    wait: timedelta | float = WAIT

    def __post_init__(self) -> None:
        size: object = self.size
        if type(size) is not int or not 1 <= size <= LARGEST:
            raise UsageError(f"cannot make batches of {self.size!r}: from 1 to {LARGEST:,}")
        seconds_of(self.wait, what="wait")


@dataclass(frozen=True, slots=True)
class Batching:
    """The same as a worker reads it, with the name of the parameter that takes the jobs."""

    size: int
    wait: float
    parameter: str


def batching_of(batch: Batch | int, parameter: str) -> Batching:
    """How a task gathers its jobs.

    Raises:
        UsageError: The size is no number, or out of range.
    """
    batch = batch if isinstance(batch, Batch) else Batch(batch)
    return Batching(batch.size, seconds_of(batch.wait, what="wait"), parameter)


@dataclass(frozen=True, slots=True)
class BatchSignature:
    """What one job of a batch task takes and results in, and which parameter takes the jobs."""

    signature: Signature
    parameter: str

    @classmethod
    def of(
        cls,
        fn: Callable[..., Any],
        *,
        name: str,
        item_type: type,
        context_type: type,
        limit: int,
        local_names: Mapping[str, Any] | None = None,
    ) -> BatchSignature:
        """Read the signature of a handler that takes a list of jobs. As `Signature.of`.

        Args:
            item_type: What each entry of the list is; its own argument is what a sender gives.

        Raises:
            UsageError: It does not take one list of jobs, or the handler cannot be a task.
        """
        found = read_parameters(fn, task=name, context_type=context_type, local_names=local_names)
        wanted = f"one parameter, annotated list[{item_type.__name__}[...]]"
        if found.context is not None or len(found.payload) != 1:
            raise UsageError(f"cannot make a batch task of {name!r}: its handler takes {wanted}")
        (parameter,) = found.payload
        if get_origin(parameter.hint) not in _LISTS:
            raise UsageError(
                f"cannot make a batch task of {name!r}: {parameter.name!r} must be {wanted}"
            )
        (item,) = get_args(parameter.hint)
        if item is not item_type and get_origin(item) is not item_type:
            raise UsageError(
                f"cannot make a batch task of {name!r}: {parameter.name!r} must be {wanted}"
            )
        hint = get_args(item)[0] if get_args(item) else Any
        signature = Signature(
            task=name,
            parameters=(Parameter(VALUE, hint, is_required=True, is_positional=True),),
            returns=_result_of(found.returns, name),
            context=None,
            limit=limit,
        )
        return cls(signature, parameter.name)


def takes_value(value: Any) -> None:
    """What one job of a batch task takes, for those who read it off a function."""


def _result_of(hint: Any, task: str) -> Any:
    """What one job results in, when the handler returns that."""
    if hint is Any or hint in (None, NoneType):
        return hint
    if get_origin(hint) in (Union, UnionType):
        others = [one for one in get_args(hint) if one is not NoneType]
        hint = others[0] if len(others) == 1 else hint
    if get_origin(hint) not in (*_LISTS, tuple) and hint not in (list, Sequence):
        raise UsageError(
            f"cannot make a batch task of {task!r}: it is annotated to return {hint}, and must"
            " return None or a list with an outcome for each job"
        )
    arguments = get_args(hint)
    return _without_errors(arguments[0]) if arguments else Any


def _without_errors(hint: Any) -> Any:
    """What is left of an outcome when exceptions are taken out: those do not become results."""
    parts = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    kept = [one for one in parts if not (isinstance(one, type) and issubclass(one, BaseException))]
    # An `Outcome` that says nothing of its result has none.
    kept = [NoneType if isinstance(one, TypeVar) else one for one in kept]
    return Union[tuple(kept)] if kept else NoneType  # noqa: UP007 - made at run time
