"""When somebody is told that there is work: only while somebody is idle, once a transaction."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest

from howdah._db import job as jobs
from howdah._db import many
from howdah._db import worker as workers
from howdah._model.outcome import Verdict
from tests.acceptance.harness import until
from tests.conftest import Clock
from tests.integration.desk import Claim, Desk, wait_until_blocked

pytestmark = pytest.mark.standard("it is about who is notified")

Open = Callable[[], Desk]
LANES = "SELECT queue, priority FROM howdah.lane ORDER BY 1, 2"


class Listener:
    """A worker's connection, as far as it listens and rests."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.channel = desk.run(workers.listen())

    def rest(self, *queues: str) -> None:
        self.desk.run(workers.rest(queues or ("q",)))

    def rise(self, *queues: str) -> None:
        self.desk.run(workers.rise(queues or ("q",)))

    def heard(self) -> int:
        """How many notifications have come until now."""
        # The server hands them out before it answers the next statement, so nothing is waited for.
        self.desk.sql("SELECT 1")
        heard = [(one.channel, one.payload) for one in self.desk.connection.notifies(timeout=0)]
        assert {(self.channel, "")} >= set(heard)
        return len(heard)


@pytest.fixture
def listener(open_desk: Open) -> Listener:
    return Listener(open_desk())


@pytest.fixture
def idle(listener: Listener) -> Listener:
    """A listener that rests."""
    listener.rest()
    return listener


def send_many(desk: Desk, count: int = 3, *, queue: str = "q", delay: float | None = None) -> None:
    ids = [str(uuid4()) for _ in range(count)]
    desk.run(many.send_many(queue=queue, task="t", ids=ids, args=["{}"] * count, delay=delay))


# Who is told


def test_a_send_tells_an_idle_worker(idle: Listener, desk: Desk) -> None:
    desk.send()

    assert 1 == idle.heard()


def test_a_send_in_sql_tells_an_idle_worker(idle: Listener, desk: Desk) -> None:
    desk.sql("SELECT howdah.put_queue('q')")
    desk.sql("SELECT howdah.send('q', 't')")

    assert 1 == idle.heard()


def test_a_send_of_many_tells_once(idle: Listener, desk: Desk) -> None:
    send_many(desk, 50)

    assert 1 == idle.heard()


def test_a_transaction_tells_once_however_much_it_sends(idle: Listener, desk: Desk) -> None:
    with desk.transaction():
        for priority in range(20):
            desk.send(priority=priority)
        send_many(desk, 20)

    assert 1 == idle.heard()


def test_a_transaction_tells_when_it_commits(idle: Listener, desk: Desk) -> None:
    with desk.transaction():
        desk.send()
        before = idle.heard()

    assert (0, 1) == (before, idle.heard())


def test_a_transaction_that_rolls_back_tells_nobody(idle: Listener, desk: Desk) -> None:
    with desk.connection.transaction(force_rollback=True):
        desk.send()

    assert 0 == idle.heard()


def test_nobody_is_told_while_nobody_is_idle(listener: Listener, desk: Desk) -> None:
    desk.send()
    send_many(desk)

    assert 0 == listener.heard()


def test_nobody_is_told_once_the_worker_has_risen(idle: Listener, desk: Desk) -> None:
    idle.rise()

    desk.send()

    assert 0 == idle.heard()


def test_a_worker_that_has_gone_is_idle_no_longer(
    idle: Listener, open_desk: Open, desk: Desk
) -> None:
    other = Listener(open_desk())
    idle.desk.close()
    until(lambda: not desk.sql("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'"))

    desk.send()

    assert 0 == other.heard()


def test_one_idle_worker_is_enough(idle: Listener, open_desk: Open, desk: Desk) -> None:
    busy = Listener(open_desk())
    busy.rest()
    busy.rise()

    desk.send()

    assert 1 == idle.heard()


def test_work_for_another_queue_tells_nobody(idle: Listener, desk: Desk) -> None:
    desk.send(queue="other")
    send_many(desk, queue="other")

    assert 0 == idle.heard()


def test_a_worker_is_idle_on_each_of_its_queues(listener: Listener, desk: Desk) -> None:
    listener.rest("q", "r")
    desk.send(queue="q")
    desk.send(queue="r")

    assert 2 == listener.heard()


def test_a_look_for_idle_workers_holds_no_lock(desk: Desk, listener: Listener) -> None:
    """A sender whose transaction stays open must not keep workers from resting."""
    with desk.transaction():
        desk.send()
        listener.rest()

        locks = desk.sql("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1")

    assert [(listener.desk.pid,)] == locks


# What tells nobody


def test_a_job_for_later_tells_nobody(idle: Listener, desk: Desk) -> None:
    desk.send(start_after=60)
    send_many(desk, delay=60)

    assert 0 == idle.heard()


def test_a_send_that_stores_nothing_tells_nobody(idle: Listener, desk: Desk) -> None:
    desk.send(key="k")
    idle.heard()

    desk.send(key="k")

    assert 0 == idle.heard()


# What else makes a job claimable


@pytest.fixture
def claim(desk: Desk) -> Claim:
    desk.send()
    (claim,) = desk.claim()
    return claim


def back_at_once(desk: Desk, claim: Claim) -> None:
    desk.put_back(claim)


def released(desk: Desk, claim: Claim) -> None:
    desk.run(workers.release(claim.worker, running=None, crash_limit=3))


def retried(desk: Desk, claim: Claim) -> None:
    desk.finish(claim, verdict=Verdict.FAILED)
    desk.run(jobs.retry(claim.job_id))


def resumed(desk: Desk, claim: Claim) -> None:
    desk.put_back(claim, verdict=Verdict.SUSPENDED)
    desk.run(jobs.resume(claim.job_id))


@pytest.mark.parametrize("verb", [back_at_once, released, retried, resumed])
def test_a_job_that_is_claimable_again_tells_an_idle_worker(
    claim: Claim, idle: Listener, desk: Desk, verb: Callable[[Desk, Claim], None]
) -> None:
    verb(desk, claim)

    assert 1 == idle.heard()


def test_a_job_whose_time_has_come_tells_an_idle_worker(
    idle: Listener, desk: Desk, clock: Clock
) -> None:
    for _ in range(3):
        desk.send(start_after=60)
    clock.advance(61)

    assert 3 == desk.run(jobs.promote(limit=10, within=None))[0]
    assert 1 == idle.heard()


def test_a_promotion_of_nothing_tells_nobody(idle: Listener, desk: Desk) -> None:
    desk.send(start_after=60)

    desk.run(jobs.promote(limit=10, within=None))

    assert 0 == idle.heard()


def test_a_job_put_back_for_later_tells_nobody(claim: Claim, idle: Listener, desk: Desk) -> None:
    desk.put_back(claim, delay=5)

    assert 0 == idle.heard()


def test_many_jobs_put_back_tell_once(idle: Listener, desk: Desk) -> None:
    for priority in range(6):
        desk.send(priority=priority % 2)
    idle.heard()

    desk.put_back(*desk.claim(limit=6))

    assert 1 == idle.heard()


def test_a_finished_job_tells_nobody(claim: Claim, idle: Listener, desk: Desk) -> None:
    desk.finish(claim)

    assert 0 == idle.heard()


# Lanes


def test_a_lane_is_written_once(desk: Desk) -> None:
    for _ in range(3):
        for priority in (0, 5):
            desk.send(priority=priority)
    send_many(desk)

    assert [("q", 0), ("q", 5)] == desk.sql(LANES)


def test_two_transactions_that_are_first_of_a_kind_do_not_wait_for_each_other(
    open_desk: Open,
) -> None:
    one, two = open_desk(), open_desk()
    two.sql("SET statement_timeout = '5s'")
    with one.transaction(), two.transaction():
        one.send()
        two.send()

    assert [("q", 0), ("q", 0)] == one.sql(LANES)


def test_doubles_go_and_one_of_each_stays(open_desk: Open, desk: Desk) -> None:
    desks = [open_desk() for _ in range(3)]
    for one in desks:
        one.sql("BEGIN")
    for one in desks:
        one.send()
        one.send(priority=1)
    for one in desks:
        one.sql("COMMIT")

    desk.run(workers.dedupe_lanes())

    assert [("q", 0), ("q", 1)] == desk.sql(LANES)
    assert 6 == len(desk.claim(limit=10))


def test_two_clean_ups_at_once_leave_one_of_each(open_desk: Open, desk: Desk) -> None:
    one, two = open_desk(), open_desk()
    desk.sql("INSERT INTO howdah.lane VALUES ('q', 0), ('q', 0), ('q', 0)")
    with one.transaction():
        one.run(workers.dedupe_lanes())
        waiting = two.start(workers.dedupe_lanes())
        wait_until_blocked(desk, two, waiting)
    waiting.result(20)

    assert [("q", 0)] == desk.sql(LANES)


def test_the_lane_of_a_transaction_that_rolls_back_is_made_by_the_next(
    open_desk: Open, desk: Desk
) -> None:
    one = open_desk()
    with one.connection.transaction(force_rollback=True):
        one.send()
        sent = desk.send()

    assert [sent] == [claim.job_id for claim in desk.claim()]


def test_a_lane_that_a_sender_saw_is_there_when_it_commits(open_desk: Open, desk: Desk) -> None:
    one = open_desk()
    desk.sql("INSERT INTO howdah.lane VALUES ('q', 0), ('q', 0)")
    with one.transaction():
        sent = one.send()
        desk.run(workers.dedupe_lanes())

    assert [("q", 0)] == desk.sql(LANES)
    assert [sent] == [claim.job_id for claim in desk.claim()]
