"""Keys, policies, limits, rates, groups, pauses and deadlines, in any order and all at once."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from howdah._db import job as jobs
from howdah._db import queue as queues
from howdah._db import quota as quotas
from howdah._model.outcome import Verdict
from howdah.errors import MissingKeyError
from tests.integration.machines.drained import Drained
from tests.integration.machines.ground import FINISHES, RETURNS, delays, far_back, reach, times
from tests.integration.machines.picture import look, split

QUEUES = ("q", "r")
TASKS = ("t", "u")
# The key "a" and the limit "a" make lines of one name, where a queue gets another policy.
LIMITS: dict[str, dict[str, Any]] = {
    "a": {"total": 2},
    "keyed": {"total": 3, "per_key": 1},
    "tiered": {"per_key": 1, "tiers": {"gold": 2}},
    "rate": {"rate": 2, "per": 10.0},
}
ENTRIES = ("a", "keyed:x", "keyed:y", "tiered:x", "tiered/gold:x", "rate", "rate:x")

policies = st.sampled_from(
    ["standard", "short", "singleton", "stately", "exclusive", "key_strict_fifo"]
)
keys = st.sampled_from([None, "a", "a", "b"])
groups = st.sampled_from([None, None, "a", "g"])
entries = st.one_of(
    st.none(),
    st.lists(st.sampled_from(ENTRIES), min_size=1, max_size=2, unique_by=lambda one: split(one)[0]),
)
orders = st.sampled_from([("q", "r"), ("r", "q"), ("q",)])


class Lines(Drained):
    """Two queues, two tasks and four limits."""

    limits = LIMITS

    said = frozenset(
        {
            "sent",
            "turned away",
            "refused",
            "claimed",
            "held up",
            "finished",
            "put back",
            "blocked a key",
            "paused",
            "held",
            "lifted",
            "late",
            "drained",
        }
    )

    def __init__(self) -> None:
        super().__init__()
        self.desk.run(queues.register(dict.fromkeys(QUEUES)))
        self.desk.run(quotas.register(LIMITS))
        self.was = look(self.desk)

    # Operators.

    @initialize(first=policies, second=policies)
    def begin_with_policies(self, first: str, second: str) -> None:
        self.desk.run(queues.put("q", {"policy": first}))
        self.desk.run(queues.put("r", {"policy": second}))

    @rule(queue=st.sampled_from(QUEUES), policy=policies)
    def change_policy(self, queue: str, policy: str) -> None:
        self.desk.run(queues.put(queue, {"policy": policy}))

    @rule(name=st.sampled_from(["a", "keyed"]), total=st.integers(0, 3))
    def change_limit(self, name: str, total: int) -> None:
        self.desk.run(quotas.put(name, {"total": total}))

    @rule(name=st.sampled_from(sorted(LIMITS)), comes_back=st.sampled_from([True, True, False]))
    def forget_limit(self, name: str, comes_back: bool) -> None:
        self.desk.run(quotas.delete(name))
        if comes_back:
            self.desk.run(quotas.register(LIMITS))

    @rule(queue=st.sampled_from(QUEUES), name=st.sampled_from([None, "a"]))
    def ask_to_wait(self, queue: str, name: str | None) -> None:
        self.desk.run(quotas.block(5.0, queue=queue, name=name))

    @rule(name=st.sampled_from([*QUEUES, None]))
    def pause(self, name: str | None) -> None:
        if name is None:
            self.desk.run(queues.pause_everything(by=None, reason=None))
        else:
            self.desk.run(queues.pause(name, by=None, reason=None))
        self.count("paused")

    @rule(name=st.sampled_from([*QUEUES, None]))
    def resume(self, name: str | None) -> None:
        if name is None:
            self.desk.run(queues.resume_everything())
            assert not any(self.desk.sql("SELECT FROM howdah.queue WHERE paused_with_all"))
        else:
            self.desk.run(queues.resume(name))
            assert name not in look(self.desk).closed or self._is_asked_to_wait(name)

    def _is_asked_to_wait(self, name: str) -> bool:
        return bool(
            self.desk.value(
                "SELECT blocked_until > howdah.now() FROM howdah.queue WHERE name = %s", name
            )
        )

    @rule(task=st.sampled_from(TASKS))
    def pause_task(self, task: str) -> None:
        self.desk.run(queues.pause_task(task, by=None, reason=None))
        self.desk.run(queues.hold(task, after=None, limit=1000))
        for row in look(self.desk).jobs.values():
            is_queued = row.task == task and row.state in ("created", "retry")
            assert (row.held == "task") == is_queued or row.task != task
            self.count("held", happened=is_queued)

    @rule(task=st.sampled_from(TASKS), limit=st.sampled_from([1, 100]))
    def resume_task(self, task: str, limit: int) -> None:
        self.desk.run(queues.resume_task(task))
        while count := self.desk.run(queues.lift(limit=limit)):
            assert count <= limit
            self.count("lifted")
        paused = {one.name for one in self.desk.run(queues.pauses()) if one.kind == "task"}
        held = {row.task for row in look(self.desk).jobs.values() if row.held == "task"}
        assert held <= paused

    @rule(queue=st.sampled_from(QUEUES), key=st.sampled_from(["a", "b"]))
    def unblock(self, queue: str, key: str) -> None:
        assert ((queue, key) in self.was.blocked) == self.desk.run(queues.unblock(queue, key))

    # Senders.

    @rule(
        queue=st.sampled_from(QUEUES),
        task=st.sampled_from(TASKS),
        key=keys,
        priority=st.sampled_from([0, 0, 7]),
        delay=delays,
        group=groups,
        limits=entries,
        deadline=st.sampled_from([None, None, None, 10.0]),
    )
    def send_one(self, **said: Any) -> None:
        self.send_job(**said)

    @rule(
        queue=st.sampled_from(QUEUES), keys=st.lists(keys, min_size=2, max_size=4), limits=entries
    )
    def send_some(self, queue: str, keys: list[str | None], limits: list[str] | None) -> None:
        """What stands in each other's way."""
        for key in keys:
            self.send_job(queue=queue, task="t", key=key, limits=limits)
            self.was = look(self.desk)

    def send_job(self, queue: str, task: str, key: str | None, **options: Any) -> None:
        expected, job_id = self.was.stands_for(queue, task, key), self.new_id()
        said = {"id": job_id, "key": key, **options}
        if self.was.policies.get(queue) == "key_strict_fifo" and key is None:
            try:
                self.send(queue=queue, task=task, **said)
            except MissingKeyError:
                self.count("refused")
                return
            raise AssertionError("it was sent without a key to a strict order")

        receipt = self.send(queue=queue, task=task, **said)

        assert (expected or job_id, expected is None) == (str(receipt.id), receipt.created)
        self.count("sent" if receipt.created else "turned away")

    @rule(queue=st.sampled_from(QUEUES), group=groups, limits=entries)
    def send_in_an_open_transaction(
        self, queue: str, group: str | None, limits: list[str] | None
    ) -> None:
        """With a key of its own, or others would rightly wait to see what becomes of it."""
        job_id = self.new_id()
        said = {"id": job_id, "key": job_id, "group": group, "limits": limits}
        options = {name: value for name, value in said.items() if value is not None}
        self.sender.run(jobs.send(queue=queue, task="t", args="{}", options=json.dumps(options)))

    @rule(commits=st.sampled_from([True, True, False]))
    def end_the_open_transaction(self, commits: bool) -> None:
        self.sender.connection.commit() if commits else self.sender.connection.rollback()

    @precondition(lambda self: self.was.jobs)
    @rule(back=far_back, priority=st.sampled_from([0, 7]), limits=entries)
    def change_job(self, back: int, priority: int, limits: list[str] | None) -> None:
        changes = {"priority": priority} if limits is None else {"limits": limits}
        self.do(jobs.update(self._some_job(back), json.dumps(changes)))

    # Workers.

    @precondition(lambda self: self.was.jobs)
    @rule(queues=orders, limit=st.sampled_from([1, 2, 3, 10]), remembers=st.booleans())
    def claim(self, queues: tuple[str, ...], limit: int, remembers: bool) -> None:
        if not remembers:
            self.hints, self.served = {}, {}
        got = self.claim_some(queues, limit)
        self.watch_claim(got, queues, limit)
        self.count("claimed", happened=got)
        is_held_up = any(row.ready and row.queue in queues for row in self.was.jobs.values())
        self.count("held up", happened=not got and is_held_up)

    @precondition(lambda self: self.claims)
    @rule(back=far_back, verdict=st.sampled_from(FINISHES))
    def finish(self, back: int, verdict: Verdict) -> None:
        assert self.settle(back, verdict)
        self.count("finished")
        self.count("blocked a key", happened=look(self.desk).blocked.keys() - self.was.blocked)

    @precondition(lambda self: self.claims)
    @rule(back=far_back, verdict=st.sampled_from(RETURNS), delay=delays)
    def put_back(self, back: int, verdict: Verdict, delay: float | None) -> None:
        assert self.settle(back, verdict, None if verdict is Verdict.HELD else delay)
        self.count("put back")

    @precondition(lambda self: self.was.jobs)
    @rule(queues=orders, limit=st.sampled_from([1, 3]), verdict=st.sampled_from(FINISHES))
    def work(self, queues: tuple[str, ...], limit: int, verdict: Verdict) -> None:
        """What is done most of the time."""
        self.claim(queues, limit, True)
        self.was = look(self.desk)
        while self.claims:
            self.finish(0, verdict)

    @precondition(lambda self: self.claims)
    @rule(limit=st.sampled_from([1, 3]))
    def crash(self, limit: int) -> None:
        assert len(self.claims) == self.crash_worker(limit)

    # Anyone.

    @precondition(lambda self: self.was.jobs)
    @rule(back=far_back)
    def cancel(self, back: int) -> None:
        self.do(jobs.cancel(self._some_job(back)))

    @precondition(lambda self: self.was.jobs)
    @rule(back=far_back)
    def delete(self, back: int) -> None:
        self.do(jobs.delete(self._some_job(back)))

    @rule(back=far_back)
    def bring_back(self, back: int) -> None:
        over = self.desk.sql("SELECT id FROM howdah.archive ORDER BY finished_at, id")
        if over:
            (job_id,) = reach(over, back)
            if self.do(jobs.retry(job_id)):
                self.by_hand.add(str(job_id))

    @precondition(lambda self: self.was.jobs)
    @rule(back=far_back)
    def hurry(self, back: int) -> None:
        """Run what waits for its retry, or is suspended."""
        job_id = self._some_job(back)
        self.do(jobs.retry(job_id))
        self.do(jobs.resume(job_id))

    def _some_job(self, back: int) -> UUID:
        return reach(sorted(self.was.jobs.values()), back).job_id

    # Time.

    @rule(seconds=times)
    def let_time_pass(self, seconds: float) -> None:
        self.pass_time(seconds)
        self.promote_all()

    @rule(seconds=st.sampled_from([0, 5, 20]))
    def end_what_is_late(self, seconds: float) -> None:
        self.pass_time(seconds)
        late = {
            row.id
            for row in self.was.jobs.values()
            if row.deadline is not None and row.deadline <= self.now and row.state != "active"
        }

        assert len(late) == self.desk.run(jobs.expire_late(limit=1000))

        assert late == self.was.jobs.keys() - look(self.desk).jobs.keys()
        self.count("late", happened=late)
