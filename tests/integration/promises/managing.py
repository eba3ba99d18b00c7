"""What is promised to those who delete jobs, and who act on many at once."""

from __future__ import annotations

from uuid import UUID

import pytest

from howdah._db import bulk
from howdah._db import job as jobs
from howdah._db.explain import explain
from howdah._model.identity import uuid7s
from howdah._model.outcome import Verdict
from howdah._model.states import JobState
from howdah.errors import IllegalTransitionError, JobAwaitedError
from tests.integration.desk import wait_until_blocked
from tests.integration.kin import send
from tests.integration.promises.guard import Guard
from tests.integration.promises.stage import Stage


def _failed(stage: Stage) -> UUID:
    job_id = stage.desk.send()
    (claim,) = stage.desk.claim()
    stage.desk.finish(claim, verdict=Verdict.FAILED)
    return job_id


def a_running_job_is_not_deleted_whoever_names_its_state(stage: Stage) -> None:
    job_id = stage.desk.send()
    stage.desk.claim()

    assert {} == stage.desk.run(bulk.DELETE.each([job_id], list(JobState)))
    assert "active" == stage.desk.state(job_id)


def a_claim_in_flight_keeps_its_job_from_being_deleted(stage: Stage) -> None:
    job_id = stage.desk.send()
    worker, deleter = stage.desk.worker(), stage.open()

    with stage.meanwhile() as other:
        other.claim(worker)
        deleting = deleter.start(jobs.delete(job_id))
        wait_until_blocked(stage.desk, deleter, deleting)

    with pytest.raises(IllegalTransitionError):
        deleting.result()
    assert "active" == stage.desk.state(job_id)


def only_jobs_in_the_states_named_are_deleted(stage: Stage) -> None:
    waiting, failed = stage.desk.send(queue="other"), _failed(stage)

    completed = [JobState.COMPLETED]
    assert {} == stage.desk.run(bulk.DELETE.each([waiting, failed], completed))
    assert ("created", "failed") == (stage.desk.state(waiting), stage.desk.state(failed))


def a_job_that_is_brought_back_meanwhile_is_deleted_all_the_same(stage: Stage) -> None:
    job_id = _failed(stage)
    deleter = stage.open()

    with stage.meanwhile() as other:
        other.run(jobs.retry(job_id))
        deleting = deleter.start(jobs.delete(job_id))
        wait_until_blocked(stage.desk, deleter, deleting)

    assert "retry" == deleting.result()
    assert stage.desk.state(job_id) is None


def what_a_deleted_job_logged_is_deleted(stage: Stage) -> None:
    job_id, other = _failed(stage), _failed(stage)
    for one in (job_id, other):
        stage.desk.sql(
            "INSERT INTO howdah.log VALUES (howdah.now(), %s, 1, 1, 'info', 'hello')", one
        )

    stage.desk.run(jobs.delete(job_id))

    assert [(other,)] == stage.desk.sql("SELECT job_id FROM howdah.log")


def a_parent_of_a_child_that_is_being_sent_is_not_deleted(stage: Stage) -> None:
    _child_on_its_way(stage, stage.desk.send())


def a_parent_that_is_over_is_not_deleted_for_a_child_that_is_being_sent(stage: Stage) -> None:
    _child_on_its_way(stage, _failed(stage))


def who_waits_for_a_job_that_is_gone_is_deleted_with_it(stage: Stage) -> None:
    parent, child = uuid7s(2)
    send(stage.desk, {parent: [], child: [parent]})

    deleted = stage.desk.run(bulk.DELETE.each([UUID(parent), UUID(child)], list(JobState)))

    assert {UUID(parent), UUID(child)} == deleted.keys()


def a_job_that_somebody_else_runs_again_is_not_hurried(stage: Stage) -> None:
    job_id = _failed(stage)
    retrier = stage.open()

    with stage.meanwhile() as other:
        other.run(jobs.retry(job_id))
        _put_off(stage, job_id, by=other)
        retrying = retrier.start(bulk.RETRY.each([job_id], [JobState.FAILED]))
        wait_until_blocked(stage.desk, retrier, retrying)

    assert {} == retrying.result()
    assert stage.desk.row(job_id)["start_after"] is not None


def a_job_that_waits_for_its_next_attempt_is_not_hurried_with_those_that_failed(
    stage: Stage,
) -> None:
    job_id = stage.desk.send()
    (claim,) = stage.desk.claim()
    stage.desk.put_back(claim, delay=60)

    assert {} == stage.desk.run(bulk.RETRY.each([job_id], [JobState.FAILED]))
    assert stage.desk.row(job_id)["start_after"] is not None


def a_job_that_completed_is_not_run_again_with_those_that_failed(stage: Stage) -> None:
    job_id = stage.desk.send()
    (claim,) = stage.desk.claim()
    stage.desk.finish(claim)

    assert {} == stage.desk.run(bulk.RETRY.each([job_id], [JobState.FAILED]))
    assert "completed" == stage.desk.state(job_id)


def a_job_that_has_moved_on_does_not_spoil_a_batch_of_cancels(stage: Stage) -> None:
    _moved_on_does_not_spoil(stage, bulk.cancel(), JobState.CREATED)


def a_job_that_has_moved_on_does_not_spoil_a_batch_of_resumes(stage: Stage) -> None:
    _moved_on_does_not_spoil(stage, bulk.RESUME, JobState.WAITING)


def an_explanation_is_one_picture(stage: Stage) -> None:
    first, second = stage.desk.send(), stage.desk.send()
    asker = stage.open()

    with stage.meanwhile() as other:
        other.sql("LOCK TABLE howdah.worker IN ACCESS EXCLUSIVE MODE")
        other.run(jobs.delete(first))
        asking = asker.start(explain(second))
        wait_until_blocked(stage.desk, asker, asking)

    explanation = asking.result()
    assert explanation is not None
    assert ["1 job is ahead of it"] == [r.text for r in explanation.reasons if r.kind == "turn"]


def _moved_on_does_not_spoil(stage: Stage, verb: bulk.Verb, state: JobState) -> None:
    """One of two jobs leaves the state before its lock is had."""
    first, second = stage.desk.send(), stage.desk.send()
    claims = stage.desk.claim(limit=2)
    if state is JobState.WAITING:
        stage.desk.put_back(*claims, verdict=Verdict.SUSPENDED)
    else:
        stage.desk.put_back(*claims)
        stage.desk.sql("UPDATE howdah.job SET state = 'created'")
    asker = stage.open()

    with stage.meanwhile() as other:
        other.run(jobs.cancel(first))
        asking = asker.start(verb.each([first, second], [state]))
        wait_until_blocked(stage.desk, asker, asking)

    assert [second] == [*asking.result()]


def _child_on_its_way(stage: Stage, parent: UUID) -> None:
    """A parent is deleted while the transaction that sends a child of it is open."""
    (child,) = uuid7s(1)
    deleter = stage.open()

    with stage.meanwhile() as other:
        send(other, {child: [str(parent)]})
        deleting = deleter.start(jobs.delete(parent))
        wait_until_blocked(stage.desk, deleter, deleting)

    with pytest.raises(JobAwaitedError):
        deleting.result()


def _put_off(stage: Stage, job_id: UUID, *, by: object) -> None:
    by.sql(  # type: ignore[attr-defined]
        "UPDATE howdah.job SET ready_xid = NULL, start_after = howdah.now() + interval '1 hour'"
        " WHERE id = %s",
        job_id,
    )


DELETE = "functions/16_delete"

GUARDS = [
    Guard(
        "functions/19_explain",
        "LANGUAGE plpgsql STABLE",
        "LANGUAGE plpgsql VOLATILE",
        an_explanation_is_one_picture,
    ),
    Guard(
        DELETE,
        "AND j.state <> 'active'",
        "",
        a_running_job_is_not_deleted_whoever_names_its_state,
    ),
    Guard(
        DELETE,
        "ORDER BY j.id\n        FOR UPDATE",
        "",
        a_claim_in_flight_keeps_its_job_from_being_deleted,
    ),
    Guard(
        DELETE,
        "ORDER BY a.id\n        FOR NO KEY UPDATE",
        "",
        a_parent_that_is_over_is_not_deleted_for_a_child_that_is_being_sent,
    ),
    Guard(
        DELETE,
        "AND NOT d.child = ANY (p_ids)",
        "",
        who_waits_for_a_job_that_is_gone_is_deleted_with_it,
        error="cannot delete",
    ),
    Guard(
        DELETE,
        "d.on_failure = 'block' AND NOT d.settled",
        "false AND NOT d.settled",
        a_parent_of_a_child_that_is_being_sent_is_not_deleted,
    ),
    Guard(
        DELETE,
        "AND j.state = ANY (p_states) AND j.state",
        "AND j.state",
        only_jobs_in_the_states_named_are_deleted,
    ),
    Guard(
        DELETE,
        "AND a.state = ANY (p_states)",
        "",
        only_jobs_in_the_states_named_are_deleted,
    ),
    Guard(
        DELETE,
        "FOR i IN 1..2 LOOP",
        "FOR i IN 1..1 LOOP",
        a_job_that_is_brought_back_meanwhile_is_deleted_all_the_same,
        error="cannot delete",
    ),
    Guard(
        DELETE,
        "WHERE l.job_id = ANY (v_ids)",
        "WHERE false",
        what_a_deleted_job_logged_is_deleted,
    ),
    Guard(
        "job/retry_each",
        "ORDER BY a.id\n    FOR UPDATE",
        "",
        a_job_that_somebody_else_runs_again_is_not_hurried,
    ),
    Guard(
        "job/retry_each",
        "AND j.state = ANY (string_to_array(:states::text, ','))",
        "",
        a_job_that_waits_for_its_next_attempt_is_not_hurried_with_those_that_failed,
    ),
    Guard(
        "job/retry_each",
        "AND a.state = ANY (string_to_array(:states::text, ','))",
        "",
        a_job_that_completed_is_not_run_again_with_those_that_failed,
    ),
    Guard(
        "job/cancel_each",
        "ORDER BY j.id\n    FOR UPDATE",
        "",
        a_job_that_has_moved_on_does_not_spoil_a_batch_of_cancels,
        error="cannot cancel",
    ),
    Guard(
        "job/resume_each",
        "ORDER BY j.id\n    FOR UPDATE",
        "",
        a_job_that_has_moved_on_does_not_spoil_a_batch_of_resumes,
        error="cannot resume",
    ),
]
