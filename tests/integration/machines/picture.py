"""What stands in the queues, as read from the rows, and what may be said of it by rule alone.

The rules are told once more here, in plain Python and without a thought for speed: who stands for
a send, who may begin, and what must never be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from tests.integration.desk import Desk

ALONE = ("singleton", "stately", "key_strict_fifo")
ORDERED = ("stately", "key_strict_fifo")

# A limit, and what it is in: ("api", None) in all, ("api", "a") by key.
Entry = tuple[str, str, str]


class Row(NamedTuple):
    """A live job. Moments are seconds on the machine's clock."""

    id: str
    queue: str
    task: str
    priority: int
    state: str
    key: str | None
    line: str | None
    limits: list[str] | None
    policy: str | None
    held: str | None
    ready: int | None
    start_after: float | None
    deadline: float | None

    @property
    def job_id(self) -> UUID:
        """Its id as people know it."""
        return UUID(self.id)

    @property
    def place(self) -> tuple[str, str | None, str]:
        """Where its policy counts it."""
        return self.queue, self.policy, self.key or ""

    @property
    def entries(self) -> set[Entry]:
        """What it draws from: name, tier and key."""
        return {split(entry) for entry in self.limits or ()}


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything at one moment.

    Attributes:
        quotas: What each limit allows, and `blocked` for how long.
        queues: Of each queue: policy, whether nobody may claim from it.
        blocked: Which job blocks a line of a queue.
        slots: Job, name and key of each.
    """

    jobs: dict[str, Row]
    quotas: dict[str, dict[str, Any]]
    policies: dict[str, str | None]
    closed: frozenset[str]
    blocked: dict[tuple[str, str], str]
    slots: set[tuple[str, str, str]]

    def active(self) -> list[Row]:
        """The jobs that run."""
        return [row for row in self.jobs.values() if row.state == "active"]

    def running(self) -> Counter[tuple[str, str | None]]:
        """How many run of each limit, and of each key of it."""
        count: Counter[tuple[str, str | None]] = Counter()
        for row in self.active():
            drawn = {(name, key) for name, _, key in row.entries}
            count.update({*drawn, *((name, None) for name, _ in drawn)})
        return count

    def stands_for(self, queue: str, task: str, key: str | None) -> str | None:
        """The job that is in the way of a new one."""
        policy = self.policies.get(queue)
        for row in self.jobs.values():
            if policy is None:
                if key is not None and (row.task, row.key, row.policy) == (task, key, None):
                    return row.id
            elif row.place == (queue, policy, key or "") and (
                policy == "exclusive" or (policy in ("short", "stately") and row.state == "created")
            ):
                return row.id
        return None

    def next_of(self, queue: str, priority: int, line: str | None) -> Row | None:
        """The job that may begin next of a line, whatever its limits say."""
        here = [
            row
            for row in self.jobs.values()
            if (row.queue, row.priority, row.line) == (queue, priority, line) and row.ready
        ]
        first = min(here, key=lambda row: (row.ready, row.id), default=None)
        if first is None or queue in self.closed:
            return None
        if first.policy not in ALONE:
            return first
        others = [row for row in self.jobs.values() if (row.queue, row.line) == (queue, line)]
        if any(row.state == "active" and row.policy in ALONE for row in others):
            return None
        if first.policy == "key_strict_fifo" and (queue, line or "") in self.blocked:
            return None
        if first.policy in ORDERED:
            first = min(row for row in others if row.policy in ORDERED)
        return first if first.ready and first.priority == priority else None

    def may_begin(self, queues: Sequence[str], begun: Sequence[Begun], now: float) -> list[Row]:
        """Some job of each line that could begin, if any could. Rates are seen strictly."""
        lanes = {
            (row.queue, row.priority, row.line) for row in self.jobs.values() if row.queue in queues
        }
        found = [row for lane in lanes if (row := self.next_of(*lane)) is not None]
        return [row for row in found if all(self._has_room(e, begun, now) for e in row.entries)]

    def _has_room(self, entry: Entry, begun: Sequence[Begun], now: float) -> bool:
        name, _, key = entry
        said = self.quotas.get(name)
        if said is None or said["blocked"]:
            return False
        running = self.running()
        most = self.most_of_key(entry)
        return (
            (said.get("total") is None or running[name, None] < said["total"])
            and (most is None or running[name, key] < most)
            and (
                said.get("rate") is None
                # Windows of the database are longer by up to a 64th.
                or count_begun(begun, name, key, now - said["per"] * 65 / 64) < said["rate"]
            )
        )

    def most_of_key(self, entry: Entry) -> int | None:
        """How many of the entry's key may run."""
        name, tier, key = entry
        said = self.quotas.get(name, {})
        most: int | None = (said.get("tiers") or {}).get(tier, said.get("per_key"))
        return most if key else None


class Begun(NamedTuple):
    """A job with a limit that began, and when."""

    name: str
    key: str
    at: float


def split(entry: str) -> Entry:
    """The name, tier and key of `name/tier:key`."""
    head, _, key = entry.partition(":")
    name, _, tier = head.partition("/")
    return name, tier, key


def count_begun(begun: Iterable[Begun], name: str, key: str, after: float) -> int:
    """How many of a limit and key began after a moment."""
    return sum((one.name, one.key) == (name, key) and one.at > after for one in begun)


def look(desk: Desk) -> Picture:
    """Everything as it is now."""
    said = desk.value(EVERYTHING)
    return Picture(
        jobs={row[0]: Row(*row) for row in said["jobs"]},
        quotas={name: {**what, "blocked": blocked} for name, what, blocked in said["quotas"]},
        policies={
            name: None if policy == "standard" else policy for name, policy, _ in said["queues"]
        },
        closed=frozenset(name for name, _, is_closed in said["queues"] if is_closed),
        blocked={(queue, line): job for queue, line, job in said["blocked"]},
        slots={(job, name, key) for job, name, key in said["slots"]},
    )


EVERYTHING = """
SELECT jsonb_build_object(
    'jobs', (SELECT coalesce(jsonb_agg(jsonb_build_array(
            j.id, j.queue, j.task, j.priority, j.state, j.key, j.line, j.limits, j.policy, j.held,
            j.ready_xid::text::bigint,
            extract(epoch FROM j.start_after - '2100-01-01Z')::float8,
            extract(epoch FROM j.deadline - '2100-01-01Z')::float8)), '[]')
        FROM howdah.job AS j),
    'quotas', (SELECT coalesce(jsonb_agg(jsonb_build_array(
            q.name, q.settings, coalesce(q.blocked_until > howdah.now(), false))), '[]')
        FROM howdah.quota AS q),
    'queues', (SELECT coalesce(jsonb_agg(jsonb_build_array(
            q.name, q.override ->> 'policy',
            q.paused_at IS NOT NULL OR coalesce(q.blocked_until > howdah.now(), false))), '[]')
        FROM howdah.queue AS q),
    'blocked', (SELECT coalesce(jsonb_agg(jsonb_build_array(b.queue, b.line, b.job_id)), '[]')
        FROM howdah.blocked_key AS b),
    'slots', (SELECT coalesce(jsonb_agg(jsonb_build_array(s.job_id, s.name, s.key)), '[]')
        FROM howdah.slot AS s))
"""
