"""What is promised of lines in which one job runs at a time: who is first, and that it is alone."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from howdah._db import job as jobs
from howdah._db import queue as queues
from howdah._db import quota as quotas
from howdah._model.outcome import Verdict
from tests.integration.desk import Claim, Desk
from tests.integration.promises.guard import Guard
from tests.integration.promises.stage import Stage

# What is moved on by chance is moved on by the next claim.
SURE = "UPDATE howdah.line_head SET moves = -4"
# Or by none, for a while.
NEVER = "UPDATE howdah.line_head SET moves = 1000000000"
LATER = timedelta(minutes=6).total_seconds()


def a_job_sent_before_and_committed_after_others_is_next(stage: Stage) -> None:
    _queue(stage, "key_strict_fifo")
    _send(stage.desk)
    with stage.meanwhile() as other:
        late = _send(other)
        _send(stage.desk)
        _run_one(stage.desk)
        _run_one(stage.desk)
        _send(stage.desk)
    assert [late] == _next(stage.desk)


def each_row_of_a_line_speaks_for_its_own_senders(stage: Stage) -> None:
    _queue(stage, "key_strict_fifo")
    with stage.meanwhile() as other:
        # Neither sees that the other has made the line known.
        late = _send(other)
        _send(stage.desk)
        _send(stage.desk)
        _run_one(stage.desk)
        _run_one(stage.desk)
        _send(stage.desk)
    assert [late] == _next(stage.desk)


def a_job_that_comes_back_is_found_before_those_sent_later(stage: Stage) -> None:
    first, _ = _passed_by(stage)

    stage.desk.run(jobs.retry(first))

    assert [str(first)] == _next(stage.desk)


def a_dead_letter_that_goes_back_is_found_before_those_sent_later(stage: Stage) -> None:
    _passed_by(stage, dead_letter="dead")
    ((letter,),) = stage.desk.sql("SELECT j.id::text FROM howdah.job AS j WHERE j.queue = 'dead'")

    stage.desk.sql("SELECT howdah.redrive('dead')")

    assert [letter] == _next(stage.desk)


def two_that_come_back_at_once_are_both_found(stage: Stage) -> None:
    first, last = _passed_by(stage)
    second = _over(stage.desk, last)
    _send(stage.desk)
    _move_on(stage.desk)
    with stage.meanwhile() as other:
        other.run(jobs.retry(second))
        stage.desk.run(jobs.retry(first))

    assert [str(first)] == _next(stage.desk)


def a_lap_begins_only_while_nothing_runs(stage: Stage) -> None:
    _queue(stage, "singleton")
    stage.desk.sql("INSERT INTO howdah.line_head (queue, line) VALUES ('q', 'k')")
    for _ in range(2):
        _send(stage.desk)
    _next(stage.desk)

    assert [] == _next(stage.desk)


def the_highest_lap_of_a_line_counts(stage: Stage) -> None:
    a_lap_begins_only_while_nothing_runs(stage)
    stage.desk.sql("INSERT INTO howdah.line_head (queue, line) VALUES ('q', 'k')")

    assert [] == _next(stage.desk)
    assert [] == _next(stage.desk)


def a_lap_is_not_forgotten_while_something_runs(stage: Stage) -> None:
    a_lap_begins_only_while_nothing_runs(stage)

    _forget(stage)

    assert [] == _next(stage.desk)


def a_lap_is_not_forgotten_while_a_claim_is_under_way(stage: Stage) -> None:
    _queue(stage, "singleton")
    stage.desk.sql("INSERT INTO howdah.line_head (queue, line) VALUES ('q', 'k')")
    for _ in range(4):
        _send(stage.desk)
    # So that the lap is not the first.
    _run_one(stage.desk)
    _run_one(stage.desk)
    stage.desk.sql(NEVER)
    with stage.meanwhile() as other:
        assert 1 == len(other.claim())
        _forget(stage)

    assert [] == _next(stage.desk)


def a_line_is_not_forgotten_while_a_job_of_it_waits(stage: Stage) -> None:
    _queue(stage, "key_strict_fifo")
    waits = _send(stage.desk, delay=3600)
    _forget(stage)
    # A new row, from the number of this one on.
    _send(stage.desk)

    assert [] == _next(stage.desk)
    assert "created" == stage.desk.state(UUID(waits))


def _queue(stage: Stage, policy: str) -> None:
    stage.desk.run(queues.put("q", {"policy": policy}))


def _send(desk: Desk, delay: float | None = None) -> str:
    later = {"start_after": timedelta(seconds=delay)} if delay else {}
    return str(desk.send(key="k", **later))


def _claim(desk: Desk) -> list[Claim]:
    desk.sql(SURE)
    return desk.claim(limit=5)


def _next(desk: Desk) -> list[str]:
    return [claim.id for claim in _claim(desk)]


def _run_one(desk: Desk) -> None:
    desk.finish(*_claim(desk))


def _over(desk: Desk, job_id: UUID) -> UUID:
    (claim,) = _claim(desk)
    assert str(job_id) == claim.id
    desk.finish(claim)
    return job_id


def _move_on(desk: Desk) -> None:
    """Let a claim move the positions on, and undo nothing but the claim."""
    (claim,) = _claim(desk)
    desk.put_back(claim, verdict=Verdict.RELEASED)


def _passed_by(stage: Stage, **options: str) -> tuple[UUID, UUID]:
    """One that failed, and the next, which the position has reached."""
    _queue(stage, "key_strict_fifo")
    first = stage.desk.send(key="k", **options)
    last = UUID(_send(stage.desk))
    stage.desk.finish(*_claim(stage.desk), verdict=Verdict.FAILED)
    stage.desk.run(queues.unblock("q", "k"))
    _move_on(stage.desk)
    return first, last


def _forget(stage: Stage) -> None:
    stage.clock.advance(LATER)
    stage.open().run(quotas.tidy())


HEAD = "functions/15_head"
CLAIM = "functions/16_claim_line"
GUARDS = [
    Guard(
        HEAD,
        "        FOR KEY SHARE;",
        "        ;",
        a_job_sent_before_and_committed_after_others_is_next,
    ),
    Guard(
        HEAD,
        "WHERE k.ctid = ANY (v_rows)\n            FOR UPDATE SKIP LOCKED",
        "WHERE k.ctid = ANY (v_rows)",
        a_job_sent_before_and_committed_after_others_is_next,
    ),
    Guard(
        CLAIM, "min(k.sent_from)", "max(k.sent_from)", each_row_of_a_line_speaks_for_its_own_senders
    ),
    Guard(
        "functions/08_retry",
        "PERFORM howdah.hold_head(v_lane.queue, v_lane.line, v_lane.sending);",
        "NULL;",
        a_job_that_comes_back_is_found_before_those_sent_later,
    ),
    Guard(
        HEAD,
        "least(k.sent_from, p_sending)",
        "k.sent_from",
        a_job_that_comes_back_is_found_before_those_sent_later,
    ),
    Guard(
        "functions/20_dead_letter",
        "PERFORM howdah.hold_head(v_lane.queue, v_lane.line, v_lane.sending);",
        "NULL;",
        a_dead_letter_that_goes_back_is_found_before_those_sent_later,
    ),
    Guard(
        HEAD,
        "INSERT INTO howdah.line_head (queue, line, sent_from)"
        " VALUES (p_queue, p_line, p_sending);",
        "NULL;",
        two_that_come_back_at_once_are_both_found,
    ),
    Guard(
        HEAD,
        "CASE WHEN r.id IS NULL THEN p_lap ELSE h.lap END",
        "p_lap",
        a_lap_begins_only_while_nothing_runs,
    ),
    Guard(CLAIM, "max(k.lap) AS lap", "min(k.lap) AS lap", the_highest_lap_of_a_line_counts),
    Guard(
        HEAD,
        "SELECT max(e.lap) AS lap",
        "SELECT min(e.lap) AS lap",
        the_highest_lap_of_a_line_counts,
    ),
    Guard(
        HEAD,
        "WHERE j.queue = k.queue AND j.line = k.line AND j.state = 'active'\n",
        "WHERE false AND j.state = 'active'\n",
        a_lap_is_not_forgotten_while_something_runs,
    ),
    Guard(
        HEAD,
        " AND k.queue = ANY (v_queues)",
        "",
        a_lap_is_not_forgotten_while_a_claim_is_under_way,
    ),
    Guard(
        HEAD,
        "WHERE j.queue = k.queue AND j.line = k.line"
        " AND j.policy IN ('key_strict_fifo', 'stately'))",
        "WHERE false)",
        a_line_is_not_forgotten_while_a_job_of_it_waits,
    ),
]
