"""What is promised of the writes by which a worker ends its claims."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from howdah._db import job as jobs
from howdah._model.outcome import Verdict
from howdah.errors import DatabaseError, JobLostError
from tests.integration.desk import Claim, Desk, wait_until_blocked
from tests.integration.promises.guard import Guard
from tests.integration.promises.stage import LOCK_NOT_AVAILABLE, Stage, without_waiting


def _superseded(stage: Stage) -> tuple[Claim, Claim]:
    """A claim that is over, and the one that another worker has on the same job now."""
    desk = stage.desk
    desk.send()
    (stale,) = desk.claim()
    desk.put_back(stale)
    (fresh,) = desk.claim()
    return stale, fresh


def a_stale_claim_cannot_finish_the_job(stage: Stage) -> None:
    stale, fresh = _superseded(stage)

    assert 0 == stage.desk.finish(stale)
    assert "active" == stage.desk.state(fresh.id)


def a_stale_claim_cannot_give_the_job_back(stage: Stage) -> None:
    stale, fresh = _superseded(stage)

    assert 0 == stage.desk.put_back(stale)
    assert "active" == stage.desk.state(fresh.id)


def a_stale_claim_cannot_cancel_a_job_that_was_asked_to_stop(stage: Stage) -> None:
    stale, fresh = _superseded(stage)
    stage.desk.sql("SELECT howdah.cancel(%s::text::uuid)", fresh.id)

    assert 0 == stage.desk.put_back(stale)
    assert "active" == stage.desk.state(fresh.id)


def a_stale_claim_cannot_say_how_far_the_job_is(stage: Stage) -> None:
    stale, fresh = _superseded(stage)

    stage.desk.run(jobs.progress({(stale.id, stale.fence): "1"}))

    assert stage.desk.row(fresh.id)["progress"] is None


def a_stale_claim_is_not_told_that_its_outcome_is_kept(stage: Stage) -> None:
    stale, fresh = _superseded(stage)
    stage.desk.finish(fresh)

    assert {fresh.id} == stage.desk.run(jobs.settled([(fresh.id, fresh.fence)]))
    assert not stage.desk.run(jobs.settled([(stale.id, stale.fence)]))


def a_job_that_is_not_running_is_not_finished(stage: Stage) -> None:
    stage.desk.send()
    (claim,) = stage.desk.claim()
    stage.desk.put_back(claim)

    assert 0 == stage.desk.finish(claim)
    assert "retry" == stage.desk.state(claim.id)


def a_job_that_is_not_running_is_not_given_back(stage: Stage) -> None:
    stage.desk.send()
    (claim,) = stage.desk.claim()
    stage.desk.put_back(claim, verdict=Verdict.SUSPENDED)

    assert 0 == stage.desk.put_back(claim)
    assert "waiting" == stage.desk.state(claim.id)


def a_job_that_is_not_running_makes_no_progress(stage: Stage) -> None:
    stage.desk.send()
    (claim,) = stage.desk.claim()
    stage.desk.put_back(claim)

    stage.desk.run(jobs.progress({(claim.id, claim.fence): "1"}))

    assert stage.desk.row(claim.id)["progress"] is None


def a_job_given_back_for_later_is_not_claimed_now(stage: Stage) -> None:
    stage.desk.send()
    (claim,) = stage.desk.claim()
    stage.desk.put_back(claim, delay=60)

    assert [] == stage.desk.claim()
    assert "retry" == stage.desk.state(claim.id)


def only_a_retry_spends_the_attempt(stage: Stage) -> None:
    attempts = []
    for verdict in (Verdict.SNOOZED, Verdict.RELEASED, Verdict.SUSPENDED, Verdict.RETRY):
        job_id = stage.desk.send()
        (claim,) = stage.desk.claim()
        stage.desk.put_back(claim, verdict=verdict, delay=60)
        attempts.append(stage.desk.row(job_id)["attempt"])

    assert [0, 0, 0, 1] == attempts


def a_job_that_nobody_asked_to_stop_is_given_back(stage: Stage) -> None:
    stage.desk.send()
    (claim,) = stage.desk.claim()

    assert 1 == stage.desk.put_back(claim)
    assert "retry" == stage.desk.state(claim.id)


def a_job_asked_to_stop_is_cancelled_when_it_is_given_back(stage: Stage) -> None:
    job_id = stage.desk.send()
    (claim,) = stage.desk.claim()
    stage.desk.run(jobs.cancel(job_id))

    assert 1 == stage.desk.put_back(claim)
    assert "cancelled" == stage.desk.state(job_id)


def a_cancel_in_flight_is_seen_by_whoever_gives_the_job_back(stage: Stage) -> None:
    job_id = stage.desk.send()
    (claim,) = stage.desk.claim()
    worker = stage.open()

    with stage.meanwhile() as other:
        other.run(jobs.cancel(job_id))
        giving_back = worker.start_to_put_back(claim)
        wait_until_blocked(stage.desk, worker, giving_back)

    assert 1 == giving_back.result()
    assert "cancelled" == stage.desk.state(job_id)


def a_delay_of_none_is_told_apart_from_one_of_zero(stage: Stage) -> None:
    stage.desk.send()
    (claim,) = stage.desk.claim()
    stage.desk.put_back(claim, verdict=Verdict.SUSPENDED, delay=None)

    stage.clock.advance(1e9)

    assert (0, None) == stage.desk.run(jobs.promote(limit=10, within=None))


def a_retry_keeps_the_fence(stage: Stage) -> None:
    """Nothing lowers it, not even where the clock would make the next one higher all the same."""
    stage.desk.send()
    (claim,) = stage.desk.claim()
    stage.desk.finish(claim, verdict=Verdict.FAILED)

    stage.desk.run(jobs.retry(claim.job_id))

    assert claim.fence == stage.desk.row(claim.id)["fence"]


def a_stale_claim_cannot_complete_in_a_transaction(stage: Stage) -> None:
    stale, fresh = _superseded(stage)

    with pytest.raises(JobLostError):
        stage.desk.run(jobs.complete(stale.id, stale.fence, None))
    assert "active" == stage.desk.state(fresh.id)


def an_end_waits_only_briefly_for_a_job_that_somebody_holds(stage: Stage) -> None:
    _gives_up_soon(stage, lambda desk, claim: desk.finish(claim))


def a_return_waits_only_briefly_for_a_job_that_somebody_holds(stage: Stage) -> None:
    _gives_up_soon(stage, lambda desk, claim: desk.put_back(claim))


def _gives_up_soon(stage: Stage, tell: Callable[[Desk, Claim], int]) -> None:
    job_id = stage.desk.send()
    (claim,) = stage.desk.claim()
    stage.desk.sql("SET statement_timeout = '1s'")

    with stage.meanwhile() as other:
        other.run(jobs.cancel(job_id))
        with pytest.raises(DatabaseError) as caught:
            tell(stage.desk, claim)

    assert LOCK_NOT_AVAILABLE == caught.value.sqlstate


def a_report_passes_over_a_job_that_somebody_holds(stage: Stage) -> None:
    job_id = stage.desk.send()
    (claim,) = stage.desk.claim()

    with stage.meanwhile() as other:
        other.run(jobs.cancel(job_id))
        with without_waiting(stage.desk):
            stage.desk.run(jobs.progress({(claim.id, claim.fence): "1"}))


def a_job_keeps_only_so_many_errors(stage: Stage) -> None:
    stage.desk.send()
    (claim,) = stage.desk.claim()
    stage.desk.sql(
        "UPDATE howdah.job SET errors ="
        " (SELECT pg_catalog.jsonb_agg(n) FROM pg_catalog.generate_series(1, 40) AS n)"
    )
    stage.desk.run(jobs.put_back([claim.outcome(Verdict.RETRY, error="41")]))

    assert [*range(1, 21), *range(22, 42)] == stage.desk.row(claim.id)["errors"]


FINISH = "functions/05_finish"
PUT_BACK = "functions/06_put_back"

GUARDS = [
    Guard(FINISH, "AND j.fence = o.fence", "", a_stale_claim_cannot_finish_the_job),
    Guard(FINISH, "AND j.state = ANY (p_from)", "", a_job_that_is_not_running_is_not_finished),
    Guard(
        PUT_BACK,
        "AND j.fence = o.fence\n          AND j.state = 'active'",
        "AND j.state = 'active'",
        a_stale_claim_cannot_give_the_job_back,
    ),
    Guard(
        PUT_BACK,
        "AND j.fence = o.fence\n          AND j.state = 'active'",
        "AND j.fence = o.fence",
        a_job_that_is_not_running_is_not_given_back,
    ),
    Guard(
        PUT_BACK,
        "AND j.fence = o.fence\n        WHERE j.state = 'active'",
        "WHERE j.state = 'active'",
        a_stale_claim_cannot_cancel_a_job_that_was_asked_to_stop,
    ),
    Guard(
        PUT_BACK,
        "CASE WHEN j.cancel_requested_at IS NOT NULL THEN 'cancelled'",
        "CASE WHEN true THEN 'cancelled'",
        a_job_that_nobody_asked_to_stop_is_given_back,
    ),
    Guard(
        PUT_BACK,
        "CASE WHEN j.cancel_requested_at IS NOT NULL THEN 'cancelled'",
        "CASE WHEN false THEN 'cancelled'",
        a_job_asked_to_stop_is_cancelled_when_it_is_given_back,
    ),
    Guard(
        PUT_BACK,
        "FOR UPDATE OF j",
        "",
        a_cancel_in_flight_is_seen_by_whoever_gives_the_job_back,
    ),
    Guard(
        PUT_BACK,
        "CASE WHEN o.state = 'retry' AND coalesce(o.delay, 0) <= 0",
        "CASE WHEN o.state = 'retry'",
        a_job_given_back_for_later_is_not_claimed_now,
    ),
    Guard(
        PUT_BACK,
        "CASE WHEN o.spent THEN j.attempt ELSE j.attempt - 1 END",
        "j.attempt",
        only_a_retry_spends_the_attempt,
    ),
    Guard(
        PUT_BACK,
        "CASE WHEN o.delay > 0 THEN howdah.now() + o.delay * interval '1 second' END",
        "howdah.now() + coalesce(o.delay, 0) * interval '1 second'",
        a_delay_of_none_is_told_apart_from_one_of_zero,
    ),
    Guard(
        "job/progress",
        "AND j.fence = o.fence",
        "",
        a_stale_claim_cannot_say_how_far_the_job_is,
    ),
    Guard(
        "job/progress",
        "AND j.state = 'active'",
        "",
        a_job_that_is_not_running_makes_no_progress,
    ),
    Guard(
        "job/settled",
        "AND a.fence = o.fence",
        "",
        a_stale_claim_is_not_told_that_its_outcome_is_kept,
    ),
    Guard(
        "functions/08_retry",
        "SELECT b.fence,",
        "SELECT 0,",
        a_retry_keeps_the_fence,
    ),
    Guard(
        FINISH,
        "IF v_applied = 0 THEN",
        "IF false THEN",
        a_stale_claim_cannot_complete_in_a_transaction,
    ),
    Guard(
        "job/finish",
        "set_config('lock_timeout', '300ms', true)",
        "''",
        an_end_waits_only_briefly_for_a_job_that_somebody_holds,
    ),
    Guard(
        "job/put_back",
        "set_config('lock_timeout', '300ms', true)",
        "''",
        a_return_waits_only_briefly_for_a_job_that_somebody_holds,
    ),
    Guard(
        "job/progress",
        "FOR UPDATE OF k SKIP LOCKED",
        "FOR UPDATE OF k",
        a_report_passes_over_a_job_that_somebody_holds,
    ),
    Guard(
        "functions/01_identity",
        "jsonb_array_length(p_errors) >= 40",
        "false",
        a_job_keeps_only_so_many_errors,
    ),
]
