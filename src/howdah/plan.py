"""What a flow is made of: calls, and chains and groups of them, nested as you like.

A plan says nothing until a flow places it: then each of its calls becomes a step, a job that is
about to be sent, whose result the calls after it may take as an argument.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, cast, overload
from uuid import UUID

from typing_extensions import TypeVar

from howdah._model.flow import Blank, Finished
from howdah.errors import UsageError

A = TypeVar("A")
B = TypeVar("B")
D = TypeVar("D")
E = TypeVar("E")
F = TypeVar("F")
R = TypeVar("R", covariant=True)
T = TypeVar("T", contravariant=True)


class Part(Generic[R]):
    """What a plan became in a flow.

    Attributes:
        ends: The ids of the jobs that it ends with: it is over when they are.
    """

    __slots__ = ("_shape", "ends")

    def __init__(self, shape: Any, ends: tuple[UUID, ...]) -> None:
        self._shape = shape
        self.ends = ends

    @property
    def result(self) -> R:
        """Its result, to be given to another call of the flow as an argument.

        Checkers take it for the result itself. What it is here only stands for it: the database
        fills it in when the job that has it is over.
        """
        return cast(R, _results(self._shape))

    def collect(self, results: Callable[[UUID], Any]) -> Any:
        """The results in the shape of the plan: one, or lists of them."""
        return _collected(self._shape, results)


class Step(Part[R]):
    """One job of a flow, with the id that it will have.

    Attributes:
        id: The job's id.
    """

    __slots__ = ("id",)

    def __init__(self, job_id: UUID) -> None:
        super().__init__(job_id, (job_id,))
        self.id = job_id

    @property
    def finished(self) -> Finished[R]:
        """How it ended, also when it failed, to be given to another call as an argument."""
        return cast(Finished[R], Blank(str(self.id), "finished"))

    def __repr__(self) -> str:
        return f"<Step {self.id}>"


class Draft(Protocol):
    """What a plan is placed in."""

    def step(self, call: Any, after: Sequence[UUID]) -> Step[Any]: ...


class Plan(ABC, Generic[R]):
    """Something that a flow can run: a call, a chain or a group."""

    __slots__ = ()

    @abstractmethod
    def place(self, draft: Draft, after: Sequence[UUID]) -> Part[R]:
        """Make steps of it that wait for those jobs. For a flow."""


class Takes(Protocol[T, R]):
    """A task, perhaps with options, that can be called with one argument."""

    def call(self, value: T, /) -> Plan[R]: ...


# A type alias takes its parameters in the order in which they appear.
Link = Takes[A, B] | Plan[B] | Callable[[A], Plan[B]]


@dataclass(frozen=True, slots=True)
class Chain(Plan[R]):
    """Plans that run one after the other. Made by `chain`."""

    first: Plan[Any]
    links: tuple[Any, ...]

    def place(self, draft: Draft, after: Sequence[UUID]) -> Part[R]:
        """Place one after the other."""
        part = self.first.place(draft, after)
        for link in self.links:
            part = _linked(link, part).place(draft, part.ends)
        return part


@dataclass(frozen=True, slots=True)
class Group(Plan[list[A]]):
    """Plans that run side by side. Made by `group`."""

    plans: tuple[Plan[A], ...]

    def place(self, draft: Draft, after: Sequence[UUID]) -> Part[list[A]]:
        """Place all of them side by side."""
        parts = [plan.place(draft, after) for plan in self.plans]
        # What comes after nothing comes after what that would have come after.
        ends = tuple(end for part in parts for end in part.ends) if parts else tuple(after)
        return Part([part._shape for part in parts], ends)


@overload
def chain(first: Plan[A], second: Link[A, B], /) -> Chain[B]: ...
@overload
def chain(first: Plan[A], second: Link[A, B], third: Link[B, D], /) -> Chain[D]: ...
@overload
def chain(
    first: Plan[A], second: Link[A, B], third: Link[B, D], fourth: Link[D, E], /
) -> Chain[E]: ...
@overload
def chain(
    first: Plan[A],
    second: Link[A, B],
    third: Link[B, D],
    fourth: Link[D, E],
    fifth: Link[E, F],
    /,
) -> Chain[F]: ...
@overload
def chain(
    first: Plan[A],
    second: Link[A, B],
    third: Link[B, D],
    fourth: Link[D, E],
    fifth: Link[E, F],
    sixth: Link[F, Any],
    /,
    *links: Link[Any, Any],
) -> Chain[Any]: ...
def chain(first: Plan[Any], /, *links: Any) -> Chain[Any]:
    """Run plans one after the other.

    Args:
        first: What runs first.
        links: What runs then. A task is called with the result of what is before it. A function
            is handed that result, and says what to call with it. A call, or another plan, just
            runs after it.

    Raises:
        UsageError: Something is neither of these.

    Example:
        >>> chain(extract.call(2024), clean, lambda rows: load.call(rows, table="sales"))
    """
    for link in links:
        if not (isinstance(link, Plan) or hasattr(link, "call") or callable(link)):
            raise UsageError(f"cannot chain {link!r}: give a task, a call, a plan or a function")
    return Chain(_checked(first), links)


def group(*plans: Plan[A]) -> Group[A]:
    """Run plans side by side. The result is the list of their results, in this order.

    Raises:
        UsageError: Something is no plan.
    """
    return Group(tuple(map(_checked, plans)))


def chord(plans: Group[A] | Sequence[Plan[A]], callback: Link[list[A], B], /) -> Chain[B]:
    """Run plans side by side, and then one with the list of their results.

    The same as `chain(group(*plans), callback)`.

    Raises:
        UsageError: Something is no plan.
    """
    together = plans if isinstance(plans, Group) else group(*plans)
    return chain(together, callback)


def _checked(plan: Any) -> Any:
    if not isinstance(plan, Plan):
        raise UsageError(f"{plan!r} is nothing that a flow can run: give task.call(...) or a plan")
    return plan


def _linked(link: Any, before: Part[Any]) -> Plan[Any]:
    if isinstance(link, Plan):
        return link
    made = link.call(before.result) if hasattr(link, "call") else link(before.result)
    plan: Plan[Any] = _checked(made)
    return plan


def _results(shape: Any) -> Any:
    if isinstance(shape, list):
        return [_results(one) for one in shape]
    return Blank(str(shape), "result")


def _collected(shape: Any, results: Callable[[UUID], Any]) -> Any:
    if isinstance(shape, list):
        return [_collected(one, results) for one in shape]
    return results(shape)
