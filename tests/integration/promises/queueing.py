"""What is promised of queues: who may say what, what a policy takes, and what a pause holds."""

from __future__ import annotations

import json
from uuid import UUID, uuid4

import psycopg
import pytest

from howdah._db import job as jobs
from howdah._db import many
from howdah._db import queue as queues
from howdah._db.job import Receipt
from howdah._model.outcome import Verdict
from howdah.errors import MissingKeyError, PayloadError
from tests.integration.desk import Claim, Desk, wait_until_blocked
from tests.integration.promises.guard import Guard
from tests.integration.promises.stage import Stage, without_waiting

QUEUE = "functions/19_queue"
SEND = "functions/03_send"
PLAIN = "functions/03_send_plain"
LANE = """CREATE TABLE howdah.lane (
    queue    text     NOT NULL,
    priority smallint NOT NULL
"""


def _send(desk: Desk, *, task: str = "t", key: str | None = None, **defaults: object) -> Receipt:
    said = {"defaults": defaults} if key is None else {"key": key, "defaults": defaults}
    return desk.run(jobs.send(queue="q", task=task, args="{}", options=json.dumps(said)))


def _send_plain(desk: Desk, args: str = "{}") -> Receipt:
    """As Python sends a job of which nothing is said."""
    return desk.run(jobs.send_new(queue="q", task="t", args=args, job_id=str(uuid4()), said=""))


def _active(desk: Desk, job_id: UUID) -> Claim:
    worker = desk.worker()
    desk.sql(
        "UPDATE howdah.job SET state = 'active', ready_xid = NULL, fence = fence + 1,"
        " attempt = attempt + 1, worker_id = %s WHERE id = %s",
        worker,
        job_id,
    )
    return Claim(str(job_id), desk.row(job_id)["fence"], worker)


def _failed(desk: Desk, *, key: str = "k", **options: str) -> UUID:
    job_id = _send(desk, key=key, **options).id
    desk.finish(_active(desk, job_id), verdict=Verdict.FAILED)
    return job_id


def a_send_from_sql_to_an_unknown_queue_is_refused(stage: Stage) -> None:
    with pytest.raises(psycopg.Error, match="no queue named 'mial'"):
        stage.desk.sql("SELECT howdah.send('mial', 't')")


def a_deleted_queue_is_unknown_though_its_lane_stays(stage: Stage) -> None:
    _send(stage.desk)
    stage.desk.finish(*stage.desk.claim())
    stage.desk.run(queues.delete("q", with_jobs=False))

    with pytest.raises(psycopg.Error, match="no queue named 'q'"):
        stage.desk.sql("SELECT howdah.send('q', 't')")


def a_first_send_waits_for_no_other(stage: Stage) -> None:
    with stage.meanwhile() as other:
        _send(other)
        with without_waiting(stage.desk):
            assert _send(stage.desk).created


def a_registration_leaves_what_an_operator_said(stage: Stage) -> None:
    stage.desk.run(queues.put("q", {"priority": 9}))

    stage.desk.run(queues.register({"q": {"priority": 3}}))

    record = stage.desk.run(queues.get("q"))
    assert record is not None
    assert ({"priority": 3}, {"priority": 9}) == (record.code, record.override)


def one_exclusive_job_is_live(stage: Stage) -> None:
    sent = [_send(stage.desk, policy="exclusive") for _ in range(2)]

    assert [True, False] == [one.created for one in sent]


def a_key_of_a_policy_does_not_keep_others_of_the_task_away(stage: Stage) -> None:
    sent = [_send(stage.desk, key="k", policy="singleton") for _ in range(2)]

    assert [True, True] == [one.created for one in sent]


def a_short_queue_takes_another_while_one_runs(stage: Stage) -> None:
    _active(stage.desk, _send(stage.desk, policy="short").id)

    assert _send(stage.desk, policy="short").created


def strict_order_needs_a_key(stage: Stage) -> None:
    with pytest.raises(MissingKeyError):
        _send(stage.desk, policy="key_strict_fifo")


def a_failed_job_blocks_its_key_in_strict_order_only(stage: Stage) -> None:
    job_id = _failed(stage.desk, policy="key_strict_fifo")
    _failed(stage.desk, key="other", policy="singleton")

    blocked = stage.desk.run(queues.blocked_keys("q"))
    assert [("k", job_id)] == [(one.key, one.job_id) for one in blocked]


def a_completed_job_blocks_nothing(stage: Stage) -> None:
    job_id = _send(stage.desk, key="k", policy="key_strict_fifo").id
    stage.desk.finish(_active(stage.desk, job_id))

    assert [] == stage.desk.run(queues.blocked_keys("q"))


def a_retry_by_hand_unblocks(stage: Stage) -> None:
    stage.desk.run(jobs.retry(_failed(stage.desk, policy="key_strict_fifo")))

    assert [] == stage.desk.run(queues.blocked_keys("q"))


def a_deletion_unblocks(stage: Stage) -> None:
    job_id = _failed(stage.desk, policy="key_strict_fifo")

    stage.desk.sql("SELECT howdah.delete(%s)", job_id)

    assert [] == stage.desk.run(queues.blocked_keys("q"))


def one_stately_job_waits_for_a_retry(stage: Stage) -> None:
    claims = []
    for _ in range(2):
        claims.append(_active(stage.desk, _send(stage.desk, policy="stately").id))
        stage.desk.put_back(claims[-1], delay=60)

    assert ["retry", "failed"] == [stage.desk.state(claim.id) for claim in claims]


def a_stately_job_that_is_given_back_does_not_fail(stage: Stage) -> None:
    claims = []
    for _ in range(2):
        claims.append(_active(stage.desk, _send(stage.desk, policy="stately").id))
        stage.desk.put_back(claims[-1], verdict=Verdict.RELEASED)

    assert ["retry", "retry"] == [stage.desk.state(claim.id) for claim in claims]


def jobs_of_a_paused_task_are_stored_held(stage: Stage) -> None:
    stage.desk.run(queues.pause_task("t", by=None, reason=None))

    _send(stage.desk)
    for priority in (0, 1):
        ids = [str(uuid4())]
        stage.desk.run(many.send_many(queue="q", task="t", ids=ids, args=["{}"], priority=priority))

    assert [("task",)] * 3 == stage.desk.sql("SELECT held FROM howdah.job")
    assert [] == stage.desk.claim(limit=3)


def a_pause_holds_the_jobs_of_its_task_only(stage: Stage) -> None:
    held, other = _send(stage.desk).id, _send(stage.desk, task="other").id
    stage.desk.run(queues.pause_task("t", by=None, reason=None))

    stage.desk.run(queues.hold("t", after=None, limit=10))

    assert ("task", None) == (stage.desk.row(held)["held"], stage.desk.row(other)["held"])


def a_running_job_of_a_paused_task_goes_on(stage: Stage) -> None:
    _send(stage.desk)
    claim = stage.desk.claim()
    stage.desk.run(queues.pause_task("t", by=None, reason=None))

    stage.desk.run(queues.hold("t", after=None, limit=10))

    assert stage.desk.row(claim[0].id)["held"] is None
    assert 1 == stage.desk.finish(*claim)


def nothing_is_held_once_the_task_is_resumed(stage: Stage) -> None:
    job_id = _send(stage.desk).id

    stage.desk.run(queues.hold("t", after=None, limit=10))

    assert stage.desk.row(job_id)["held"] is None


def what_is_held_for_a_pause_is_not_lifted(stage: Stage) -> None:
    stage.desk.run(queues.pause_task("t", by=None, reason=None))
    _send(stage.desk)

    assert 0 == stage.desk.run(queues.lift(limit=10))
    assert [] == stage.desk.claim()


def a_lifted_job_waits_for_its_time(stage: Stage) -> None:
    stage.desk.run(queues.pause_task("t", by=None, reason=None))
    stage.desk.send(start_after=60)
    stage.desk.run(queues.resume_task("t"))

    assert 1 == stage.desk.run(queues.lift(limit=10))
    assert [] == stage.desk.claim()


def a_queue_that_is_paused_by_itself_stays_so_when_everything_is_resumed(stage: Stage) -> None:
    stage.desk.run(queues.put("q", {}))
    stage.desk.run(queues.pause("q", by="ann", reason=None))
    stage.desk.run(queues.pause_everything(by="bob", reason=None))

    stage.desk.run(queues.resume_everything())

    record = stage.desk.run(queues.get("q"))
    assert record is not None
    assert "ann" == record.paused_by


def a_queue_made_known_while_everything_is_paused_is_paused(stage: Stage) -> None:
    stage.desk.run(queues.pause_everything(by="bob", reason=None))

    stage.desk.run(queues.register({"q": None}))

    record = stage.desk.run(queues.get("q"))
    assert record is not None
    assert record.is_paused


def whoever_resumes_waits_for_who_pauses(stage: Stage) -> None:
    resumer = stage.open()

    with stage.meanwhile() as other:
        other.run(queues.pause_everything(by="bob", reason=None))
        resuming = resumer.start(queues.resume_everything())
        wait_until_blocked(stage.desk, resumer, resuming)
    resuming.result()

    assert 0 == stage.desk.value("SELECT count(*) FROM howdah.pause")


def a_plain_job_of_a_paused_task_is_stored_held(stage: Stage) -> None:
    stage.desk.run(queues.pause_task("t", by=None, reason=None))

    job_id = _send_plain(stage.desk).id

    assert "task" == stage.desk.row(job_id)["held"]


def a_plain_job_has_what_an_operator_said(stage: Stage) -> None:
    stage.desk.run(queues.put("q", {"priority": 9}))

    job_id = _send_plain(stage.desk).id

    assert 9 == stage.desk.row(job_id)["priority"]


def a_plain_job_that_is_sent_again_is_answered_with_itself(stage: Stage) -> None:
    query = jobs.send_new(queue="q", task="t", args="{}", job_id=str(uuid4()), said="")

    sent = [stage.desk.run(query) for _ in range(2)]

    assert [True, False] == [one.created for one in sent]
    assert 1 == len({one.id for one in sent})


def a_plain_job_must_have_arguments_by_name(stage: Stage) -> None:
    with pytest.raises(PayloadError):
        _send_plain(stage.desk, "[]")


GUARDS = [
    Guard(
        "job/send_many_plain",
        "WHERE NOT (SELECT p.asks FROM place AS p)",
        "",
        jobs_of_a_paused_task_are_stored_held,
        error="duplicate key",
    ),
    Guard(
        "job/send_many",
        "WHERE NOT p.asks",
        "",
        jobs_of_a_paused_task_are_stored_held,
    ),
    Guard(PLAIN, "p.kind = 'task'", "false", a_plain_job_of_a_paused_task_is_stored_held),
    Guard(PLAIN, "q.override <> '{}'", "false", a_plain_job_has_what_an_operator_said),
    Guard(
        PLAIN,
        "ON CONFLICT DO NOTHING",
        "",
        a_plain_job_that_is_sent_again_is_answered_with_itself,
        error="duplicate key",
    ),
    Guard(
        PLAIN, "jsonb_typeof(p_args) = 'object'", "true", a_plain_job_must_have_arguments_by_name
    ),
    Guard(
        SEND,
        "IF NOT v_place.known AND NOT p_options ?| '{new_id,defaults}' THEN",
        "IF false THEN",
        a_send_from_sql_to_an_unknown_queue_is_refused,
    ),
    Guard(
        SEND,
        "q.name IS NOT NULL AND q.deleted_at IS NULL AS known",
        "q.name IS NOT NULL AS known",
        a_deleted_queue_is_unknown_though_its_lane_stays,
    ),
    Guard(
        QUEUE,
        "SET code = c.value",
        "SET code = c.value, override = '{}'",
        a_registration_leaves_what_an_operator_said,
    ),
    Guard(
        "migrations/0010_queues",
        "CREATE UNIQUE INDEX job_place",
        "CREATE INDEX job_place",
        one_exclusive_job_is_live,
    ),
    Guard(
        "migrations/0005_windows",
        "WHERE key IS NOT NULL AND policy IS NULL",
        "WHERE key IS NOT NULL",
        a_key_of_a_policy_does_not_keep_others_of_the_task_away,
        error="cannot see",
    ),
    Guard(
        "migrations/0010_queues",
        "policy IN ('short', 'stately') AND state = 'created'",
        "policy IN ('short', 'stately')",
        a_short_queue_takes_another_while_one_runs,
        error="cannot see",
    ),
    Guard(
        SEND,
        "IF v_policy = 'key_strict_fifo' AND coalesce(v_key, '') = '' THEN",
        "IF false THEN",
        strict_order_needs_a_key,
    ),
    Guard(
        "functions/05_finish",
        "WHERE g.policy = 'key_strict_fifo' AND",
        "WHERE",
        a_failed_job_blocks_its_key_in_strict_order_only,
    ),
    Guard(
        "functions/05_finish",
        "AND g.outcome IN ('failed', 'expired')",
        "",
        a_completed_job_blocks_nothing,
    ),
    Guard(
        "functions/08_retry",
        "PERFORM howdah.unblock_key(v_lane.queue, v_lane.line, p_id);",
        "NULL;",
        a_retry_by_hand_unblocks,
    ),
    Guard(
        "functions/16_delete",
        "DELETE FROM howdah.blocked_key AS b WHERE b.job_id = ANY (v_ids) RETURNING b.queue)",
        "SELECT b.queue FROM howdah.blocked_key AS b WHERE false)",
        a_deletion_unblocks,
    ),
    Guard(
        "functions/06_put_back",
        "WHEN j.policy = 'stately' AND o.spent",
        "WHEN false AND o.spent",
        one_stately_job_waits_for_a_retry,
    ),
    Guard(
        "functions/06_put_back",
        "WHEN j.policy = 'stately' AND o.spent",
        "WHEN j.policy = 'stately'",
        a_stately_job_that_is_given_back_does_not_fail,
    ),
    Guard(
        SEND,
        "WHEN v_place.paused THEN 'task' END",
        "END",
        jobs_of_a_paused_task_are_stored_held,
    ),
    Guard(
        QUEUE,
        "OR EXISTS (SELECT FROM howdah.pause AS p WHERE p.kind = 'task' AND p.name = p_task)",
        "",
        jobs_of_a_paused_task_are_stored_held,
    ),
    Guard(
        QUEUE,
        "WHERE l.task = p_task AND j.state IN ('created', 'retry')",
        "WHERE j.state IN ('created', 'retry')",
        a_pause_holds_the_jobs_of_its_task_only,
    ),
    Guard(
        QUEUE,
        "CONTINUE WHEN EXISTS (",
        "CONTINUE WHEN false AND EXISTS (",
        what_is_held_for_a_pause_is_not_lifted,
    ),
    Guard(
        QUEUE,
        "CASE WHEN coalesce(j.start_after <= howdah.now(), true)\n"
        "                                     THEN pg_current_xact_id() END",
        "pg_current_xact_id()",
        a_lifted_job_waits_for_its_time,
    ),
    Guard(
        QUEUE,
        "AND EXISTS (SELECT FROM howdah.pause AS p WHERE p.kind = 'task' AND p.name = p_task)\n",
        "",
        nothing_is_held_once_the_task_is_resumed,
    ),
    Guard(
        QUEUE,
        "WHERE p.kind = 'everything' AND q.paused_at IS NULL;",
        "WHERE p.kind = 'everything';",
        a_queue_that_is_paused_by_itself_stays_so_when_everything_is_resumed,
    ),
    Guard(
        QUEUE,
        "LEFT JOIN howdah.pause AS p ON p.kind = 'everything'",
        "LEFT JOIN howdah.pause AS p ON false",
        a_queue_made_known_while_everything_is_paused_is_paused,
    ),
    Guard(
        "migrations/0001_foundation",
        LANE + ");",
        LANE.rstrip() + ",\n    UNIQUE (queue, priority)\n);",
        a_first_send_waits_for_no_other,
    ),
    Guard(
        QUEUE,
        "AND j.state IN ('created', 'retry') AND j.held IS NULL\n"
        "        FOR UPDATE OF j SKIP LOCKED)",
        "AND j.held IS NULL\n        FOR UPDATE OF j SKIP LOCKED)",
        a_running_job_of_a_paused_task_goes_on,
    ),
    Guard(
        "functions/19_lock_pauses",
        "SELECT pg_advisory_xact_lock(hashtextextended(howdah.channel() || '/pause', 0))",
        "",
        whoever_resumes_waits_for_who_pauses,
    ),
    Guard(
        "portable/19_lock_pauses",
        "FOR UPDATE",
        "",
        whoever_resumes_waits_for_who_pauses,
    ),
]
