"""Many jobs of a task about to be sent: in which statements, and what is said of each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from howdah._db import many
from howdah._db.many import Sent
from howdah._db.query import Query
from howdah._model.identity import JobIds, uuid7s
from howdah._model.options import NOTHING, OPTION_NAMES, SendOptions
from howdah.errors import UsageError
from howdah.order import Call

if TYPE_CHECKING:
    from howdah.task import Sender

# One statement takes so many jobs; more are sent in several, in one transaction.
CHUNK = 10_000
HEAVIEST = 16_000_000
# Of so many it is asked whether they were stored, when a repeated send does not know. All or none
# are, but for those that a policy turned away.
ASKED = 1_000
# What only one job can have.
SINGLE = ("id", "key", "throttle", "debounce", "replace")


@dataclass(frozen=True, slots=True)
class BulkOrder:
    """Many jobs about to be sent, in statements that belong into one transaction.

    Attributes:
        ids: Of the jobs, in the order of the items.
        queries: Send them, in the order of `places`.
        done: Asks whether they were carried out.
        places: Which items the statements send, one after the other.
    """

    ids: JobIds
    queries: list[Query[Sent]]
    done: Query[bool]
    places: Sequence[int]

    def stored(self, answers: Sequence[Sent]) -> JobIds:
        """The ids that the database answered with, for those that were made here."""
        others: dict[int, str] = {}
        start = 0
        for sent in answers:
            others |= {self.places[start + at]: job_id for at, job_id in sent.others.items()}
            # Whatever was not stored is among the others.
            start += sent.count + len(sent.others)
        return self.ids.with_others(others) if others else self.ids


def bulk_order(sender: Sender[..., Any], items: Iterable[Any]) -> BulkOrder:
    """Check and encode many jobs, and make the queries that send them.

    Raises:
        UsageError: An option of all is about one job, or an item is no call of this task.
        PayloadError: The arguments of one do not fit.
    """
    for name in SINGLE:
        if getattr(sender.merged, name) is not None:
            raise UsageError(
                f"cannot send many with one {name}: leave out `{name}`, or say it of each item, as"
                f" in {sender.task.name}.using({name}=...).call(...)"
            )
    given = list(items)
    if not (given and isinstance(given[0], Call)):
        return _alike(sender, given, sender.task.signature.encode_many(given))
    encoded = _encoded(sender, given)
    if any(_own_options(sender, call) is not NOTHING for call in given):
        return _each(sender, given, encoded)
    return _alike(sender, given, encoded)


def _alike(sender: Sender[..., Any], items: list[Any], encoded: list[str]) -> BulkOrder:
    """Jobs with the same options, as most are: they are inserted all at once."""
    task = sender.task
    groups, limits = _draws_of(sender, items)
    ids = uuid7s(len(encoded))
    said = sender.merged.to_mapping()
    tags = said.get("tags")
    all_said = _json(sender.said)
    queries = [
        many.send_many(
            queue=task.queue,
            task=task.name,
            ids=ids[at:end],
            args=encoded[at:end],
            priority=said.get("priority", 0),
            start_after=said.get("start_after"),
            delay=said.get("delay"),
            tags=None if tags is None else _array_literal(tags),
            retry=_json(said["retry"]) if "retry" in said else None,
            expire_in=said.get("expire_in"),
            retention=said.get("retention"),
            deadline=said.get("deadline"),
            dead_letter=said.get("dead_letter"),
            groups=groups and groups[at:end],
            limits=limits and limits[at:end],
            quotas=task.drawer.definitions,
            options=all_said,
        )
        for at, end in _chunks(map(len, encoded), None if sender.conn is not None else CHUNK)
    ]
    return BulkOrder(JobIds(ids), queries, many.exist(ids[:ASKED]), range(len(ids)))


def _each(sender: Sender[..., Any], calls: list[Call[Any]], encoded: list[str]) -> BulkOrder:
    """Jobs with options of their own."""
    ids = uuid7s(len(calls))
    made: list[str] = []
    said: list[str] = []
    keys: list[tuple[str, str]] = []
    joined: dict[int, Sender[..., Any]] = {}
    for at, call in enumerate(calls):
        if (one := joined.get(id(call.sender))) is None:
            one = joined[id(call.sender)] = sender.joined(_own_options(sender, call))
        more = one.members(call.draws)
        if one.merged.id is None:
            made.append(ids[at])
            said.append(f'{{"id":"{ids[at]}","new_id":true{more}}}')
            keys.append((one.merged.key or "", ""))
        else:
            ids[at] = str(one.merged.id)
            said.append(f"{{{more[1:]}}}")
            keys.append((one.merged.key or "", ids[at]))
    # Two who send the same keys at once wait for each other, each for the other's first where the
    # order differs. Of one key the order of the items stays.
    places = sorted(range(len(calls)), key=lambda at: keys[at])
    task = sender.task
    queries = [
        many.send_each(
            queue=task.queue,
            task=task.name,
            args=[encoded[at] for at in places[start:end]],
            options=[said[at] for at in places[start:end]],
        )
        for start, end in _chunks(
            (len(encoded[at]) + len(said[at]) for at in places),
            None if sender.conn is not None else CHUNK,
        )
    ]
    return BulkOrder(JobIds(ids), queries, many.exist(made[:ASKED]), places)


def _own_options(sender: Sender[..., Any], call: Call[Any]) -> SendOptions:
    """What a call says that neither its task nor this send says, or says otherwise."""
    own, task = call.sender, sender.task
    if own is task or own is sender:
        return NOTHING
    said = {
        name: value
        for name in OPTION_NAMES
        if (value := getattr(own.options, name))
        not in (getattr(task.options, name), getattr(sender.options, name))
    }
    return SendOptions(**said) if said else NOTHING


def _encoded(sender: Sender[..., Any], calls: Iterable[Any]) -> list[str]:
    """The arguments of many calls of a task."""
    task = sender.task.name
    encoded: list[str] = []
    for at, call in enumerate(calls):
        if not isinstance(call, Call) or call.task != task:
            raise UsageError(
                f"cannot send {call!r} with {task!r}: every item must be made by {task}.call(...)"
            )
        if call.sender.conn is not None and call.sender.conn is not sender.conn:
            raise UsageError(
                f"cannot send item {at} with its own conn: all are sent in one transaction, as in"
                f" {task}.using(conn=...).send_many(...)"
            )
        if call.blanks:
            raise UsageError(
                f"cannot send {task!r} with the result of a job that is not over: add the call to a"
                " flow, app.flow()"
            )
        encoded.append(call.encoded)
    return encoded


def _draws_of(
    sender: Sender[..., Any], items: list[Any]
) -> tuple[list[str | None] | None, list[tuple[str, ...] | None] | None]:
    """The groups of many jobs, and what they draw from, where they have any."""
    group = sender.merged.group
    if not sender.task.drawer.is_needed:
        groups: list[str | None] = [group] * len(items)
        return None if group is None else groups, None
    draws = [sender.task.draws_of(item) for item in items]
    return [group or one.group for one in draws], [one.limits for one in draws]


def _chunks(weights: Iterable[int], most: int | None) -> Iterator[tuple[int, int]]:
    """Where to cut: after so many jobs, or so many characters.

    On somebody else's connection not by number: it may be in autocommit, where each statement is a
    transaction of its own.
    """
    start = end = total = 0
    for weight in weights:
        total += weight
        if end > start and ((most and end - start >= most) or total > HEAVIEST):
            yield start, end
            start, total = end, weight
        end += 1
    if start < end:
        yield start, end


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _array_literal(words: Iterable[str]) -> str:
    quoted = (word.replace("\\", "\\\\").replace('"', '\\"') for word in words)
    return "{" + ",".join(f'"{word}"' for word in quoted) + "}"
