"""What can be asked of schedules: each verb as a query."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from howdah._db import wire
from howdah._db.job import Receipt
from howdah._db.query import Query, Row
from howdah._model.cron import Timing
from howdah._model.schedule import Plan


@dataclass(frozen=True, slots=True)
class ScheduleRecord:
    """A schedule as it was when it was read.

    Attributes:
        args: The arguments of each job, by parameter name.
        options: The options of each job.
        cron: The expression, where there is one.
        every: Else the seconds between two ticks.
        jitter: Each job starts up to so many seconds after its tick.
        source: `code` when `@app.schedule` defines it, else `runtime`.
        revision: How often it was defined or edited.
        next_at: The tick that comes next; None when none ever will.
        last_tick: The last tick that was dealt with.
        last_job_id: The last job that it sent.
        paused_at: Since when it is paused.
        read_at: The database's time when it was read.
    """

    name: str
    task: str
    queue: str
    args: dict[str, Any]
    options: dict[str, Any]
    cron: str | None
    every: int | None
    tz: str
    jitter: float
    overlap: str
    catch_up: str
    catch_up_limit: int
    source: str
    revision: int
    next_at: datetime | None
    last_tick: datetime | None
    last_job_id: UUID | None
    paused_at: datetime | None
    paused_by: str | None
    created_at: datetime
    updated_at: datetime
    read_at: datetime

    @property
    def is_paused(self) -> bool:
        """Whether it sends nothing until it is resumed."""
        return self.paused_at is not None

    @property
    def timing(self) -> Timing:
        """When it is due.

        Raises:
            BadScheduleError: Somebody stored what this machine cannot read.
        """
        return Timing(self.cron, self.every, self.tz)


@dataclass(frozen=True, slots=True)
class Due:
    """Schedules that are due alike, with all that decides which ticks are sent.

    Attributes:
        schedules: A JSON array of their names and revisions, as it goes back to `fire`.
    """

    schedules: str
    cron: str | None
    every: int | None
    tz: str
    catch_up: str
    catch_up_limit: int
    next_at: datetime
    now: datetime

    @property
    def names(self) -> list[str]:
        """What they are called."""
        return [name for name, _ in json.loads(self.schedules)]

    def each(self) -> list[Due]:
        """The same, one by one."""
        return [replace(self, schedules=_json([one])) for one in json.loads(self.schedules)]


@dataclass(frozen=True, slots=True)
class Look:
    """What is due, the longest first, and in how many seconds the next is. All at one moment."""

    due: list[Due]
    next_in: float | None


@dataclass(frozen=True, slots=True)
class Fired:
    """How many ticks were sent, and how many skipped since an earlier job still ran."""

    sent: int
    skipped: int


def now() -> Query[datetime]:
    """The database's time."""
    return Query("schedule/now", {}, lambda rows: datetime.fromtimestamp(rows[0][0], UTC))


def put(schedules: Sequence[Mapping[str, Any]], *, source: str) -> Query[list[str]]:
    """Store or edit schedules. Answers with the names of those that are new or changed."""
    return Query("schedule/put", {"schedules": _json(schedules), "source": source}, _names)


def stray(names: Sequence[str]) -> Query[list[str]]:
    """The schedules that some code defined, other than these."""
    return Query("schedule/stray", {"names": _json(names)}, _names)


def get(name: str) -> Query[ScheduleRecord | None]:
    """One schedule."""
    return Query("schedule/get", {"name": name}, lambda rows: _record(rows[0]) if rows else None)


def find() -> Query[list[ScheduleRecord]]:
    """Every schedule, by name."""
    return Query("schedule/list", {}, lambda rows: [_record(row) for row in rows])


def names() -> Query[list[str]]:
    """The names of all schedules."""
    return Query("schedule/names", {}, _names)


def pause(name: str, *, by: str | None) -> Query[bool]:
    """Send no more ticks. Answers whether there is such a schedule."""
    return Query("schedule/pause", {"name": name, "by": by}, bool)


def resume(record: ScheduleRecord) -> Query[bool]:
    """Go on with the tick that comes next. Answers whether it was paused, and still as read.

    Raises:
        BadScheduleError: When it is due cannot be read here.
    """
    next_at = record.timing.next_after(record.read_at)
    return Query(
        "schedule/resume",
        {"name": record.name, "revision": record.revision, "next_at": _seconds(next_at)},
        bool,
    )


def delete(name: str) -> Query[bool]:
    """Forget a schedule. Answers whether there was one."""
    return Query("schedule/delete", {"name": name}, bool)


def run(name: str) -> Query[Receipt | None]:
    """Send a job of a schedule now. Answers with None where there is no such schedule."""
    return Query("schedule/run", {"name": name}, _receipt)


def due(*, limit: int, without: Iterable[str] = ()) -> Query[Look]:
    """At most `limit` of the schedules that are due, and when the next is."""
    return Query("schedule/due", {"limit": limit, "without": _json(list(without))}, _look)


def fire(plans: Sequence[tuple[Due, Plan]]) -> Query[Fired]:
    """Send ticks and move their schedules on, where they still are as they were read."""
    # The names are not read here: there may be thousands, and they are JSON already.
    orders = ",".join(
        f'{{"schedules":{due.schedules},"expected":{_seconds(due.next_at)},'
        f'"next":{_json(_seconds(plan.next_at))},"ticks":{_json([*map(_seconds, plan.ticks)])}}}'
        for due, plan in plans
    )
    return Query("schedule/fire", {"orders": f"[{orders}]"}, lambda rows: Fired(*rows[0]))


def prune(*, limit: int) -> Query[int]:
    """Forget old ticks. Answers with how many."""
    return Query("schedule/prune", {"limit": limit}, lambda rows: rows[0][0])


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())


def _names(rows: Sequence[Row]) -> list[str]:
    return [row[0] for row in rows]


def _receipt(rows: Sequence[Row]) -> Receipt | None:
    return Receipt(UUID(rows[0][0]), rows[0][1]) if rows else None


def _look(rows: Sequence[Row]) -> Look:
    return Look([_due(row) for row in rows if row[1] is not None], rows[0][0])


def _due(row: Row) -> Due:
    said: list[Any] = [*row[1:7], *map(_sure_moment, row[7:])]
    return Due(*said)


def _record(row: Row) -> ScheduleRecord:
    said: list[Any] = list(row)
    said[3:5] = map(json.loads, row[3:5])
    said[4] = {**said[4].pop("defaults", {}), **said[4]}
    said[14:16] = map(wire.moment, row[14:16])
    said[16] = None if row[16] is None else UUID(row[16])
    said[17] = wire.moment(row[17])
    said[19:] = map(_sure_moment, row[19:])
    return ScheduleRecord(*said)


def _sure_moment(epoch: float) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)
