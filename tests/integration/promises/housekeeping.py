"""What is promised of those who clean up: the dead are swept and the living left alone."""

from __future__ import annotations

from typing import Any

from howdah._db import job as jobs
from howdah._db import worker as workers
from howdah._model.retry import Retry
from tests.integration.desk import LEASE, Claim, Desk, wait_until_blocked
from tests.integration.promises.guard import Guard
from tests.integration.promises.stage import Stage, without_waiting

CRASH_LIMIT = 3
HOUR = 3_600.0


def _running(desk: Desk, **options: Any) -> Claim:
    desk.send(**options)
    (claim,) = desk.claim()
    return claim


def _sweep(desk: Desk) -> tuple[int, int]:
    return desk.run(workers.sweep(crash_limit=CRASH_LIMIT))


def _crash(desk: Desk, claim: Claim, *, was_running: bool = True, limit: int = CRASH_LIMIT) -> None:
    running = [claim.id] if was_running else []
    desk.run(workers.release(claim.worker, running=running, crash_limit=limit))


def a_dead_worker_is_swept(stage: Stage) -> None:
    claim = _running(stage.desk)
    stage.clock.advance(LEASE + 1)

    assert [(1, 1), (0, 0)] == [_sweep(stage.desk), _sweep(stage.desk)]
    assert "retry" == stage.desk.state(claim.id)


def a_living_worker_is_not_swept(stage: Stage) -> None:
    claim = _running(stage.desk)
    stage.clock.advance(LEASE - 1)

    assert (0, 0) == _sweep(stage.desk)
    assert "active" == stage.desk.state(claim.id)


def a_beat_in_flight_comes_before_the_sweep(stage: Stage) -> None:
    claim = _running(stage.desk)
    stage.clock.advance(LEASE + 1)

    with stage.meanwhile() as other:
        assert {claim.worker} == other.run(workers.beat([claim.worker]))
        with without_waiting(stage.desk):
            assert (0, 0) == _sweep(stage.desk)

    assert "active" == stage.desk.state(claim.id)


def a_start_of_the_server_counts_as_a_beat_of_all(stage: Stage) -> None:
    _running(stage.desk)
    stage.desk.sql(
        "UPDATE howdah.worker SET lease = interval '10 hours',"
        " beat_at = pg_catalog.pg_postmaster_start_time() - interval '20 hours'"
    )

    assert (0, 0) == _sweep(stage.desk)


def a_job_whose_worker_dies_too_often_fails(stage: Stage) -> None:
    claim = _running(stage.desk)
    _crash(stage.desk, claim, limit=1)

    assert "failed" == stage.desk.state(claim.id)


def a_job_fails_only_at_the_limit_of_crashes(stage: Stage) -> None:
    states = []
    claim = _running(stage.desk)
    for _ in range(CRASH_LIMIT):
        _crash(stage.desk, claim)
        states.append(stage.desk.state(claim.id))
        stage.clock.advance(10)
        stage.desk.run(jobs.promote(limit=10, within=None))
        claim = next(iter(stage.desk.claim()), claim)

    assert ["retry", "retry", "failed"] == states


def a_job_that_was_merely_held_counts_no_crash(stage: Stage) -> None:
    claim = _running(stage.desk)
    _crash(stage.desk, claim, was_running=False)

    assert 0 == stage.desk.row(claim.id)["crash_count"]


def a_job_that_was_merely_held_does_not_fail(stage: Stage) -> None:
    claim = _running(stage.desk)
    stage.desk.sql("UPDATE howdah.job SET crash_count = %s", CRASH_LIMIT)
    _crash(stage.desk, claim, was_running=False)

    assert "retry" == stage.desk.state(claim.id)


def a_crash_spends_no_attempt(stage: Stage) -> None:
    claim = _running(stage.desk)
    _crash(stage.desk, claim)

    assert 0 == stage.desk.row(claim.id)["attempt"]


def a_job_that_crashed_twice_comes_back_after_a_pause(stage: Stage) -> None:
    claim = _running(stage.desk)
    _crash(stage.desk, claim)
    (again,) = stage.desk.claim()
    _crash(stage.desk, again)

    assert [] == stage.desk.claim()
    assert "retry" == stage.desk.state(claim.id)


def a_job_asked_to_stop_is_cancelled_when_its_worker_dies(stage: Stage) -> None:
    claim = _running(stage.desk)
    stage.desk.sql("SELECT howdah.cancel(%s::text::uuid)", claim.id)
    _crash(stage.desk, claim)

    assert "cancelled" == stage.desk.state(claim.id)


def a_cancel_in_flight_is_seen_by_the_release_of_its_worker(stage: Stage) -> None:
    claim = _running(stage.desk)
    sweeper = stage.open()

    with stage.meanwhile() as other:
        other.sql("SELECT howdah.cancel(%s::text::uuid)", claim.id)
        query = workers.release(claim.worker, running=[], crash_limit=CRASH_LIMIT)
        releasing = sweeper.start(query)
        wait_until_blocked(stage.desk, sweeper, releasing)

    assert 1 == releasing.result()
    assert "cancelled" == stage.desk.state(claim.id)


def only_jobs_of_unknown_workers_are_orphans(stage: Stage) -> None:
    known, orphan = _running(stage.desk), _running(stage.desk)
    stage.desk.sql("DELETE FROM howdah.worker WHERE id = %s", orphan.worker)

    assert 1 == stage.desk.run(workers.sweep_orphans(crash_limit=CRASH_LIMIT))
    assert ("active", "retry") == (stage.desk.state(known.id), stage.desk.state(orphan.id))


def a_job_is_promoted_when_its_time_has_come(stage: Stage) -> None:
    stage.desk.send(start_after=60)
    assert 0 == stage.desk.run(jobs.promote(limit=10, within=None))[0]

    stage.clock.advance(61)

    assert 1 == stage.desk.run(jobs.promote(limit=10, within=None))[0]
    assert 1 == len(stage.desk.claim())


def a_promotion_leaves_running_jobs_alone(stage: Stage) -> None:
    stage.desk.send(start_after=60)
    stage.clock.advance(61)
    stage.desk.run(jobs.promote(limit=10, within=None))
    (claim,) = stage.desk.claim()

    assert 0 == stage.desk.run(jobs.promote(limit=10, within=None))[0]
    assert "active" == stage.desk.state(claim.id)


def a_promotion_leaves_held_jobs_alone(stage: Stage) -> None:
    job_id = stage.desk.send(start_after=60)
    stage.desk.sql("UPDATE howdah.job SET held = 'task'")
    stage.clock.advance(61)

    assert 0 == stage.desk.run(jobs.promote(limit=10, within=None))[0]
    assert stage.desk.row(job_id)["ready_xid"] is None


def two_promotions_do_not_wait_for_each_other(stage: Stage) -> None:
    stage.desk.send(start_after=60)
    stage.clock.advance(61)

    with stage.meanwhile() as other:
        assert 1 == other.run(jobs.promote(limit=10, within=None))[0]
        with without_waiting(stage.desk):
            assert 0 == stage.desk.run(jobs.promote(limit=10, within=None))[0]


def an_attempt_is_ended_only_after_its_time(stage: Stage) -> None:
    claim = _running(stage.desk, expire_in=HOUR)
    stage.clock.advance(HOUR + 5)

    assert 0 == stage.desk.run(jobs.expire(grace=10, limit=10))
    assert 1 == stage.desk.run(jobs.expire(grace=1, limit=10))
    assert "retry" == stage.desk.state(claim.id)


def a_job_expires_when_no_attempts_are_left(stage: Stage) -> None:
    claim = _running(stage.desk, expire_in=HOUR, retry=Retry(limit=0))
    stage.clock.advance(HOUR + 1)
    stage.desk.run(jobs.expire(grace=0, limit=10))

    assert "expired" == stage.desk.state(claim.id)


def a_job_asked_to_stop_is_cancelled_when_it_expires(stage: Stage) -> None:
    claim = _running(stage.desk, expire_in=HOUR, retry=Retry(limit=0))
    stage.desk.sql("SELECT howdah.cancel(%s::text::uuid)", claim.id)
    stage.clock.advance(HOUR + 1)
    stage.desk.run(jobs.expire(grace=0, limit=10))

    assert "cancelled" == stage.desk.state(claim.id)


def two_who_end_attempts_do_not_wait_for_each_other(stage: Stage) -> None:
    _running(stage.desk, expire_in=HOUR)
    stage.clock.advance(HOUR + 1)

    with stage.meanwhile() as other:
        assert 1 == other.run(jobs.expire(grace=0, limit=10))
        with without_waiting(stage.desk):
            assert 0 == stage.desk.run(jobs.expire(grace=0, limit=10))


EXPIRE = "functions/11_expire"
PROMOTE = "functions/09_promote"
SWEEP = "functions/10_sweep"

GUARDS = [
    Guard(
        PROMOTE,
        "AND j.start_after <= howdah.now()",
        "",
        a_job_is_promoted_when_its_time_has_come,
    ),
    Guard(
        PROMOTE,
        "AND j.state <> 'active'\n              AND j.start_after >= ",
        "AND j.start_after >= ",
        a_promotion_leaves_running_jobs_alone,
        error="job_ready",
    ),
    Guard(
        PROMOTE,
        "AND j.held IS NULL\n              AND j.state",
        "AND j.state",
        a_promotion_leaves_held_jobs_alone,
        error="job_held",
    ),
    Guard(
        PROMOTE,
        "FOR UPDATE SKIP LOCKED",
        "FOR UPDATE",
        two_promotions_do_not_wait_for_each_other,
    ),
    Guard(
        SWEEP,
        "WHERE greatest(w.beat_at, pg_postmaster_start_time()) + w.lease < howdah.now()",
        "",
        a_living_worker_is_not_swept,
    ),
    Guard(
        SWEEP,
        "greatest(w.beat_at, pg_postmaster_start_time())",
        "w.beat_at",
        a_start_of_the_server_counts_as_a_beat_of_all,
    ),
    Guard(
        SWEEP,
        "FOR UPDATE SKIP LOCKED",
        "",
        a_beat_in_flight_comes_before_the_sweep,
    ),
    Guard(
        SWEEP,
        "FOR UPDATE SKIP LOCKED",
        "FOR UPDATE",
        a_beat_in_flight_comes_before_the_sweep,
    ),
    Guard(
        SWEEP,
        "OR k.crash_count >= p_crash_limit AND",
        "OR false AND",
        a_job_whose_worker_dies_too_often_fails,
    ),
    Guard(
        SWEEP,
        "k.crash_count >= p_crash_limit AND",
        "",
        a_job_fails_only_at_the_limit_of_crashes,
    ),
    Guard(
        SWEEP,
        "k.crash_count >= p_crash_limit AND (p_running IS NULL OR k.id = ANY (p_running))",
        "k.crash_count >= p_crash_limit",
        a_job_that_was_merely_held_does_not_fail,
    ),
    Guard(
        SWEEP,
        "AND (p_running IS NULL OR j.id = ANY (p_running));\n    SELECT",
        ";\n    SELECT",
        a_job_that_was_merely_held_counts_no_crash,
    ),
    Guard(
        SWEEP,
        "attempt     = j.attempt - 1,",
        "",
        a_crash_spends_no_attempt,
    ),
    Guard(
        SWEEP,
        "j.crash_count > 1 AND (",
        "false AND (",
        a_job_that_crashed_twice_comes_back_after_a_pause,
    ),
    Guard(
        SWEEP,
        "k.cancel_requested_at IS NOT NULL\n              OR",
        "",
        a_job_asked_to_stop_is_cancelled_when_its_worker_dies,
    ),
    Guard(
        SWEEP,
        "ORDER BY j.id\n    FOR UPDATE;",
        ";",
        a_cancel_in_flight_is_seen_by_the_release_of_its_worker,
    ),
    Guard(
        SWEEP,
        "AND NOT EXISTS (SELECT FROM howdah.worker AS w WHERE w.id = j.worker_id)",
        "",
        only_jobs_of_unknown_workers_are_orphans,
    ),
    Guard(
        EXPIRE,
        "j.expire_at < howdah.now() - p_grace AND",
        "",
        an_attempt_is_ended_only_after_its_time,
    ),
    Guard(
        EXPIRE,
        "v_delay IS NOT NULL AND",
        "",
        a_job_expires_when_no_attempts_are_left,
    ),
    Guard(
        EXPIRE,
        "CASE WHEN v_job.cancel_requested_at IS NULL THEN 'expired' ELSE 'cancelled' END",
        "'expired'",
        a_job_asked_to_stop_is_cancelled_when_it_expires,
    ),
    Guard(
        EXPIRE,
        "FOR UPDATE SKIP LOCKED",
        "FOR UPDATE",
        two_who_end_attempts_do_not_wait_for_each_other,
    ),
    Guard(
        SWEEP,
        "DELETE FROM howdah.worker AS w WHERE w.id = p_worker;",
        "",
        a_dead_worker_is_swept,
    ),
]
