"""What can be asked of limits: each verb as a query."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from howdah._db.query import Query, Row
from howdah._db.steps import Steps
from howdah._db.wire import moment
from howdah._model.nearest import hint, nearest
from howdah.errors import UnknownLimitError, UsageError


@dataclass(frozen=True, slots=True)
class LimitRecord:
    """A limit as it is now.

    Attributes:
        total, per_key, tiers: How many jobs may run at once: in all, of a key, of a tier's key.
        rate, per: How many may begin within how long.
        code: What the code says, and `override` what an operator said over it.
        running: Jobs that hold a slot now.
        waiting: Jobs that could run now if it were not for limits.
        blocked_for: How long a handler asked to be left alone, if that is not over.
    """

    name: str
    total: int | None
    per_key: int | None
    tiers: Mapping[str, int]
    rate: int | None
    per: timedelta | None
    code: Mapping[str, Any]
    override: Mapping[str, Any]
    running: int
    waiting: int
    blocked_for: timedelta | None


@dataclass(frozen=True, slots=True)
class SlotHolder:
    """A job that holds a slot of a limit.

    Attributes:
        key: The key that the slot is of, where the limit tells jobs apart.
        worker: Where the job runs.
        since: Since when.
    """

    job: UUID
    task: str
    queue: str
    key: str | None
    worker: int | None
    since: datetime | None


@dataclass(frozen=True, slots=True)
class KeyUsage:
    """How it stands with one key of a limit.

    Attributes:
        tier: Its tier, if that is told by the jobs that run and wait.
        most: How many of its jobs may run at once.
        running: Its jobs that hold a slot now.
        waiting: Its jobs that could run now if it were not for limits.
        begun: Its jobs that began within the window of a rate.
    """

    key: str
    tier: str | None
    most: int | None
    running: int
    waiting: int
    begun: int


@dataclass(frozen=True, slots=True)
class LimitUsage:
    """A limit, and who takes what of it.

    Attributes:
        limit: The limit as it is now.
        begun: Jobs without a key that began within the window of a rate.
        holders: Which jobs hold its slots, the longest first; of very many some.
        keys: Its keys, those of which the most wait first; of very many some.
    """

    limit: LimitRecord
    begun: int
    holders: tuple[SlotHolder, ...]
    keys: tuple[KeyUsage, ...]


def register(definitions: Mapping[str, Mapping[str, Any]]) -> Query[None]:
    """Tell what the code says of its limits."""
    return Query("quota/register", {"definitions": json.dumps(definitions)}, _nothing)


def find(name: str | None = None) -> Query[list[LimitRecord]]:
    """Every limit, or the one of that name."""
    return Query("quota/list", {"name": name}, lambda rows: [_record(row) for row in rows])


def put(name: str, override: Mapping[str, Any]) -> Query[None]:
    """Say something over what the code says."""
    return Query("quota/put", {"name": name, "override": json.dumps(override)}, _nothing)


def delete(name: str) -> Query[bool]:
    """Forget a limit. Answers with whether there was one."""
    return Query("quota/delete", {"name": name}, bool)


def block(seconds: float, *, queue: str, name: str | None) -> Query[list[str] | None]:
    """Let nothing of a limit begin for so long; without a name, nothing of the queue.

    Answers with the names of the limits that there are, where none has that name.
    """
    return Query(
        "quota/block",
        {"seconds": seconds, "queue": queue, "name": name},
        lambda rows: json.loads(rows[0][0]) if rows else None,
    )


def read(name: str) -> Steps[LimitRecord]:
    """Read a limit.

    Raises:
        UnknownLimitError: There is none of that name.
    """
    known: list[LimitRecord] = yield find()
    for one in known:
        if one.name == name:
            return one
    raise UnknownLimitError(
        f"there is no limit {name!r}: {hint(name, [one.name for one in known])}", name=name
    )


def usage(name: str, *, most: int) -> Steps[LimitUsage]:
    """Read a limit, who holds its slots, and how it stands with its keys: so many of each.

    Raises:
        UnknownLimitError: There is none of that name.
    """
    limit = yield from read(name)
    params = {"name": name, "limit": most}
    holders: tuple[SlotHolder, ...] = yield Query("quota/holders", params, _holders)
    rows: Sequence[Row] = yield Query("quota/keys", params, lambda rows: rows)
    keys = [
        KeyUsage(key, tier, limit.tiers.get(tier, limit.per_key), running, waiting, begun)
        for key, tier, running, waiting, begun in rows
    ]
    begun = sum(one.begun for one in keys if not one.key)
    return LimitUsage(limit, begun, holders, tuple(one for one in keys if one.key))


def change(name: str, said: Mapping[str, Any]) -> Steps[LimitRecord]:
    """Say something over what the code says of a limit, and read it.

    Raises:
        UsageError: It would have a rate in no time.
    """
    known: list[LimitRecord] = yield find(name)
    merged = {**(known[0].code if known else {}), **said}
    if merged.get("rate") is not None and merged.get("per") is None:
        raise UsageError(
            f"cannot give limit {name!r} a rate of {merged['rate']}: say per what time, too"
        )
    yield put(name, said)
    return (yield from read(name))


def doubt(name: str) -> Steps[str | None]:
    """What to say of a limit that an operator knows and no code, perhaps by a slip."""
    known: list[LimitRecord] = yield find()
    of_code = {one.name for one in known if one.code}
    if name in of_code:
        return None
    near = nearest(name, of_code)
    meant = "" if near is None else f"; did you mean {near!r}?"
    return f"no code has defined limit {name!r} yet{meant}"


def forget(name: str) -> Steps[None]:
    """Forget a limit.

    Raises:
        UnknownLimitError: There is none of that name.
    """
    if not (yield delete(name)):
        yield from read(name)


def tidy() -> Query[None]:
    """Remove what is over."""
    return Query("quota/tidy", {}, _nothing)


def _nothing(rows: Sequence[Row]) -> None:
    return None


def _holders(rows: Sequence[Row]) -> tuple[SlotHolder, ...]:
    return tuple(
        SlotHolder(UUID(job), task, queue, key, worker, moment(since))
        for job, task, queue, key, worker, since in rows
    )


def _record(row: Row) -> LimitRecord:
    settings = json.loads(row[1])
    per = settings.get("per")
    return LimitRecord(
        name=row[0],
        total=settings.get("total"),
        per_key=settings.get("per_key"),
        tiers=settings.get("tiers") or {},
        rate=settings.get("rate"),
        per=None if per is None else timedelta(seconds=per),
        code=json.loads(row[2]),
        override=json.loads(row[3]),
        running=row[4],
        waiting=row[5],
        blocked_for=None if row[6] is None else timedelta(seconds=row[6]),
    )
