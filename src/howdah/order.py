"""What a send is before it is carried out: the same for those who await and those who do not."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from typing_extensions import TypeVar, TypeVarTuple

from howdah._db.job import Receipt
from howdah._db.query import Query
from howdah._model.flow import blanks_in, has_blanks, template_of
from howdah._model.limits import NO_DRAWS, Draws
from howdah.plan import Draft, Plan, Step

if TYPE_CHECKING:
    from howdah.task import Sender

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
class Call(Plan[R]):
    """The arguments of one job, checked and encoded. Made by `task.call(...)`.

    For `send_many`, and for flows. There, what `blanks` names is filled by other jobs.
    """

    task: str
    encoded: str
    sender: Sender[..., R]
    draws: Draws = NO_DRAWS
    blanks: Mapping[str, Any] = field(default_factory=dict)

    def place(self, draft: Draft, after: Sequence[UUID]) -> Step[R]:
        """Make a step of it. For a flow."""
        return draft.step(self, after)


class Positional(Protocol[*Ts]):
    """Anything whose arguments can be given by position."""

    def call(self, *args: *Ts) -> Any: ...


def call_of(sender: Sender[..., R], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Call[R]:
    """Check and encode the arguments of one job, but for those that other jobs fill.

    Raises:
        PayloadError: They do not fit the signature, or cannot be stored.
    """
    signature = sender.task.signature
    if not has_blanks(args, kwargs):
        encoded = signature.encode(args, kwargs)
        return Call(signature.task, encoded, sender, sender.task.draws(args, kwargs))
    values = signature.bind(args, kwargs)
    known = {parameter.name for parameter in signature.parameters}
    blanks = {
        name: value
        for name, value in values.items()
        if name in known and next(blanks_in(value), None)
    }
    rest = {name: value for name, value in values.items() if name not in blanks}
    encoded = signature.without(blanks).encode((), rest)
    markers = {name: template_of(signature.task, name, value) for name, value in blanks.items()}
    templates = json.dumps(markers)
    joined = templates if encoded == "{}" else f"{encoded[:-1]},{templates[1:]}"
    return Call(signature.task, joined, sender, sender.task.draws(args, kwargs), blanks)
