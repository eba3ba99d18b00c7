"""What is promised of lines that are forgotten: who makes a job claimable makes its line known."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg

from howdah._db import job as jobs
from howdah._db import queue as queues
from howdah._db import worker as workers
from howdah._model.outcome import Verdict
from tests.integration.desk import LEASE, Claim, Desk
from tests.integration.kin import family
from tests.integration.promises.guard import HINTS, Guard
from tests.integration.promises.stage import Stage, without_waiting

HOUR = timedelta(hours=1)
IDLE = """
    INSERT INTO howdah.line (queue, priority, line)
    SELECT 'q', 0::smallint, 'idle ' || n FROM pg_catalog.generate_series(1, 101) AS n
"""


def a_job_that_is_given_back_is_found(stage: Stage) -> None:
    claim = _claimed(stage.desk)
    _forget(stage.desk)

    stage.desk.put_back(claim, verdict=Verdict.RELEASED)

    assert [claim.id] == _next(stage.desk)


def a_job_of_a_dead_worker_is_found(stage: Stage) -> None:
    claim = _claimed(stage.desk)
    _forget(stage.desk)
    stage.clock.advance(LEASE + 1)

    stage.desk.run(workers.sweep(crash_limit=3))

    assert [claim.id] == _next(stage.desk)


def a_job_whose_time_has_come_is_found(stage: Stage) -> None:
    later = _send(stage.desk, start_after=HOUR)
    _forget(stage.desk)
    stage.clock.advance(HOUR.total_seconds() + 1)

    stage.desk.run(jobs.promote(limit=10, within=None))

    assert [later] == _next(stage.desk)


def a_job_that_is_lifted_is_found(stage: Stage) -> None:
    stage.desk.run(queues.pause_task("t", by=None, reason=None))
    held = _send(stage.desk)
    _forget(stage.desk)
    stage.desk.run(queues.resume_task("t"))

    stage.desk.run(queues.lift(limit=10))

    assert [held] == _next(stage.desk)


def a_child_is_found(stage: Stage) -> None:
    child, (parent,) = family(stage.desk, 1)
    stage.desk.sql("UPDATE howdah.job SET line = 'ann' WHERE id = %s", child)
    stage.desk.sql("SELECT howdah.line_up('q', 0::smallint, NULL, '{ann}')")
    _forget(stage.desk)

    stage.desk.finish(parent)

    assert [child] == _next(stage.desk)


def a_job_that_is_retried_now_is_found(stage: Stage) -> None:
    claim = _claimed(stage.desk)
    stage.desk.put_back(claim, delay=HOUR.total_seconds())
    _forget(stage.desk)

    stage.desk.run(jobs.retry(claim.job_id))

    assert [claim.id] == _next(stage.desk)


def a_job_that_is_resumed_is_found(stage: Stage) -> None:
    claim = _claimed(stage.desk)
    stage.desk.put_back(claim, verdict=Verdict.SUSPENDED)
    _forget(stage.desk)

    stage.desk.run(jobs.resume(claim.job_id))

    assert [claim.id] == _next(stage.desk)


def what_whoever_began_before_its_line_sends_is_found(stage: Stage) -> None:
    with stage.meanwhile() as other:
        other.send(queue="else")
        # So that the line begins after that transaction.
        stage.desk.send(queue="else")
        first = _send(stage.desk)
        late = _send(other)

    assert {first, late} == set(_next(stage.desk))


def a_line_with_a_claimable_job_is_not_forgotten(stage: Stage) -> None:
    waits = _send(stage.desk)

    stage.desk.sql("SELECT howdah.forget_idle(ARRAY(SELECT l.ctid FROM howdah.line AS l))")

    assert [waits] == _next(stage.desk)


def a_line_of_who_sends_now_is_not_forgotten(stage: Stage) -> None:
    _claimed(stage.desk)
    with stage.meanwhile() as other:
        late = _send(other)
        with without_waiting(stage.desk):
            stage.desk.sql("SELECT howdah.forget_idle(ARRAY(SELECT l.ctid FROM howdah.line AS l))")

    assert [late] == _next(stage.desk)


def a_sender_with_an_old_snapshot_does_not_fail(stage: Stage) -> None:
    _claimed(stage.desk)
    with psycopg.connect(stage.desk.url) as old:
        old.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        _in(stage.desk, old, "SELECT 1")
        _forget(stage.desk)
        _in(stage.desk, old, "SELECT howdah.send('q', 't', '{}', '{\"group\": \"ann\"}')")

    assert 1 == len(_next(stage.desk))


def a_job_sent_after_a_restore_is_found(stage: Stage) -> None:
    _claimed(stage.desk)
    stage.desk.sql("UPDATE howdah.line SET pos_xid = '9000000000000'")
    sent = _send(stage.desk)
    stage.desk.sql("SELECT howdah.forget_idle(ARRAY(SELECT l.ctid FROM howdah.line AS l))")

    # With a worker that starts now.
    assert [sent] == _next(stage.open())


def who_claims_by_hand_forgets_no_line(stage: Stage) -> None:
    stage.desk.sql(IDLE)
    worker = stage.desk.worker()
    stage.desk.sql("UPDATE howdah.worker SET by_hand = 1 WHERE id = %s", worker)

    stage.desk.sql("SELECT howdah.rest_lines(%s, 'q', 0::smallint, NULL, 1000)", worker)

    assert 101 == stage.desk.value("SELECT count(*) FROM howdah.line")


def who_is_being_released_forgets_no_line(stage: Stage) -> None:
    stage.desk.sql(IDLE)
    worker = stage.desk.worker()
    with stage.meanwhile() as other:
        other.run(workers.release(worker, running=None, crash_limit=3))
        stage.desk.sql("SELECT howdah.rest_lines(%s, 'q', 0::smallint, NULL, 1000)", worker)

    assert 101 == stage.desk.value("SELECT count(*) FROM howdah.line")


def _send(desk: Desk, **options: Any) -> str:
    return str(desk.send(group="ann", **options))


def _claimed(desk: Desk) -> Claim:
    _send(desk)
    (claim,) = desk.claim()
    return claim


def _next(desk: Desk) -> list[str]:
    return [claim.id for claim in desk.claim(limit=10)]


def _forget(desk: Desk) -> None:
    desk.sql("SELECT howdah.forget_idle(ARRAY(SELECT l.ctid FROM howdah.line AS l))")
    assert 0 == desk.value("SELECT count(*) FROM howdah.line")


def _in(desk: Desk, connection: psycopg.Connection[Any], text: str) -> None:
    connection.execute(
        text.replace("howdah.", psycopg.sql.Identifier(desk.schema).as_string() + ".").encode()
    )


LINES = "functions/15_line"
GUARDS = [
    Guard(
        "functions/06_put_back",
        "IF v_lane.lines IS NOT NULL THEN",
        "IF false THEN",
        a_job_that_is_given_back_is_found,
    ),
    Guard(
        "functions/10_sweep",
        "IF v_lane.lines IS NOT NULL THEN",
        "IF false THEN",
        a_job_of_a_dead_worker_is_found,
    ),
    Guard(
        "functions/09_promote",
        "IF v_lane.lines IS NOT NULL THEN",
        "IF false THEN",
        a_job_whose_time_has_come_is_found,
    ),
    Guard(
        "functions/19_queue",
        "IF v_lane.lines IS NOT NULL THEN",
        "IF false THEN",
        a_job_that_is_lifted_is_found,
    ),
    Guard(
        "functions/18_flow", "IF v_lane.lines IS NOT NULL THEN", "IF false THEN", a_child_is_found
    ),
    Guard(
        "functions/08_retry",
        "IF FOUND THEN\n            IF v_lane.line IS NOT NULL THEN\n"
        "                PERFORM howdah.line_up(v_lane.queue, v_lane.priority, NULL,",
        "IF FOUND THEN\n            IF false THEN\n"
        "                PERFORM howdah.line_up(v_lane.queue, v_lane.priority, NULL,",
        a_job_that_is_retried_now_is_found,
    ),
    Guard(
        "functions/08_retry",
        "    END IF;\n    IF v_lane.line IS NOT NULL THEN",
        "    END IF;\n    IF false THEN",
        a_job_that_is_resumed_is_found,
    ),
    Guard(
        LINES,
        "ARRAY(SELECT o.x FROM pg_snapshot_xip(s.now) AS o (x) WHERE o.x < s.x)",
        "'{}'::xid8[]",
        what_whoever_began_before_its_line_sends_is_found,
        standard=HINTS,
    ),
    Guard(
        LINES,
        "\n      AND NOT howdah.is_claimable("
        "l.queue, l.priority, l.line, l.pos_xid, l.pos_id, l.late);",
        ";",
        a_line_with_a_claimable_job_is_not_forgotten,
    ),
    Guard(
        LINES,
        "WHERE l.ctid = ANY (p_rows) FOR UPDATE SKIP LOCKED);",
        "WHERE l.ctid = ANY (p_rows) FOR NO KEY UPDATE SKIP LOCKED);",
        a_line_of_who_sends_now_is_not_forgotten,
    ),
    Guard(
        LINES,
        "IF current_setting('transaction_isolation')"
        " IN ('read committed', 'read uncommitted') THEN",
        "IF true THEN",
        a_sender_with_an_old_snapshot_does_not_fail,
        error="could not serialize",
    ),
    Guard(
        LINES,
        "WHERE w.id = p_worker AND w.by_hand IS NULL",
        "WHERE w.id = p_worker",
        who_claims_by_hand_forgets_no_line,
    ),
    Guard(
        LINES,
        "WHERE l.pos_xid > pg_snapshot_xmax(n.s)",
        "WHERE false",
        a_job_sent_after_a_restore_is_found,
        standard=HINTS,
    ),
    Guard(
        LINES,
        "\n        OR (SELECT p_xid > pg_snapshot_xmax(n.s)"
        " FROM (SELECT pg_current_snapshot() AS s) AS n)",
        "",
        a_job_sent_after_a_restore_is_found,
        standard=HINTS,
    ),
    Guard(
        LINES,
        "FOR KEY SHARE SKIP LOCKED;",
        ";",
        who_is_being_released_forgets_no_line,
    ),
]
