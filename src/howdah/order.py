"""What a send is before it is carried out: the same for those who await and those who do not."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from typing_extensions import TypeVar, TypeVarTuple

from howdah._db.job import Receipt
from howdah._db.query import Query
from howdah._db.sent import Sent
from howdah._model.flow import blanks_in, has_blanks, template_of
from howdah._model.identity import JobIds
from howdah._model.limits import NO_DRAWS, Draws
from howdah._model.options import OPTION_NAMES
from howdah.errors import UsageError
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
class BulkOrder:
    """Many jobs about to be sent, in statements that belong into one transaction."""

    ids: JobIds
    queries: list[Query[Sent]]
    done: Query[bool]

    def stored(self, answers: Sequence[Sent]) -> JobIds:
        """The ids that the database answered with, for those that were made here."""
        others: dict[int, str] = {}
        start = 0
        for sent in answers:
            others |= {start + place: job_id for place, job_id in sent.others.items()}
            # Whatever was not stored is among the others.
            start += sent.count + len(sent.others)
        return self.ids.with_others(others) if others else self.ids


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


def encoded_calls(sender: Sender[..., Any], calls: Iterable[Any]) -> list[str]:
    """The arguments of many jobs of a task.

    Raises:
        UsageError: One is no call, or one of another task, with options of its own, or of a flow.
    """
    task = sender.task.name
    encoded: list[str] = []
    for at, call in enumerate(calls):
        if not isinstance(call, Call) or call.task != task:
            raise UsageError(
                f"cannot send {call!r} with {task!r}: every item must be made by {task}.call(...)"
            )
        _check_sender(at, call, sender)
        if call.blanks:
            raise UsageError(
                f"cannot send {task!r} with the result of a job that is not over: add the call to a"
                " flow, app.flow()"
            )
        encoded.append(call.encoded)
    return encoded


def _check_sender(at: int, call: Call[Any], sender: Sender[..., Any]) -> None:
    """Refuse a call that was made with options, or in a transaction, which this send has not."""
    own = call.sender
    if own is sender.task or own is sender:
        return
    said = [
        name
        for name in OPTION_NAMES
        if getattr(own.options, name)
        not in (getattr(sender.task.options, name), getattr(sender.options, name))
    ]
    if own.conn is not None and own.conn is not sender.conn:
        said.append("conn")
    if said:
        raise UsageError(
            f"cannot send item {at} with its own {', '.join(said)}: the options of send_many hold"
            f" for all items, as in {call.task}.using({said[0]}=...).send_many(...)"
        )
