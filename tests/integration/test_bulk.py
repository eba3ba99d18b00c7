"""One verb said of many jobs: by id and by filter, in batches, beside others who do the same."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from howdah import BulkProgress, Howdah, JobFilter, JobState
from howdah._db import bulk
from howdah._model.outcome import Verdict
from howdah.errors import IllegalTransitionError, JobNotFoundError, KeyTakenError, UsageError
from tests.integration.desk import Desk

BATCH = 3


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "BATCH", BATCH)
    monkeypatch.setattr(bulk, "FOUND", 2 * BATCH)


async def test_all_that_fit_are_cancelled_in_batches_and_the_rest_is_left(
    app: Howdah, desk: Desk
) -> None:
    wanted = [desk.send(queue="mail") for _ in range(2 * BATCH + 1)]
    other = desk.send(queue="other")
    told: list[BulkProgress] = []

    report = await app.jobs.cancel_many(
        JobFilter(queue="mail"), reason="enough", progress=told.append
    )

    assert (7, {JobState.CANCELLED: 7}, {}) == (report.done, report.states, report.refused)
    assert [BulkProgress(n, 7) for n in (3, 6, 7)] == told
    assert {"enough"} == {desk.row(one)["cancel_reason"] for one in wanted}
    assert "created" == desk.state(other)


async def test_a_cancel_of_many_asks_the_running_ones_to_stop(app: Howdah, desk: Desk) -> None:
    desk.send()
    desk.claim()
    desk.send()

    report = await app.jobs.cancel_many(JobFilter())

    assert {JobState.CANCELLED: 1, JobState.ACTIVE: 1} == report.states


async def test_a_job_that_is_named_and_refused_is_told_with_the_reason(
    app: Howdah, desk: Desk
) -> None:
    waiting, over, missing = desk.send(queue="mail"), desk.send(), uuid4()
    desk.finish(*desk.claim())

    report = await app.jobs.cancel_many([waiting, over, missing, waiting])

    assert 1 == report.done
    assert {over: IllegalTransitionError, missing: JobNotFoundError} == {
        job_id: type(error) for job_id, error in report.refused.items()
    }


async def test_a_retry_of_many_takes_what_failed_or_expired(app: Howdah, desk: Desk) -> None:
    for verdict in (Verdict.FAILED, Verdict.EXPIRED, Verdict.COMPLETED, Verdict.CANCELLED):
        desk.send()
        desk.finish(*desk.claim(), verdict=verdict)

    report = await app.jobs.retry_many(JobFilter(queue="q"))

    assert 2 == report.done
    assert 2 == await app.jobs.count(JobFilter(state=JobState.RETRY))


async def test_one_job_that_is_refused_does_not_spoil_its_batch(app: Howdah, desk: Desk) -> None:
    jobs = [desk.send(key="k"), desk.send(key="l")]
    desk.finish(*desk.claim(limit=2), verdict=Verdict.FAILED)
    desk.send(key="k")

    report = await app.jobs.retry_many(JobFilter(state="failed"))

    assert (1, [jobs[0]]) == (report.done, [*report.refused])
    assert isinstance(report.refused[jobs[0]], KeyTakenError)


async def test_many_suspended_jobs_are_resumed(app: Howdah, desk: Desk) -> None:
    jobs = [desk.send() for _ in range(BATCH + 1)]
    desk.put_back(*desk.claim(limit=BATCH + 1), verdict=Verdict.SUSPENDED)

    report = await app.jobs.resume_many(JobFilter(queue="q"))

    assert {JobState.RETRY: BATCH + 1} == report.states
    assert {True} == {desk.value("SELECT ready FROM howdah.jobs WHERE id = %s", j) for j in jobs}


async def test_all_but_what_runs_is_deleted_with_its_log(app: Howdah, desk: Desk) -> None:
    over = desk.send()
    desk.finish(*desk.claim())
    running = desk.send()
    desk.claim()
    desk.send()
    desk.sql("INSERT INTO howdah.log VALUES (howdah.now(), %s, 1, 1, 'info', 'hello')", over)

    report = await app.jobs.delete_many(JobFilter())

    assert {JobState.CREATED: 1, JobState.COMPLETED: 1} == report.states
    assert [(running,)] == desk.sql("SELECT id FROM howdah.jobs")
    assert [] == desk.sql("SELECT FROM howdah.log")


async def test_a_deleted_job_is_gone_and_its_key_is_free(app: Howdah, desk: Desk) -> None:
    job_id = desk.send(key="k")

    assert JobState.CREATED is await app.jobs.delete(job_id)

    with pytest.raises(JobNotFoundError):
        await app.jobs.get(job_id)
    assert desk.send_receipt(key="k").created


async def test_a_delete_in_a_transaction_that_rolls_back_has_deleted_nothing(
    app: Howdah, desk: Desk
) -> None:
    job_id = desk.send()

    with desk.connection.transaction(force_rollback=True):
        app.sync.jobs.delete(job_id, conn=desk.connection)

    assert "created" == desk.state(job_id)


def test_code_that_does_not_await_has_the_same_words(app: Howdah, desk: Desk) -> None:
    jobs = app.sync.jobs
    one = desk.send()

    assert 1 == jobs.cancel_many([one]).done
    assert 1 == jobs.retry_many([one]).done
    assert [one] == [*jobs.resume_many([one]).refused]
    assert 1 == jobs.delete_many([one]).done
    with pytest.raises(JobNotFoundError):
        jobs.delete(one)


@pytest.mark.parametrize("wrong", ["all", [1], ["a"], None, 7])
async def test_what_are_no_ids_is_refused(app: Howdah, wrong: Any) -> None:
    with pytest.raises(
        UsageError, match=r"cannot delete .*: give ids, each a UUID, or a JobFilter"
    ):
        await app.jobs.delete_many(wrong)


async def test_a_state_in_which_the_verb_cannot_be_said_is_refused(app: Howdah) -> None:
    with pytest.raises(UsageError, match="cannot delete jobs that are active: choose among"):
        await app.jobs.delete_many(JobFilter(state="active"))


def test_two_who_run_the_same_jobs_again_share_them(
    app: Howdah, desk: Desk, database_url: str, schema: str
) -> None:
    for _ in range(20):
        desk.send()
    desk.finish(*desk.claim(limit=20), verdict=Verdict.FAILED)

    done = both(lambda: app.sync.jobs.retry_many(JobFilter(state="failed")).done)

    assert 20 == sum(done)
    assert 20 == len(desk.claim(limit=50))


def test_two_who_delete_the_same_jobs_share_them(app: Howdah, desk: Desk) -> None:
    for _ in range(20):
        desk.send()
    desk.finish(*desk.claim(limit=10))

    done = both(lambda: app.sync.jobs.delete_many(JobFilter()).done)

    assert 20 == sum(done)
    assert [] == desk.sql("SELECT FROM howdah.jobs")


def both(act: Callable[[], int]) -> list[int]:
    """What the same call answers when two make it at once."""
    answers: list[int] = []
    together = threading.Barrier(2)

    def run() -> None:
        together.wait()
        answers.append(act())

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers
