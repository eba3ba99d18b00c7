"""What is promised to idle workers: they are told at once of what they may claim.

And to everybody else: nobody is told when nobody is idle, since telling is dear.
"""

from __future__ import annotations

import json
from uuid import UUID, uuid4

from howdah._db import job as jobs
from howdah._db import many
from howdah._db import worker as workers
from howdah._model.outcome import Verdict
from tests.integration.desk import Desk
from tests.integration.promises.guard import Guard
from tests.integration.promises.stage import Stage


class Ear:
    """A session that hears, as a worker's does, and may say that it is idle."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._heard = 0
        desk.connection.add_notify_handler(lambda _: self._hear())
        desk.run(workers.listen())

    def rest(self, *queues: str) -> None:
        """Say that it is idle."""
        self._desk.run(workers.rest(queues or ["q"]))

    def rise(self, *queues: str) -> None:
        """Say that it is no longer idle."""
        self._desk.run(workers.rise(queues or ["q"]))

    def heard(self) -> int:
        """How often it was told something since it was last asked."""
        # What was said before this statement is delivered with its answer.
        self._desk.sql("SELECT 1")
        heard, self._heard = self._heard, 0
        return heard

    def _hear(self) -> None:
        self._heard += 1


def _idle(stage: Stage) -> Ear:
    ear = Ear(stage.open())
    ear.rest()
    return ear


def nobody_is_told_when_nobody_is_idle(stage: Stage) -> None:
    ear = Ear(stage.open())

    stage.desk.send()

    assert 0 == ear.heard()


def an_idle_worker_is_told_of_a_send(stage: Stage) -> None:
    ear = _idle(stage)

    stage.desk.send()

    assert 1 == ear.heard()


def an_idle_worker_is_told_of_a_plain_send(stage: Stage) -> None:
    ear = _idle(stage)

    job_id = str(uuid4())
    stage.desk.run(jobs.send_new(queue="q", task="t", args="{}", job_id=job_id, said=""))

    assert 1 == ear.heard()


def an_idle_worker_is_told_of_a_bulk(stage: Stage) -> None:
    ear = _idle(stage)

    for priority in (0, 1):
        ids = [str(uuid4()) for _ in range(3)]
        stage.desk.run(
            many.send_many(queue="q", task="t", ids=ids, args=["{}"] * 3, priority=priority)
        )

        assert 1 == ear.heard()


def an_idle_worker_is_told_of_a_job_given_back(stage: Stage) -> None:
    stage.desk.send()
    (claim,) = stage.desk.claim()
    ear = _idle(stage)

    stage.desk.put_back(claim)

    assert 1 == ear.heard()


def an_idle_worker_is_told_of_a_job_whose_time_has_come(stage: Stage) -> None:
    stage.desk.send(start_after=60)
    ear = _idle(stage)
    stage.clock.advance(61)

    stage.desk.run(jobs.promote(limit=10, within=None))

    assert 1 == ear.heard()


def an_idle_worker_is_told_of_what_a_dead_one_held(stage: Stage) -> None:
    stage.desk.send()
    (claim,) = stage.desk.claim()
    ear = _idle(stage)

    stage.desk.run(workers.release(claim.worker, running=[], crash_limit=3))

    assert 1 == ear.heard()


def an_idle_worker_is_told_of_a_retry_by_hand(stage: Stage) -> None:
    job_id = stage.desk.send()
    stage.desk.finish(*stage.desk.claim(), verdict=Verdict.FAILED)
    ear = _idle(stage)

    stage.desk.run(jobs.retry(job_id))

    assert 1 == ear.heard()


def an_idle_worker_is_told_of_a_job_that_is_resumed(stage: Stage) -> None:
    job_id = _suspended(stage)
    ear = _idle(stage)

    stage.desk.run(jobs.resume(job_id))

    assert 1 == ear.heard()


def nobody_is_told_of_a_job_sent_for_later(stage: Stage) -> None:
    ear = _idle(stage)

    said = json.dumps({"delay": 60})
    stage.desk.run(jobs.send(queue="q", task="t", args="{}", options=said))

    assert 0 == ear.heard()


def nobody_is_told_of_a_job_given_back_for_later(stage: Stage) -> None:
    for verdict, delay in ((Verdict.RETRY, 60.0), (Verdict.SUSPENDED, None)):
        stage.desk.send()
        (claim,) = stage.desk.claim()
        ear = _idle(stage)

        stage.desk.put_back(claim, verdict=verdict, delay=delay)

        assert 0 == ear.heard()


def whoever_wakes_others_keeps_no_lock(stage: Stage) -> None:
    stage.desk.send()

    held = "SELECT count(*) FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND pid = %s"
    assert 0 == stage.desk.value(held, stage.desk.pid)


def a_sender_remembers_the_lane_it_was_the_first_to_use(stage: Stage) -> None:
    stage.desk.send(priority=3)
    stage.desk.send(priority=3)

    assert [("q", 3)] == stage.desk.sql("SELECT queue, priority FROM howdah.lane")


def _suspended(stage: Stage) -> UUID:
    job_id = stage.desk.send()
    (claim,) = stage.desk.claim()
    stage.desk.put_back(claim, verdict=Verdict.SUSPENDED)
    return job_id


WAKE = "PERFORM howdah.wake(v_lane.queue, v_lane.priority);"

GUARDS = [
    Guard(
        "functions/02_wake",
        "IF pg_try_advisory_lock(v_lock) THEN",
        "IF pg_try_advisory_lock(v_lock) AND false THEN",
        nobody_is_told_when_nobody_is_idle,
    ),
    Guard(
        "functions/02_wake",
        "PERFORM pg_advisory_unlock(v_lock);",
        "",
        whoever_wakes_others_keeps_no_lock,
    ),
    Guard(
        "functions/02_wake",
        "IF NOT EXISTS (SELECT FROM howdah.lane",
        "IF true OR NOT EXISTS (SELECT FROM howdah.lane",
        a_sender_remembers_the_lane_it_was_the_first_to_use,
    ),
    Guard(
        "functions/03_send",
        "IF v_ready THEN\n                PERFORM howdah.wake",
        "IF true THEN\n                PERFORM howdah.wake",
        nobody_is_told_of_a_job_sent_for_later,
    ),
    Guard(
        "functions/03_send_plain",
        "PERFORM howdah.wake(p_queue, 0::smallint);",
        "",
        an_idle_worker_is_told_of_a_plain_send,
    ),
    Guard(
        "functions/03_send",
        "PERFORM howdah.wake(p_queue, v_priority);",
        "",
        an_idle_worker_is_told_of_a_send,
    ),
    Guard(
        "job/send_many_plain",
        "howdah.wake(:queue::text, 0::smallint)::text",
        "NULL",
        an_idle_worker_is_told_of_a_bulk,
    ),
    Guard(
        "job/send_many",
        "howdah.wake(:queue::text, :priority::int8::smallint)::text",
        "NULL",
        an_idle_worker_is_told_of_a_bulk,
    ),
    Guard("functions/06_put_back", WAKE, "", an_idle_worker_is_told_of_a_job_given_back),
    Guard(
        "functions/06_put_back",
        "WHERE o.state = 'retry' AND coalesce(o.delay, 0) <= 0\n        GROUP BY",
        "GROUP BY",
        nobody_is_told_of_a_job_given_back_for_later,
    ),
    Guard(
        "functions/08_retry",
        f"{WAKE}\n    RETURN 'retry';\nEXCEPTION",
        "RETURN 'retry';\nEXCEPTION",
        an_idle_worker_is_told_of_a_retry_by_hand,
    ),
    Guard(
        "functions/08_retry",
        f"{WAKE}\n    RETURN 'retry';\nEND\n$$;",
        "RETURN 'retry';\nEND\n$$;",
        an_idle_worker_is_told_of_a_job_that_is_resumed,
    ),
    Guard("functions/09_promote", WAKE, "", an_idle_worker_is_told_of_a_job_whose_time_has_come),
    Guard("functions/10_sweep", WAKE, "", an_idle_worker_is_told_of_what_a_dead_one_held),
    Guard(
        "portable/02_wake",
        "IF NOT EXISTS (SELECT FROM howdah.lane",
        "IF true OR NOT EXISTS (SELECT FROM howdah.lane",
        a_sender_remembers_the_lane_it_was_the_first_to_use,
    ),
]
