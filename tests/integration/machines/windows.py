"""Throttled, debounced and replacing sends, against a model that holds one job for each window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from howdah._db import job as jobs
from howdah._db import queue as queues
from howdah._model.outcome import Verdict
from tests.integration.machines.ground import RETURNS, Ground, delays, far_back

PER = 10.0

keys = st.sampled_from(["a", "a", "b"])


@dataclass
class Waiting:
    """The job that stands for the sends of a key, and what it should hold."""

    id: str
    first_at: float
    value: int
    start: float | None


class Windows(Ground):
    """Two keys of a task, for windows of either kind.

    Attributes:
        slots: The job of each key and window.
        latest: The job that a key's next debounced or replacing send may change.
    """

    said = frozenset({"throttled", "next slot", "debounced", "replaced", "sent", "begun"})

    def __init__(self) -> None:
        super().__init__()
        self.desk.run(queues.register({"q": None}))
        self.slots: dict[tuple[str, float], str] = {}
        self.latest: dict[str, Waiting] = {}
        self.value = 0

    @invariant()
    def what_waits_holds_what_was_sent_last(self) -> None:
        stored = {row[0]: row[1:] for row in self.desk.sql(WAITING)}
        for one in self.latest.values():
            if one.id in stored:
                value, state, start = stored[one.id]
                assert one.value == value
                assert state != "created" or one.start == start

    def _waits(self, job_id: str) -> bool:
        states = [row[2] for row in self.desk.sql(WAITING) if row[0] == job_id]
        return bool(states) and states[0] in ("created", "retry")

    def _send_next(self, key: str, **options: Any) -> tuple[str, jobs.Receipt]:
        self.value += 1
        job_id = self.new_id()
        args = {"value": self.value}
        receipt = self.send(queue="q", args=args, id=job_id, new_id=True, key=key, **options)
        self.count("sent", happened=receipt.created)
        return job_id, receipt

    @rule(key=keys, next_slot=st.booleans())
    def throttle(self, key: str, next_slot: bool) -> None:
        now, later = self.now // PER * PER, (self.now // PER + 1) * PER
        taken, next_taken = self.slots.get((key, now)), self.slots.get((key, later))

        job_id, receipt = self._send_next(key, throttle={"per": PER, "next_slot": next_slot})

        if taken is None:
            self.slots[key, now] = job_id
        elif next_slot and next_taken is None:
            self.slots[key, later] = job_id
            (start,) = [row[3] for row in self.desk.sql(WAITING) if row[0] == job_id]
            assert later == start
            self.count("next slot")
        else:
            assert not receipt.created
            assert str(receipt.id) == (next_taken if next_slot else taken)
            self.count("throttled")
            return
        assert (job_id, True) == (str(receipt.id), receipt.created)

    @rule(key=keys, wait=st.sampled_from([5.0, 20.0]), most=st.sampled_from([None, 0.0, 30.0]))
    def debounce(self, key: str, wait: float, most: float | None) -> None:
        one = self.latest.get(key)
        changes = one is not None and self._waits(one.id)

        job_id, receipt = self._send_next(key, debounce={"wait": wait, "max_wait": most})

        assert receipt.created != changes
        if one is not None and changes:
            end = self.now + wait
            one.start = end if most is None else min(end, max(one.first_at + most, self.now))
            one.value = self.value
            assert one.id == str(receipt.id)
            self.count("debounced")
        else:
            assert job_id == str(receipt.id)
            self.latest[key] = Waiting(job_id, self.now, self.value, self.now + wait)

    @rule(key=keys, delay=delays, fields=st.sampled_from([["args"], ["start_after"], []]))
    def replace(self, key: str, delay: float | None, fields: list[str]) -> None:
        one = self.latest.get(key)
        changes = one is not None and self._waits(one.id)

        job_id, receipt = self._send_next(key, replace=fields, delay=delay)

        assert receipt.created != changes
        start = None if delay is None else self.now + delay
        if one is not None and changes:
            one.value = self.value if "args" in fields else one.value
            one.start = start if "start_after" in fields and start is not None else one.start
            self.count("replaced")
        else:
            self.latest[key] = Waiting(job_id, self.now, self.value, start)

    @rule(key=keys)
    def cancel(self, key: str) -> None:
        if key in self.latest:
            self.do(jobs.cancel(UUID(self.latest[key].id)))

    @rule(limit=st.sampled_from([1, 5]))
    def claim(self, limit: int) -> None:
        self.count("begun", happened=self.claim_some(("q",), limit))

    @precondition(lambda self: self.claims)
    @rule(back=far_back, verdict=st.sampled_from([Verdict.COMPLETED, *RETURNS]), delay=delays)
    def settle_one(self, back: int, verdict: Verdict, delay: float | None) -> None:
        assert self.settle(back, verdict, None if verdict is Verdict.HELD else delay)

    @rule(seconds=st.sampled_from([1, 5, 12]))
    def let_time_pass(self, seconds: float) -> None:
        self.pass_time(seconds)
        self.promote_all()


WAITING = """
SELECT j.id::text, (j.args ->> 'value')::int, j.state,
       extract(epoch FROM j.start_after - '2100-01-01Z')::float8
FROM howdah.job AS j
"""
