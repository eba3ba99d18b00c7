"""Sends of many jobs at once, and what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from howdah._db import wire
from howdah._db.query import Query, Row


@dataclass(frozen=True, slots=True)
class Sent:
    """The answer to a send of many.

    Attributes:
        count: How many were stored.
        others: For each item that the queue's policy turned away, by its place, the id of the job
            that is in its way.
    """

    count: int
    others: Mapping[int, str]

    @classmethod
    def read(cls, rows: Sequence[Row]) -> Sent:
        """Read the row of `job/send_many.sql` or `job/send_many_plain.sql`."""
        count, told = rows[0][:2]
        if told is None:
            return cls(count, {})
        pairs = (entry.split(" ") for entry in told.split(","))
        return cls(count, {int(place) - 1: job_id for place, job_id in pairs})


# What options say that say nothing.
_NOTHING = ("{}", '{"defaults":{}}')


def send_many(
    *,
    queue: str,
    task: str,
    ids: Sequence[str],
    args: Iterable[str],
    priority: int = 0,
    start_after: str | None = None,
    delay: float | None = None,
    tags: str | None = None,
    retry: str | None = None,
    expire_in: float | None = None,
    retention: float | None = None,
    deadline: str | float | None = None,
    dead_letter: str | None = None,
    groups: Sequence[str | None] | None = None,
    limits: Sequence[Sequence[str] | None] | None = None,
    quotas: Iterable[str] = (),
    options: str = '{"defaults":{}}',
) -> Query[Sent]:
    """Store many new jobs of one task.

    Args:
        groups: The group of each job, where some have one.
        limits: What each job draws from, where some draw from anything; `quotas` are the names.
        options: All of them once more, as `send` takes them: for a queue that has a word in it.
    """
    jobs = {"queue": queue, "task": task, "ids": wire.array(ids), "args": wire.RS.join(args)}
    more = (start_after, delay, tags, retry, expire_in, retention, deadline, dead_letter)
    if options in _NOTHING and not priority and all(one is None for one in (*more, groups, limits)):
        return Query("job/send_many_plain", {**jobs, "count": len(ids)}, Sent.read)
    return Query(
        "job/send_many",
        {
            **jobs,
            "priority": priority,
            "start_after": start_after,
            "delay": delay,
            "tags": tags,
            "retry": retry,
            "expire_in": expire_in,
            "retention": retention,
            "deadline": deadline if isinstance(deadline, str) else None,
            "deadline_in": None if isinstance(deadline, str) else deadline,
            "dead_letter": dead_letter,
            "groups": None if groups is None else wire.records(groups),
            "limits": None
            if limits is None
            else wire.records([None if one is None else wire.US.join(one) for one in limits]),
            "quotas": ",".join(quotas) or None,
            "options": options,
        },
        Sent.read,
    )


def send_each(*, queue: str, task: str, args: Iterable[str], options: Iterable[str]) -> Query[Sent]:
    """Store many jobs of one task, each with options of its own, as JSON text that says its id."""
    jobs = {"queue": queue, "task": task, "args": wire.RS.join(args)}
    return Query("job/send_each", {**jobs, "options": wire.RS.join(options)}, Sent.read)


def exist(ids: Iterable[str]) -> Query[bool]:
    """Whether any job of these ids was ever committed."""
    return Query("job/exist", {"ids": wire.array(ids)}, lambda rows: bool(rows[0][0]))
