"""Two sessions that meet on one job: whoever comes second sees what the first has done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from howdah._db import job as jobs
from howdah._db import worker as workers
from howdah._db.query import Query
from howdah._model.outcome import Verdict
from tests.integration.desk import Claim, Desk, wait_until_blocked


@pytest.fixture
def watcher(open_desk: Callable[[], Desk]) -> Desk:
    return open_desk()


@pytest.fixture
def other(open_desk: Callable[[], Desk]) -> Desk:
    return open_desk()


def put_back(claim: Claim) -> Query[Any]:
    return jobs.put_back([claim.outcome(Verdict.RETRY)])


def suspend(claim: Claim) -> Query[Any]:
    return jobs.put_back([claim.outcome(Verdict.SUSPENDED)])


def release(claim: Claim) -> Query[Any]:
    return workers.release(claim.worker, running=[], crash_limit=3)


@pytest.mark.parametrize("give_back", [put_back, suspend, release])
def test_a_cancel_that_commits_while_the_job_is_given_back_is_carried_out(
    desk: Desk, other: Desk, watcher: Desk, give_back: Callable[[Claim], Query[Any]]
) -> None:
    job_id = desk.send()
    (claim,) = desk.claim()

    with desk.transaction():
        desk.run(jobs.cancel(job_id))
        giving_back = other.start(give_back(claim))
        wait_until_blocked(watcher, other, giving_back)

    giving_back.result()
    assert "cancelled" == desk.state(job_id)


@pytest.mark.parametrize("give_back", [put_back, suspend, release])
def test_a_cancel_that_waits_for_the_job_to_be_given_back_is_carried_out(
    desk: Desk, other: Desk, watcher: Desk, give_back: Callable[[Claim], Query[Any]]
) -> None:
    job_id = desk.send()
    (claim,) = desk.claim()

    with desk.transaction():
        desk.run(give_back(claim))
        cancelling = other.start(jobs.cancel(job_id))
        wait_until_blocked(watcher, other, cancelling)

    assert "cancelled" == cancelling.result()
    assert "cancelled" == desk.state(job_id)
