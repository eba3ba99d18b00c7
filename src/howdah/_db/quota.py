"""What can be asked of limits: each verb as a query."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from howdah._db.query import Query, Row


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


def tidy() -> Query[None]:
    """Remove what is over."""
    return Query("quota/tidy", {}, _nothing)


def _nothing(rows: Sequence[Row]) -> None:
    return None


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
