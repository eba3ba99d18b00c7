"""What `howdah doctor` asks of the database: each question as a query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from howdah._db.query import Query, Row


@dataclass(frozen=True, slots=True)
class Server:
    """Who we are, where, and what time it is there (seconds since 1970)."""

    version: str
    database: str
    role: str
    clock: float


@dataclass(frozen=True, slots=True)
class Privilege:
    """Something that the role may do, or may not."""

    kind: str
    name: str
    privilege: str
    held: bool


@dataclass(frozen=True, slots=True)
class Partitions:
    """The day partitions of one table.

    Attributes:
        days: So many days from now on have theirs.
        strays: So many rows stand in the default partition and should not; 10,001 means more.
    """

    table: str
    days: int
    strays: int


@dataclass(frozen=True, slots=True)
class Backlog:
    """Jobs of a queue that a worker could have claimed for long.

    Attributes:
        served_by: `worker`, `hand` where somebody claims by hand, `others` where the queue's
            workers take only other priorities, or `nobody`.
        oldest: For how many seconds the first has been ready.
        in_lines: All of them stand in lines, as jobs with limits, groups or policies do.
        is_dead_letters: The queue gets dead letters.
        first: The id of the oldest.
    """

    queue: str
    served_by: str
    jobs: int
    oldest: float
    in_lines: bool
    is_dead_letters: bool
    first: str


@dataclass(frozen=True, slots=True)
class Holder:
    """Something that keeps vacuum from removing dead rows.

    Attributes:
        kind: `transaction`, `prepared transaction` or `replication slot`.
        pid: The backend, where there is one.
        name: The application, the transaction's id, or the slot.
        age: Seconds since it began, None when that is not known.
        query: What it runs or ran last, None where we may not see it.
    """

    kind: str
    pid: int | None
    name: str
    state: str
    age: float | None
    query: str | None


@dataclass(frozen=True, slots=True)
class Vacuum:
    """How the table of live jobs is kept. `vacuumed_ago` is in seconds, None when unknown."""

    live: int
    dead: int
    size_bytes: int
    vacuumed_ago: float | None
    is_on: bool


def server() -> Query[Server]:
    """Who we are, where, and what time it is there."""
    return Query("doctor/server", {}, lambda rows: Server(*rows[0]))


def privileges(schema: str) -> Query[list[Privilege]]:
    """What the role may do in the schema, and what it may not."""
    return Query(
        "doctor/privileges", {"schema": schema}, lambda rows: [Privilege(*row) for row in rows]
    )


def partitions(schema: str) -> Query[list[Partitions]]:
    """How far ahead archive and log have their partitions."""
    return Query(
        "doctor/partitions", {"schema": schema}, lambda rows: [Partitions(*row) for row in rows]
    )


def orphans() -> Query[tuple[int, float | None]]:
    """Active jobs whose worker is gone: how many, and for how many seconds."""
    return Query("doctor/orphans", {}, _count_and_age)


def backlog(*, seconds: float) -> Query[list[Backlog]]:
    """Jobs that have been ready for so long, by queue."""
    return Query(
        "doctor/backlog", {"seconds": seconds}, lambda rows: [Backlog(*row) for row in rows]
    )


def blocked() -> Query[dict[str, int]]:
    """Queues with keys that a failed job blocks, and how many."""
    return Query("doctor/blocked", {}, lambda rows: {row[0]: row[1] for row in rows})


def overdue(*, seconds: float) -> Query[tuple[int, float | None]]:
    """Jobs that are due for so long and not claimable: how many, and the longest delay."""
    return Query("doctor/overdue", {"seconds": seconds}, _count_and_age)


def tasks() -> Query[dict[str, int]]:
    """Which tasks live jobs ask for."""
    return Query("doctor/tasks", {}, lambda rows: {row[0]: row[1] for row in rows})


def horizon() -> Query[list[Holder]]:
    """What keeps vacuum from removing dead rows, the oldest first."""
    return Query("doctor/horizon", {}, lambda rows: [Holder(*row) for row in rows])


def vacuum(schema: str) -> Query[Vacuum]:
    """How the table of live jobs is kept."""
    return Query("doctor/vacuum", {"schema": schema}, lambda rows: Vacuum(*rows[0]))


def durability() -> Query[dict[str, str]]:
    """Settings that would let an acknowledged commit be lost."""
    return Query("doctor/durability", {}, lambda rows: {row[0]: row[1] for row in rows})


def _count_and_age(rows: Sequence[Row]) -> tuple[int, float | None]:
    return rows[0][0], rows[0][1]
