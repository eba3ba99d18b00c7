"""Schedules that several fire at once, as they read them a while ago, and operators between."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, get_args

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from howdah._db import queue as queues
from howdah._db import schedule as schedules
from howdah._db.schedule import Due
from howdah._model.cron import Timing
from howdah._model.outcome import Verdict
from howdah._model.schedule import CatchUp, Overlap, Plan, plan
from tests.integration.machines.ground import Ground, far_back, reach

NAMES = ("a", "b")
ZERO = datetime(2100, 1, 1, tzinfo=UTC).timestamp()

names = st.sampled_from(NAMES)


class Schedules(Ground):
    """Two schedules, and whoever fires them.

    Attributes:
        read: What somebody has read and not fired yet, with what was due then.
        ticks: How each tick was dealt with: the job, or None when it was skipped.
    """

    said = frozenset({"fired", "skipped", "came too late", "paused", "ran at once", "due alike"})

    def __init__(self) -> None:
        super().__init__()
        self.desk.run(queues.register({"q": None}))
        self.read: list[list[tuple[Due, Plan]]] = []
        self.ticks: dict[tuple[str, float], str | None] = {}

    @invariant()
    def a_tick_that_was_dealt_with_stays_so(self) -> None:
        now = self._ticks()
        assert self.ticks.items() <= now.items()
        sent = [job for job in now.values() if job is not None]
        assert len(set(sent)) == len(sent)
        self.ticks = now

    def _ticks(self) -> dict[tuple[str, float], str | None]:
        return {(name, at): job for name, at, job in self.desk.sql(TICKS)}

    @rule(
        name=names,
        every=st.sampled_from([1, 5, 30]),
        overlap=st.sampled_from(get_args(Overlap)),
        catch_up=st.sampled_from(get_args(CatchUp)),
        alike=st.booleans(),
    )
    def put(self, name: str, every: int, overlap: str, catch_up: str, alike: bool) -> None:
        """One, or both of them so that they are due alike."""
        said: dict[str, Any] = {"queue": "q", "args": {}}
        said |= {"options": {}, "cron": None, "every": every, "tz": "UTC", "jitter": 0.0}
        said |= {"overlap": overlap, "catch_up": catch_up, "catch_up_limit": 20}
        said["next_at"] = int(ZERO + (self.now // every + 1) * every)
        put = [{**said, "name": one, "task": one} for one in (NAMES if alike else (name,))]
        self.desk.run(schedules.put(put, source="runtime"))

    @rule(seconds=st.sampled_from([1, 1, 5, 7, 100]))
    def let_time_pass(self, seconds: float) -> None:
        self.pass_time(seconds)

    @rule()
    def read_what_is_due(self) -> None:
        due = self.desk.run(schedules.due(limit=10)).due
        assert all(one.next_at.timestamp() <= ZERO + self.now for one in due)
        assert not {name for one in due for name in one.names} & self._paused()
        self.count("due alike", happened=any(len(one.names) > 1 for one in due))
        plans = [(one, _plan(one)) for one in due]
        if plans:
            self.read.append(plans)

    @precondition(lambda self: self.read)
    @rule(back=far_back, again=st.booleans())
    def fire(self, back: int, again: bool) -> None:
        """What was read now or long ago, and perhaps was fired before."""
        plans = reach(self.read, back)
        if not again:
            self.read.remove(plans)
        records = {name: self.desk.run(schedules.get(name)) for name in NAMES}
        live = {str(row[0]) for row in self.desk.sql("SELECT id FROM howdah.job")}

        fired = self.desk.run(schedules.fire(plans))

        new = {tick: job for tick, job in self._ticks().items() if tick not in self.ticks}
        expected = set()
        for due, name, decided in _each(plans):
            record = records[name]
            if (
                record is None
                or (record.revision, record.next_at) != (_revision(due, name), due.next_at)
                or record.is_paused
            ):
                self.count("came too late")
                continue
            ticks = {(name, tick.timestamp() - ZERO) for tick in decided.ticks}
            expected |= ticks - self.ticks.keys()
            sent = [job for tick, job in new.items() if tick[0] == name and job is not None]
            if record.overlap == "skip":
                is_busy = record.last_job_id is not None and str(record.last_job_id) in live
                assert len(sent) == (0 if is_busy else bool(ticks - self.ticks.keys()))
        assert expected == new.keys()
        assert fired.sent == sum(job is not None for job in new.values())
        assert fired.skipped == len(new) - fired.sent
        self.count("fired", happened=fired.sent)
        self.count("skipped", happened=fired.skipped)

    @rule(name=names, resumes=st.booleans())
    def pause(self, name: str, resumes: bool) -> None:
        known = self.desk.run(schedules.pause(name, by=None))
        record = self.desk.run(schedules.get(name))
        assert known == (record is not None)
        self.count("paused", happened=known)
        if resumes and record is not None:
            assert self.desk.run(schedules.resume(record))
            assert name not in self._paused()

    def _paused(self) -> set[str]:
        return {one.name for one in self.desk.run(schedules.find()) if one.is_paused}

    @rule(name=names)
    def run_now(self, name: str) -> None:
        record = self.desk.run(schedules.get(name))
        receipt = self.desk.run(schedules.run(name))
        assert (receipt is None) == (record is None)
        self.count("ran at once", happened=receipt and receipt.created)

    @rule(name=names)
    def delete(self, name: str) -> None:
        self.desk.run(schedules.delete(name))

    @rule(limit=st.sampled_from([1, 10]))
    def work(self, limit: int) -> None:
        self.claim_some(("q",), limit)
        while self.claims:
            assert self.settle(0, Verdict.COMPLETED)


def _each(plans: list[tuple[Due, Plan]]) -> Iterator[tuple[Due, str, Plan]]:
    return ((due, name, decided) for due, decided in plans for name in due.names)


def _revision(due: Due, name: str) -> int:
    return int(dict(json.loads(due.schedules))[name])


def _plan(due: Due) -> Plan:
    return plan(
        Timing(due.cron, due.every, due.tz),
        first=due.next_at,
        now=due.now,
        catch_up=due.catch_up,
        limit=due.catch_up_limit,
    )


TICKS = """
SELECT t.schedule, extract(epoch FROM t.nominal - '2100-01-01Z')::float8, t.job_id::text
FROM howdah.tick AS t
"""
