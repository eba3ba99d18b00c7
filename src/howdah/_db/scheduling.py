"""What can be done with schedules, where it takes more than one query."""

from __future__ import annotations

from datetime import datetime
from typing import Never

from howdah._db import schedule as queries
from howdah._db.job import Receipt
from howdah._db.schedule import ScheduleRecord
from howdah._db.steps import Steps
from howdah._model.cron import zone
from howdah._model.nearest import hint
from howdah._model.schedule import Definition
from howdah.errors import UnknownScheduleError, UsageError

MAX_NEXT = 10_000


def put(definition: Definition) -> Steps[ScheduleRecord]:
    """Store or edit a schedule, and read it."""
    moment = yield queries.now()
    yield queries.put([definition.to_mapping(moment)], source="runtime")
    return (yield from get(definition.name))


def get(name: str) -> Steps[ScheduleRecord]:
    """Read a schedule.

    Raises:
        UnknownScheduleError: There is none of that name.
    """
    record: ScheduleRecord | None = yield queries.get(name)
    return record if record is not None else (yield from _refuse(name))


def pause(name: str, *, by: str | None) -> Steps[ScheduleRecord]:
    """Pause a schedule, and read it. Raises as `get`."""
    yield queries.pause(name, by=by)
    return (yield from get(name))


def resume(name: str) -> Steps[ScheduleRecord]:
    """End a pause, and read the schedule. Raises as `get`."""
    while True:
        record = yield from get(name)
        if not record.is_paused:
            return record
        # Refused when somebody edited it since it was read: then it may be due at other times.
        yield queries.resume(record)


def delete(name: str) -> Steps[None]:
    """Forget a schedule. Raises as `get`."""
    if not (yield queries.delete(name)):
        yield from _refuse(name)


def run_now(name: str) -> Steps[Receipt]:
    """Send a job of a schedule now. Raises as `get`."""
    receipt: Receipt | None = yield queries.run(name)
    return receipt if receipt is not None else (yield from _refuse(name))


def next_ticks(name: str, n: int) -> Steps[list[datetime]]:
    """Compute the next ticks of a schedule, on the clock of its zone. Raises as `get`."""
    count: object = n
    if type(count) is not int or not 1 <= count <= MAX_NEXT:
        raise UsageError(f"cannot compute {n!r} ticks: ask for 1 to {MAX_NEXT:,}")
    record = yield from get(name)
    timing = record.timing
    here = zone(record.tz)
    found: list[datetime] = []
    tick = timing.next_after(record.read_at)
    while tick is not None and len(found) < n:
        found.append(tick.astimezone(here))
        tick = timing.next_after(tick)
    return found


def _refuse(name: str) -> Steps[Never]:
    names: list[str] = yield queries.names()
    what_to_do = hint(
        str(name),
        names,
        none="there are none yet; those of the code are stored when a worker starts",
    )
    raise UnknownScheduleError(f"no schedule named {name!r}: {what_to_do}", schedule=name)
