"""What is promised of who is next: order in strict queues, blocked keys, and ageing in lines."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

from howdah._db import job as jobs
from howdah._db import queue as queues
from howdah._db import quota as quotas
from howdah._model.outcome import Verdict
from tests.integration.desk import Desk
from tests.integration.promises.guard import Guard
from tests.integration.promises.stage import Stage

STRICT = {"policy": "key_strict_fifo"}
HIGH = UUID("ffffffff-0000-4000-8000-000000000000")
LOW = UUID("00000000-0000-4000-8000-000000000000")
HOUR = 3_600.0


def _next(desk: Desk) -> list[str]:
    return [claim.id for claim in desk.claim()]


def _fail(desk: Desk, **options: Any) -> UUID:
    job_id = desk.send(**options)
    desk.finish(*desk.claim(), verdict=Verdict.FAILED)
    return job_id


def strict_order_is_that_of_the_sends(stage: Stage) -> None:
    stage.desk.run(queues.put("q", STRICT))
    stage.desk.send(key="k", id=HIGH)
    (first,) = stage.desk.claim()
    stage.desk.send(key="k", id=LOW)
    # From now on the other has been claimable for longer.
    stage.desk.put_back(first)

    assert [str(HIGH)] == _next(stage.desk)


def the_next_in_strict_order_keeps_to_its_own_limits(stage: Stage) -> None:
    stage.desk.run(queues.put("q", STRICT))
    stage.desk.run(quotas.register({"api": {"total": 1}}))
    said = json.dumps({"key": "k", "limits": ["api"], "id": str(HIGH)})
    stage.desk.sql("SELECT howdah.send('q', 't', '{}', %s::text::jsonb)", said)
    (first,) = stage.desk.claim()
    stage.desk.send(key="k", id=LOW)
    stage.desk.put_back(first)

    assert [str(HIGH)] == _next(stage.desk)


def a_retry_by_hand_has_its_old_turn(stage: Stage) -> None:
    stage.desk.run(queues.put("q", STRICT))
    _fail(stage.desk, key="other")
    first = _fail(stage.desk, key="k")
    stage.desk.run(queues.unblock("q", "k"))
    stage.desk.send(key="k")
    last = stage.desk.send(key="k")
    stage.desk.finish(*stage.desk.claim())

    stage.desk.run(jobs.retry(first))

    assert [str(first)] == _next(stage.desk)
    assert "created" == stage.desk.state(last)


def a_key_is_blocked_by_each_job_that_failed(stage: Stage) -> None:
    stage.desk.run(queues.put("q", STRICT))
    first = stage.desk.send(key="k")
    stage.desk.send(key="k", deadline=timedelta(seconds=60))
    stage.desk.finish(*stage.desk.claim(), verdict=Verdict.FAILED)
    stage.clock.advance(61)
    stage.desk.run(jobs.expire_late(limit=10))

    stage.desk.sql("SELECT howdah.delete(%s)", first)

    assert 1 == len(stage.desk.run(queues.blocked_keys("q")))


def a_dead_letter_that_goes_back_is_not_blocked_by_its_job(stage: Stage) -> None:
    stage.desk.run(queues.put("q", STRICT))
    _fail(stage.desk, key="k", dead_letter="dead")

    stage.desk.sql("SELECT howdah.redrive('dead')")

    assert 1 == len(_next(stage.desk))


def a_key_is_not_freed_while_its_job_is_kept(stage: Stage) -> None:
    stage.desk.run(queues.put("q", STRICT))
    _fail(stage.desk, key="k")

    assert [] == stage.desk.run(queues.free_keys(limit=10))


def waiting_counts_in_all_lines(stage: Stage) -> None:
    stage.desk.run(queues.put("q", {"ageing": 10}))
    stage.desk.send(group="b", id=LOW)
    stage.clock.advance(HOUR)
    stage.desk.send(group="a")
    stage.desk.send(group="z", priority=9)
    # Each look begins at a lot that is drawn: half of them before these lines, and half behind.
    stage.desk.sql("UPDATE howdah.line SET lot = 0.5")

    for _ in range(30):
        with stage.desk.connection.transaction(force_rollback=True):
            assert [0] == [claim.priority for claim in stage.desk.claim()]


def a_blocked_line_does_not_age(stage: Stage) -> None:
    stage.desk.run(queues.put("q", {"ageing": 10, **STRICT}))
    _fail(stage.desk, key="k")
    stage.desk.send(key="k")
    stage.clock.advance(HOUR)
    stage.desk.send(key="j")
    stage.desk.send(key="z", priority=9)

    assert [9] == [claim.priority for claim in stage.desk.claim()]


AGEING = "functions/16_ageing"
GUARDS = [
    Guard(
        "functions/16_claim_line",
        "ORDER BY j.sending, j.id",
        "ORDER BY j.id",
        strict_order_is_that_of_the_sends,
    ),
    Guard(
        "functions/03_send",
        "THEN nextval(format('%I.sending', __schema__)::regclass) END)",
        "THEN NULL::bigint END)",
        strict_order_is_that_of_the_sends,
    ),
    Guard(
        "functions/15_line",
        "ORDER BY j.sending, j.id",
        "ORDER BY j.id",
        the_next_in_strict_order_keeps_to_its_own_limits,
    ),
    Guard(
        "functions/05_finish",
        "g.source, g.sending,",
        "g.source, 1000000,",
        a_retry_by_hand_has_its_old_turn,
    ),
    Guard(
        "functions/08_retry",
        "THEN coalesce(b.sending, 0) END",
        "THEN NULL::bigint END",
        a_retry_by_hand_has_its_old_turn,
    ),
    Guard(
        "migrations/0015_order",
        "PRIMARY KEY (queue, line, job_id)",
        "PRIMARY KEY (queue, line)",
        a_key_is_blocked_by_each_job_that_failed,
    ),
    Guard(
        "functions/20_dead_letter",
        "IF v_lane.policy = 'key_strict_fifo' THEN",
        "IF false THEN",
        a_dead_letter_that_goes_back_is_not_blocked_by_its_job,
    ),
    Guard(
        "functions/20_blocked_key",
        "WHERE NOT EXISTS (SELECT FROM howdah.archive AS a WHERE a.id = k.job_id)\n",
        "",
        a_key_is_not_freed_while_its_job_is_kept,
    ),
    Guard(
        AGEING,
        "FROM (SELECT * FROM later AS a UNION ALL SELECT * FROM sooner AS b) AS l",
        "FROM (SELECT * FROM later AS a) AS l",
        waiting_counts_in_all_lines,
    ),
    Guard(
        AGEING,
        "WHERE b.queue = p_queue AND b.line = l.line))",
        "WHERE false))",
        a_blocked_line_does_not_age,
    ),
]
