"""Two sessions that meet on one job: whoever comes second sees what the first has done."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from howdah._db import job as jobs
from howdah._db import worker as workers
from howdah._model.outcome import Verdict
from howdah.errors import IllegalTransitionError
from tests.integration.desk import LEASE, Claim, Desk, wait_until_blocked


@pytest.fixture
def watcher(open_desk: Callable[[], Desk]) -> Desk:
    return open_desk()


@pytest.fixture
def other(open_desk: Callable[[], Desk]) -> Desk:
    return open_desk()


@pytest.fixture
def claim(desk: Desk) -> Claim:
    """A running job."""
    desk.send(key="k")
    (claim,) = desk.claim()
    return claim


def put_back(desk: Desk, claim: Claim) -> Future[Any]:
    return desk.start_to_put_back(claim)


def suspend(desk: Desk, claim: Claim) -> Future[Any]:
    return desk.start_to_put_back(claim, state="waiting")


def release(desk: Desk, claim: Claim) -> Future[Any]:
    return desk.start(workers.release(claim.worker, running=[], crash_limit=3))


@pytest.mark.parametrize("give_back", [put_back, suspend, release])
def test_a_cancel_that_commits_while_the_job_is_given_back_is_carried_out(
    desk: Desk,
    other: Desk,
    watcher: Desk,
    claim: Claim,
    give_back: Callable[[Desk, Claim], Future[Any]],
) -> None:
    with desk.transaction():
        desk.run(jobs.cancel(claim.job_id))
        giving_back = give_back(other, claim)
        wait_until_blocked(watcher, other, giving_back)

    giving_back.result()
    assert "cancelled" == desk.state(claim.id)


@pytest.mark.parametrize("give_back", [put_back, suspend, release])
def test_a_cancel_that_waits_for_the_job_to_be_given_back_is_carried_out(
    desk: Desk,
    other: Desk,
    watcher: Desk,
    claim: Claim,
    give_back: Callable[[Desk, Claim], Future[Any]],
) -> None:
    with desk.transaction():
        give_back(desk, claim).result()
        cancelling = other.start(jobs.cancel(claim.job_id))
        wait_until_blocked(watcher, other, cancelling)

    assert "cancelled" == cancelling.result()
    assert "cancelled" == desk.state(claim.id)


def test_a_job_that_completes_before_it_is_cancelled_is_completed(
    desk: Desk, other: Desk, watcher: Desk, claim: Claim
) -> None:
    with desk.transaction():
        desk.finish(claim)
        cancelling = other.start(jobs.cancel(claim.job_id))
        wait_until_blocked(watcher, other, cancelling)

    assert isinstance(cancelling.exception(), IllegalTransitionError)
    assert "completed" == desk.state(claim.id)


def test_a_job_that_was_asked_to_stop_and_completes_is_completed(desk: Desk, claim: Claim) -> None:
    desk.run(jobs.cancel(claim.job_id))

    assert 1 == desk.finish(claim)
    assert "completed" == desk.state(claim.id)


def test_an_outcome_that_comes_before_the_sweep_of_its_worker_is_kept(
    desk: Desk, other: Desk, watcher: Desk, claim: Claim, clock: Any
) -> None:
    clock.advance(LEASE + 1)

    with desk.transaction():
        desk.finish(claim)
        sweeping = other.start(workers.sweep(crash_limit=1))
        wait_until_blocked(watcher, other, sweeping)

    assert (1, 0) == sweeping.result()
    assert "completed" == desk.state(claim.id)


def test_an_outcome_that_comes_after_the_sweep_of_its_worker_is_lost(
    desk: Desk, claim: Claim, clock: Any
) -> None:
    clock.advance(LEASE + 1)
    desk.run(workers.sweep(crash_limit=3))

    assert 0 == desk.finish(claim)
    assert "retry" == desk.state(claim.id)


def test_two_sweeps_release_a_worker_once(
    desk: Desk, other: Desk, claim: Claim, clock: Any
) -> None:
    clock.advance(LEASE + 1)

    with desk.transaction():
        assert (1, 1) == desk.run(workers.sweep(crash_limit=3))
        assert (0, 0) == other.run(workers.sweep(crash_limit=3))

    assert 1 == desk.row(claim.id)["crash_count"]


def test_two_workers_never_claim_one_job(desk: Desk, other: Desk) -> None:
    sent = {str(desk.send()) for _ in range(6)}

    with desk.transaction(), other.transaction():
        ours, theirs = desk.claim(limit=3), other.claim(limit=6)

    assert (3, 3) == (len(ours), len(theirs))
    assert sent == {one.id for one in (*ours, *theirs)}


def test_a_job_is_given_back_whole_when_its_claim_rolls_back(desk: Desk, other: Desk) -> None:
    job_id = desk.send()
    before = desk.row(job_id)
    other.sql("BEGIN")
    other.claim()
    other.sql("ROLLBACK")

    assert before == desk.row(job_id)
    assert [str(job_id)] == [one.id for one in desk.claim()]


def test_a_retry_by_hand_of_a_job_whose_key_was_taken_meanwhile_waits_and_is_refused(
    desk: Desk, other: Desk, watcher: Desk, claim: Claim
) -> None:
    desk.finish(claim, verdict=Verdict.FAILED)

    with desk.transaction():
        desk.send(key="k")
        retrying = other.start(jobs.retry(claim.job_id))
        wait_until_blocked(watcher, other, retrying)

    assert "KeyTakenError" == type(retrying.exception()).__name__
    assert "failed" == desk.state(claim.id)


def test_two_who_retry_a_job_at_once_are_both_answered(
    desk: Desk, other: Desk, watcher: Desk, claim: Claim
) -> None:
    desk.finish(claim, verdict=Verdict.FAILED)

    with desk.transaction():
        desk.run(jobs.retry(claim.job_id))
        retrying = other.start(jobs.retry(claim.job_id))
        wait_until_blocked(watcher, other, retrying)

    assert "retry" == retrying.result()
    assert "retry" == desk.row(claim.id)["state"]
