"""Says whatever chance thinks of to the real SQL and to a small model, and compares the answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar, TypeVar
from uuid import UUID

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from howdah._db import job as jobs
from howdah._db import worker as workers
from howdah._db.query import Query
from howdah._model.outcome import Verdict
from howdah._model.retry import Retry
from howdah._model.states import JobState
from howdah.errors import DatabaseError, JobError
from tests.integration.desk import Claim, Desk
from tests.integration.model import LEASE, Job, Refused
from tests.integration.watched import Watched

T = TypeVar("T")

QUEUES = ("q", "r")
FINISHES = (Verdict.COMPLETED, Verdict.FAILED, Verdict.EXPIRED, Verdict.CANCELLED)
RETURNS = (Verdict.RETRY, Verdict.SNOOZED, Verdict.SUSPENDED, Verdict.RELEASED)

# All that is counted: each must be carried out and be refused in a run.
SAID = frozenset(
    {
        "send",
        "send again",
        "send in an open transaction",
        "claim",
        "finish",
        "finish, the answer lost",
        "put back",
        "put back, the answer lost",
        "settled",
        "requests",
        "release of a worker",
        "cancel",
        "retry",
        "resume",
        "promote",
        "expire",
        "beat",
        "sweep",
    }
)

keys = st.sampled_from([None, None, "a", "b"])
delays = st.sampled_from([None, None, 5.0, 50.0])
orders = st.sampled_from([("q", "r"), ("r", "q"), ("q",)])
# How far back to reach among what there ever was: mostly not far, so that most of what is tried
# can be done, and sometimes to what is long over.
far_back = st.sampled_from([0, 0, 0, 1, 1, 2, 3, 5, 8])
limits = st.sampled_from([1, 2, 3])
times = st.sampled_from([0, 0, 1, 4, 25, LEASE + 1])


class Machine(Watched):
    """One schema and one model.

    Attributes:
        sender: The session of somebody whose transaction stays open for a while.
        tally: How often each rule was carried out, and how often refused.
    """

    sender: ClassVar[Desk]
    tally: ClassVar[Counter[tuple[str, bool]]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Job] = []
        self.claims: list[Claim] = []
        self.workers: list[int] = []
        self.hints: dict[int, dict[tuple[str, int], str]] = {}
        self.unsent: list[tuple[Job, float | None]] = []
        self.open_turn: int | None = None
        self.had_late = False
        self.late_turns: set[int] = set()
        for table in ("job", "archive", "worker"):
            self.desk.sql(f"DELETE FROM howdah.{table}")
        # A crashed job comes back after a pause by chance: by the same chance each time.
        self.desk.sql("SELECT pg_catalog.setseed(0.5)")
        self._set_clock()

    def teardown(self) -> None:
        self.sender.connection.rollback()

    def _set_clock(self) -> None:
        self.desk.sql("UPDATE howdah.model_clock SET seconds = %s", self.model.now)

    def _count(self, name: str, was_done: object) -> None:
        self.tally[name, bool(was_done)] += 1

    # Senders.

    @rule(
        queue=st.sampled_from(QUEUES),
        priority=st.sampled_from([0, 0, 7]),
        key=keys,
        delay=delays,
        retries=st.sampled_from([None, 0, 1]),
    )
    def send(
        self,
        queue: str,
        priority: int,
        key: str | None,
        delay: float | None,
        retries: int | None,
    ) -> None:
        """Of a job with a time limit and so many retries, or with none."""
        job = self._new_job(queue, priority, key, retries)
        expected = self.model.send(Job(**_said(job)), delay=delay)

        receipt = self._send(self.desk, job, delay)

        assert (expected, expected == job.id) == (str(receipt.id), receipt.created)
        self._count("send", receipt.created)

    @precondition(lambda self: self.sent)
    @rule(back=far_back, delay=delays)
    def send_again(self, back: int, delay: float | None) -> None:
        job = _reach(self.sent, back)
        if any(job is unsent for unsent, _ in self.unsent):
            return  # the database would rightly wait to see what becomes of it
        is_new = job.id not in self.model.jobs
        expected = self.model.send(Job(**_said(job)), delay=delay)

        receipt = self._send(self.desk, job, delay)

        assert (expected, is_new and expected == job.id) == (str(receipt.id), receipt.created)
        self._count("send again", receipt.created)

    @rule(queue=st.sampled_from(QUEUES), delay=delays)
    def send_in_an_open_transaction(self, queue: str, delay: float | None) -> None:
        job = self._new_job(queue, 0, None, None)
        if self.open_turn is None:
            self.open_turn = self.model.next_turn()
            self.late_turns.add(self.open_turn)
        self.unsent.append((job, None if delay is None else self.model.now + delay))
        self._send(self.sender, job, delay)

    @precondition(lambda self: self.unsent)
    @rule(commits=st.booleans())
    def end_the_open_transaction(self, commits: bool) -> None:
        for job, start_after in self.unsent if commits else ():
            delay = None if start_after is None else start_after - self.model.now
            self.model.send(Job(**_said(job)), delay=delay, turn=self.open_turn)
        self.unsent, self.open_turn = [], None

        self.sender.connection.commit() if commits else self.sender.connection.rollback()
        self._count("send in an open transaction", commits)

    @rule(queue=st.sampled_from(QUEUES), back=far_back, limit=st.integers(1, 2))
    def commit_late(self, queue: str, back: int, limit: int) -> None:
        """What chance alone seldom does: a commit after claims that have seen later sends."""
        self.send_in_an_open_transaction(queue, None)
        self.send(queue, 0, None, None, None)
        self.claim(back, 3, (queue,))
        self.claim(back, 1, (queue,))
        self.end_the_open_transaction(True)
        self.claim(back, limit, (queue,))

    def _new_job(self, queue: str, priority: int, key: str | None, retries: int | None) -> Job:
        job = Job(str(UUID(int=len(self.sent) + 1)), queue, priority, key)
        if retries is not None:
            job.expire_in, job.retry_limit = 20.0, retries
        self.sent.append(job)
        return job

    def _send(self, desk: Desk, job: Job, delay: float | None) -> jobs.Receipt:
        return desk.send_receipt(
            queue=job.queue,
            id=UUID(job.id),
            priority=job.priority,
            key=job.key,
            start_after=delay,
            expire_in=job.expire_in,
            retry=None if job.expire_in is None else Retry(limit=job.retry_limit, jitter=0),
        )

    # Workers.

    @initialize()
    def announce_the_first(self) -> None:
        self._announce()

    @precondition(lambda self: len(self.model.beats) < 2)
    @rule()
    def announce(self) -> None:
        self._announce()

    def _announce(self) -> None:
        worker = self.desk.worker(lease=LEASE)
        self.model.beats[worker] = self.model.now
        self.workers.append(worker)
        self.hints[worker] = {}

    @precondition(lambda self: self.model.claimable(QUEUES))
    @rule(back=far_back, limit=st.integers(1, 3), queues=orders)
    def claim(self, back: int, limit: int, queues: tuple[str, ...]) -> None:
        worker = _reach(self.workers, back)
        expected = self.model.claimable(queues)
        if len({job.ready and job.ready[0] for job in expected} & self.late_turns) > 1:
            limit = len(expected)  # which of two late transactions comes first is nobody's promise
        hints = self.hints[worker]
        query = jobs.claim(queues=queues, limit=limit, worker_id=worker, hints=hints.values())
        if worker not in self.model.beats:
            with pytest.raises(DatabaseError, match="cannot claim"):
                self.desk.run(query)
            self._count("claim", False)
            return
        rows = self.desk.run(query)
        hints.update({(row[4], row[6]): row[12] for row in rows if row[0] is None})
        self.had_late |= any(not hint.endswith("{})") for hint in hints.values())
        got = sorted((Claim(row[0], row[1], worker) for row in rows if row[0]), key=lambda c: c.id)

        self._assert_rightly_chosen([claim.id for claim in got], expected, limit)
        self.model.claim(worker, {claim.id: claim.fence for claim in got})
        self.claims += got
        self._count("claim", got)

    def _assert_rightly_chosen(self, got: list[str], expected: list[Job], limit: int) -> None:
        first = expected[:limit]
        assert len(first) == len(got) == len(set(got))
        if not self.had_late:
            assert {job.id for job in first} == set(got)
            return
        # Those of transactions that committed late come first in their lane.
        lanes = {job.id: (job.queue, job.priority) for job in expected}
        assert Counter(lanes[job.id] for job in first) == Counter(lanes[one] for one in got)

    @precondition(lambda self: self.model.allowing("complete"))
    @rule(back=far_back, verdict=st.sampled_from(FINISHES), is_answer_lost=st.booleans())
    def finish(self, back: int, verdict: Verdict, is_answer_lost: bool) -> None:
        claim = _reach(self.claims, back)
        state = JobState(verdict.value)
        was_done = self._model_says(self.model.finish, claim.id, claim.fence, state)
        self._count("finish", was_done)
        if is_answer_lost:
            self.desk.finish(claim, verdict=verdict)
            self._count("finish, the answer lost", was_done)
            was_done = False

        assert was_done == self.desk.finish(claim, verdict=verdict)

    @precondition(lambda self: self.model.allowing("snooze"))
    @rule(
        back=far_back, verdict=st.sampled_from(RETURNS), delay=delays, is_answer_lost=st.booleans()
    )
    def put_back(
        self, back: int, verdict: Verdict, delay: float | None, is_answer_lost: bool
    ) -> None:
        claim = _reach(self.claims, back)
        was_done = self._model_says(
            self.model.put_back,
            claim.id,
            claim.fence,
            state=JobState.WAITING if verdict is Verdict.SUSPENDED else JobState.RETRY,
            delay=delay,
            is_spent=verdict is Verdict.RETRY,
        )
        self._count("put back", was_done)
        if is_answer_lost:
            self.desk.put_back(claim, verdict=verdict, delay=delay)
            self._count("put back, the answer lost", was_done)
            was_done = False

        assert was_done == self.desk.put_back(claim, verdict=verdict, delay=delay)

    @precondition(lambda self: self.claims)
    @rule(back=far_back)
    def look(self, back: int) -> None:
        claim = _reach(self.claims, back)
        settled = self.desk.run(jobs.settled([(claim.id, claim.fence)]))
        said = self.desk.run(jobs.requests(claim.worker))

        assert self.model.is_settled(claim.id, claim.fence) == bool(settled)
        assert (claim.worker in self.model.beats) == said.is_leased
        assert self.model.asked_to_stop(claim.worker) == said.cancelled
        self._count("settled", settled)
        self._count("requests", said.cancelled)

    @precondition(lambda self: self.claims)
    @rule(back=far_back, knows=st.booleans(), limit=limits)
    def crash(self, back: int, knows: bool, limit: int) -> None:
        """A supervisor sees a child die, and knows what it ran or not."""
        claim = _reach(self.claims, back)
        running = [claim.id] if knows else None
        expected = self.model.release(claim.worker, lambda one: not knows or one == claim.id, limit)

        query = workers.release(claim.worker, running=running, crash_limit=limit)
        assert expected == self.desk.run(query)
        self._count("release of a worker", expected)

    # Anyone.

    @precondition(lambda self: self.model.allowing("cancel"))
    @rule(back=far_back)
    def cancel(self, back: int) -> None:
        self._ask("cancel", jobs.cancel, self.model.cancel, back)

    @precondition(lambda self: self.model.allowing("retry"))
    @rule(back=far_back)
    def retry(self, back: int) -> None:
        self._ask("retry", jobs.retry, self.model.retry, back)

    @precondition(lambda self: self.model.allowing("resume"))
    @rule(back=far_back)
    def resume(self, back: int) -> None:
        self._ask("resume", jobs.resume, self.model.resume, back)

    def _ask(
        self,
        verb: str,
        query: Callable[[UUID], Query[str]],
        expect: Callable[[str], None],
        back: int,
    ) -> None:
        # Those it may be said of are the nearest.
        allowing = {job.id for job in self.model.allowing(verb)}
        job = _reach(sorted(self.sent, key=lambda job: job.id in allowing), back)
        expected = self._model_says(expect, job.id)

        try:
            self.desk.run(query(UUID(job.id)))
            was_done = True
        except JobError:
            was_done = False

        assert expected == was_done
        self._count(verb, was_done)

    # Time.

    @precondition(lambda self: self.model.jobs)
    @rule(seconds=times, within=st.sampled_from([None, 15.0]))
    def promote(self, seconds: float, within: float | None) -> None:
        self._let_pass(seconds)
        expected = self.model.promote(within)

        assert expected == self.desk.run(jobs.promote(limit=100, within=within))[0]
        self._count("promote", expected)

    @precondition(lambda self: self.model.limited())
    @rule(seconds=times, grace=st.sampled_from([0.0, 10.0]))
    def expire(self, seconds: float, grace: float) -> None:
        self._let_pass(seconds)
        expected = self.model.expire(grace)

        assert expected == self.desk.run(jobs.expire(grace=grace, limit=100))
        self._count("expire", expected)

    @precondition(lambda self: self.claims)
    @rule(seconds=times, back=far_back, limit=limits)
    def sweep(self, seconds: float, back: int, limit: int) -> None:
        """After a time in which one worker has beaten."""
        self._let_pass(seconds)
        worker = _reach(self.workers, back)
        beaten, expected = self.model.beat([worker]), self.model.sweep(limit)

        assert beaten == self.desk.run(workers.beat([worker]))
        assert expected == self.desk.run(workers.sweep(crash_limit=limit))
        assert 0 == self.desk.run(workers.sweep_orphans(crash_limit=limit))
        self._count("beat", beaten)
        self._count("sweep", expected[0])

    def _let_pass(self, seconds: float) -> None:
        self.model.now += seconds
        self._set_clock()

    def _model_says(self, verb: Any, *args: Any, **options: Any) -> bool:
        with suppress(Refused):
            verb(*args, **options)
            return True
        return False


def _reach(those: list[T], back: int) -> T:
    """One of those, counted from the newest; the oldest when there are fewer."""
    return those[-1 - min(back, len(those) - 1)]


def _said(job: Job) -> dict[str, Any]:
    """What a sender says of a job."""
    names = ("id", "queue", "priority", "key", "expire_in", "retry_limit")
    return {name: getattr(job, name) for name in names}
