"""What a job of a flow may take from its parents, in place of an argument."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, get_args
from uuid import UUID

from typing_extensions import TypeVar

from howdah._model.states import JobState
from howdah.errors import UsageError

R = TypeVar("R", covariant=True, default=Any)

OnFailure = Literal["block", "cancel", "run"]
What = Literal["result", "finished"]


@dataclass(frozen=True, slots=True)
class Finished(Generic[R]):
    """How a parent ended, for a job of a flow that takes it as an argument.

    Attributes:
        id: The parent.
        task: Its task's name.
        state: completed, failed, expired or cancelled.
        result: What its handler returned; None unless it has completed.
        error: What its last attempt left, `type` and `message`; None when it has completed.
    """

    id: UUID
    task: str
    state: JobState
    result: R | None = None
    error: Mapping[str, Any] | None = None

    @property
    def is_completed(self) -> bool:
        """Whether there is a result."""
        return self.state is JobState.COMPLETED


@dataclass(frozen=True, slots=True)
class Blank:
    """Stands for an argument that a parent fills when it is over."""

    parent: str
    what: What

    @property
    def marker(self) -> str:
        """What stands in the child's stored arguments until then; the database reads it."""
        return f"result of {self.parent}" if self.what == "result" else f"finished {self.parent}"

    def __str__(self) -> str:
        raise UsageError(
            "cannot read the result of a job that is not over: give it as an argument of its own;"
            " the key of a limit and the name of a group must be known when a job is sent"
        )


@dataclass(frozen=True, slots=True)
class Dependence:
    """On which parent a job depends, and for what.

    Attributes:
        on_failure: What becomes of the job when the parent fails.
        fills: The parameters of the job that the parent fills, or parts of them.
    """

    parent: str
    on_failure: OnFailure
    fills: tuple[str, ...] = ()

    def to_mapping(self) -> dict[str, Any]:
        """As `howdah.send_flow` takes it."""
        said: dict[str, Any] = {"id": self.parent, "on_failure": self.on_failure}
        return {**said, "fills": self.fills} if self.fills else said


_SUSPECTS = frozenset({Blank, list, tuple})


def has_blanks(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """Whether a parent is to fill one of these arguments."""
    if _SUSPECTS.isdisjoint(map(type, args)) and not kwargs:
        return False
    return any(next(blanks_in(value), None) for value in (*args, *kwargs.values()))


def blanks_in(value: object) -> Iterator[Blank]:
    """Every blank in an argument: itself, or those in a list, or in lists of lists."""
    if isinstance(value, Blank):
        yield value
    elif isinstance(value, list | tuple):
        for one in value:
            yield from blanks_in(one)


def template_of(task: str, name: str, value: object) -> Any:
    """An argument that parents fill, as it is stored until they do.

    Raises:
        UsageError: Some of it is filled by parents, and some is not.
    """
    if isinstance(value, Blank):
        return value.marker
    if isinstance(value, list | tuple):
        return [template_of(task, name, one) for one in value]
    raise UsageError(
        f"cannot call {task!r}: {name} has results of other jobs and values of its own; an argument"
        " is a result, or a list of nothing but results"
    )


def check_on_failure(on_failure: object) -> None:
    """Refuse what is not one of the three words.

    Raises:
        UsageError: It is not.
    """
    if on_failure not in get_args(OnFailure):
        raise UsageError(f"there is no on_failure={on_failure!r}: it is block, cancel or run")
