"""What a send is before it is carried out: the same for those who await and those who do not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol

from typing_extensions import TypeVar, TypeVarTuple

from howdah._db.job import Receipt
from howdah._db.query import Query
from howdah._model.identity import JobIds
from howdah._model.limits import NO_DRAWS, Draws

R = TypeVar("R", covariant=True)  # what the job results in
Ts = TypeVarTuple("Ts")


@dataclass(frozen=True, slots=True)
class Order:
    """A job about to be sent: what the blocking and the non-blocking client have in common.

    Attributes:
        query: Sends it.
        again: The same, for when nobody knows whether the first was carried out.
        made_id: The job's id, when it was made for this order and nobody else can have sent it.
    """

    query: Query[Receipt]
    again: Query[Receipt]
    made_id: str | None

    def stored(self, receipt: Receipt) -> bool:
        """Whether this order stored the job, be it at a try whose answer never came."""
        return receipt.created or str(receipt.id) == self.made_id


@dataclass(frozen=True, slots=True)
class BulkOrder:
    """Many jobs about to be sent, in statements that belong into one transaction."""

    ids: JobIds
    queries: list[Query[Any]]
    done: Query[bool]


@dataclass(frozen=True, slots=True)
class Call(Generic[R]):
    """The arguments of one job, checked and encoded, for `send_many`. Made by `task.call(...)`."""

    task: str
    encoded: str
    draws: Draws = NO_DRAWS
    # A member must name R, or checkers could not tell a Call[str] from a Call[int].
    result_type: Callable[[], R] | None = None


class Positional(Protocol[*Ts]):
    """Anything whose arguments can be given by position."""

    def call(self, *args: *Ts) -> Any: ...
