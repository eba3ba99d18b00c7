"""What is promised of jobs that wait for others."""

from __future__ import annotations

from uuid import UUID

import pytest

from howdah._db import flow as flows
from howdah._db import job as jobs
from howdah._model.identity import uuid7s
from howdah._model.outcome import Verdict
from howdah.errors import DatabaseError, JobAwaitedError, JobNotFoundError
from tests.integration.desk import wait_until_blocked
from tests.integration.kin import blockers, family, send
from tests.integration.promises.guard import Guard
from tests.integration.promises.stage import Stage


def a_child_is_not_claimed_before_its_parents_are_over(stage: Stage) -> None:
    child, claims = family(stage.desk, 2)

    stage.desk.finish(claims[0])
    assert [] == stage.desk.claim()
    stage.desk.finish(claims[1])
    assert [child] == [claim.id for claim in stage.desk.claim()]


def a_parent_that_is_ending_when_its_child_is_sent_frees_it(stage: Stage) -> None:
    stage.desk.send()
    (parent,) = stage.desk.claim()
    (child,) = uuid7s(1)
    with stage.meanwhile() as other:
        send(other, {child: [parent.id]})
        ending = stage.desk.start(jobs.complete(parent.id, parent.fence, None))
        wait_until_blocked(stage.open(), stage.desk, ending)
    ending.result()

    assert [child] == [claim.id for claim in stage.desk.claim()]


def a_finish_with_an_old_snapshot_does_not_overlook_a_child(stage: Stage) -> None:
    stage.desk.send()
    (parent,) = stage.desk.claim()
    (child,) = uuid7s(1)
    other = stage.open()
    other.sql("BEGIN ISOLATION LEVEL REPEATABLE READ")
    other.sql("SELECT count(*) FROM howdah.job")
    send(stage.desk, {child: [parent.id]})
    with pytest.raises(DatabaseError, match="could not serialize"):
        other.run(jobs.complete(parent.id, parent.fence, None))
    other.sql("ROLLBACK")

    assert 1 == stage.desk.finish(parent)
    assert [child] == [claim.id for claim in stage.desk.claim()]


def a_dependency_is_settled_once(stage: Stage) -> None:
    child, (first, second) = family(stage.desk, 2, on_failure="run")
    stage.desk.finish(first, verdict=Verdict.FAILED)
    stage.desk.sql(
        "SELECT howdah.follow(jsonb_build_array(howdah.ending("
        "%s::text::uuid, 't', 'failed', NULL, NULL, NULL)))",
        first.id,
    )

    assert 1 == blockers(stage.desk, child)
    stage.desk.finish(second)
    assert [child] == [claim.id for claim in stage.desk.claim()]


def a_child_brought_back_while_its_parent_ends_is_freed(stage: Stage) -> None:
    child, (parent,) = family(stage.desk, 1)
    stage.desk.run(jobs.cancel(UUID(child)))
    other = stage.open()
    with stage.desk.transaction():
        stage.desk.run(jobs.complete(parent.id, parent.fence, None))
        retrying = other.start(jobs.retry(UUID(child)))
        wait_until_blocked(stage.open(), other, retrying)
    retrying.result()

    assert [child] == [claim.id for claim in stage.desk.claim()]


def a_parent_that_ends_while_its_child_is_brought_back_frees_it(stage: Stage) -> None:
    child, (parent,) = family(stage.desk, 1)
    stage.desk.run(jobs.cancel(UUID(child)))
    other = stage.open()
    with stage.desk.transaction():
        stage.desk.run(jobs.retry(UUID(child)))
        ending = other.start(jobs.complete(parent.id, parent.fence, None))
        wait_until_blocked(stage.open(), other, ending)
    ending.result()

    assert [child] == [claim.id for claim in stage.desk.claim()]


def a_parent_that_runs_again_is_waited_for_again(stage: Stage) -> None:
    child, (first, second) = family(stage.desk, 2)
    stage.desk.finish(first)
    stage.desk.run(jobs.retry(first.job_id))
    stage.desk.finish(second)

    assert [first.id] == [claim.id for claim in stage.desk.claim(limit=2)]
    assert 1 == blockers(stage.desk, child)


def jobs_that_would_wait_for_each_other_are_refused(stage: Stage) -> None:
    a, b = uuid7s(2)

    with pytest.raises(Exception, match="which must come before it"):
        send(stage.desk, {a: [b], b: [a]})
    with pytest.raises(Exception, match="which must come before it"):
        send(stage.desk, {a: [a]})


def a_job_of_a_flow_does_not_stand_for_another(stage: Stage) -> None:
    stage.desk.send(key="k")
    (job,) = uuid7s(1)
    text = flows.job_text(
        job_id=job, queue="q", task="t", args="{}", options='{"key": "k"}', after=[]
    )

    with pytest.raises(Exception, match="let another job of task t stand for it"):
        stage.desk.run(flows.send_flow(uuid7s(1)[0], [text]))


def a_flow_from_sql_to_an_unknown_queue_is_refused(stage: Stage) -> None:
    job = '[{"id": "%s", "queue": "mial", "task": "t"}]' % uuid7s(1)[0]  # noqa: UP031

    with pytest.raises(Exception, match="no queue named 'mial'"):
        stage.desk.sql("SELECT howdah.send_flow(howdah.uuid7(), %s::text::jsonb)", job)


def a_child_does_not_come_back_to_wait_for_a_parent_that_is_gone(stage: Stage) -> None:
    child, (parent,) = family(stage.desk, 1, on_failure="cancel")
    stage.desk.finish(parent, verdict=Verdict.FAILED)
    stage.desk.sql("SELECT howdah.delete(%s)", parent.job_id)

    with pytest.raises(JobNotFoundError, match="has not completed and is gone"):
        stage.desk.run(jobs.retry(UUID(child)))


def a_parent_is_not_deleted_from_under_a_child_that_comes_back(stage: Stage) -> None:
    child, (parent,) = family(stage.desk, 1)
    stage.desk.finish(parent, verdict=Verdict.FAILED)
    stage.desk.run(jobs.cancel(UUID(child)))
    with stage.meanwhile() as other:
        other.run(jobs.retry(UUID(child)))
        deleting = stage.desk.start(jobs.delete(parent.job_id))
        wait_until_blocked(stage.open(), stage.desk, deleting)

    with pytest.raises(JobAwaitedError):
        deleting.result()


def what_somebody_holds_below_a_job_is_not_waited_for_with_it(stage: Stage) -> None:
    child, (parent, _) = family(stage.desk, 2)
    stage.desk.send()
    (plain,) = stage.desk.claim()
    outcomes = [claim.outcome(Verdict.COMPLETED) for claim in (parent, plain)]
    with stage.meanwhile() as other:
        other.run(jobs.cancel(UUID(child)))

        assert {plain.id} == stage.desk.run(jobs.free(outcomes))


def what_is_known_of_a_flow_goes_with_its_jobs(stage: Stage) -> None:
    _, (parent,) = family(stage.desk, 1)
    stage.desk.finish(parent)
    (claim,) = stage.desk.claim()

    stage.desk.sql("SELECT howdah.delete_strays(7, 100)")
    assert 1 == stage.desk.value("SELECT count(*) FROM howdah.dependency")
    stage.desk.finish(claim)
    stage.clock.advance(17 * 86_400)
    stage.desk.sql("SELECT howdah.delete_strays(7, 100)")
    assert 0 == stage.desk.value("SELECT count(*) FROM howdah.dependency")


def a_child_that_is_being_cancelled_and_its_parent_end_both(stage: Stage) -> None:
    child, (parent,) = family(stage.desk, 1)
    other = stage.open()
    with stage.desk.transaction():
        stage.desk.sql("SELECT FROM howdah.job WHERE id = %s::text::uuid FOR UPDATE", child)
        ending = other.start(jobs.complete(parent.id, parent.fence, None))
        wait_until_blocked(stage.open(), other, ending)
        stage.desk.run(jobs.cancel(UUID(child)))
    ending.result()

    assert ["completed", "cancelled"] == [stage.desk.state(one) for one in (parent.id, child)]


FLOW = "functions/18_flow"
JOIN = """            UPDATE howdah.job AS j
            SET flow_id = coalesce(j.flow_id, p_flow)
            WHERE j.id = ANY (v_missing)
            RETURNING j.id)"""
NO_JOIN = "            SELECT j.id FROM howdah.job AS j WHERE j.id = ANY (v_missing))"
REJOIN = """\
    PERFORM FROM howdah.dependency AS d WHERE d.child = p_id ORDER BY d.parent FOR UPDATE;
    UPDATE howdah.dependency AS d SET keep_until = NULL WHERE d.child = p_id;
"""
GUARDS = [
    Guard(
        FLOW,
        "AND NOT EXISTS (SELECT FROM howdah.archive AS a WHERE a.id = d.parent)",
        "AND false",
        a_child_does_not_come_back_to_wait_for_a_parent_that_is_gone,
    ),
    Guard(
        "functions/08_retry",
        "PERFORM howdah.hold_parents(p_id);",
        "NULL;",
        a_parent_is_not_deleted_from_under_a_child_that_comes_back,
    ),
    Guard(
        FLOW,
        "IF NOT v_options ?| '{new_id,defaults}' THEN",
        "IF false THEN",
        a_flow_from_sql_to_an_unknown_queue_is_refused,
    ),
    Guard(
        "functions/03_send",
        " AND NOT p_options ? 'blockers'",
        "",
        a_child_is_not_claimed_before_its_parents_are_over,
        error="job_held",
    ),
    Guard(FLOW, JOIN, NO_JOIN, a_parent_that_is_ending_when_its_child_is_sent_frees_it),
    Guard(FLOW, JOIN, NO_JOIN, a_finish_with_an_old_snapshot_does_not_overlook_a_child),
    Guard(
        FLOW,
        "          AND NOT d.settled\n        RETURNING d.parent",
        "        RETURNING d.parent",
        a_dependency_is_settled_once,
    ),
    Guard(FLOW, REJOIN, "", a_child_brought_back_while_its_parent_ends_is_freed),
    Guard(FLOW, REJOIN, "", a_parent_that_ends_while_its_child_is_brought_back_frees_it),
    Guard(
        FLOW,
        """    UPDATE howdah.job AS j
    SET blockers = j.blockers + 1
    FROM howdah.dependency AS d
    WHERE d.parent = p_id AND d.settled AND j.id = d.child AND j.held = 'flow';
""",
        "",
        a_parent_that_runs_again_is_waited_for_again,
    ),
    Guard(
        FLOW,
        "    WHERE (v_places ->> (a.parent ->> 'id')::uuid::text)::bigint >= e.place\n",
        "    WHERE false\n",
        jobs_that_would_wait_for_each_other_are_refused,
    ),
    Guard(
        FLOW,
        "        IF NOT v_new THEN\n",
        "        IF false THEN\n",
        a_job_of_a_flow_does_not_stand_for_another,
    ),
    Guard(
        "job/free",
        "    WHERE b.root = o.id AND b.id NOT IN (SELECT f.id FROM free AS f))",
        "    WHERE false)",
        what_somebody_holds_below_a_job_is_not_waited_for_with_it,
    ),
    Guard(
        "functions/12_partitions",
        "SELECT s.ctid FROM howdah.dependency AS s\n        WHERE s.keep_until < v_today",
        "SELECT s.ctid FROM howdah.dependency AS s\n        WHERE true",
        what_is_known_of_a_flow_goes_with_its_jobs,
    ),
    Guard(
        FLOW,
        """    PERFORM FROM howdah.job AS j
    WHERE j.held = 'flow'
      AND j.id = ANY (ARRAY(
        SELECT d.child
        FROM jsonb_to_recordset(p_over) AS o (id uuid)
        JOIN howdah.dependency AS d ON d.parent = ANY (ARRAY[o.id])))
    ORDER BY j.id
    FOR UPDATE;
""",
        "",
        a_child_that_is_being_cancelled_and_its_parent_end_both,
        error="deadlock",
    ),
]
