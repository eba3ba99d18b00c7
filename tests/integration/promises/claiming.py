"""What is promised of claims: each job once, none passed over, and nothing to the dead."""

from __future__ import annotations

from psycopg.types.json import Jsonb

from howdah._db import job as jobs
from howdah._db import worker as workers
from howdah.errors import DatabaseError
from tests.integration.desk import Desk, wait_until_blocked
from tests.integration.promises.guard import HINTS, Guard
from tests.integration.promises.stage import Stage, without_waiting

UNKNOWN_WORKER = "HW007"
# In microseconds since 1970: the year 5138.
AHEAD = 100_000_000_000_000_000


def a_worker_that_is_not_known_claims_nothing(stage: Stage) -> None:
    job_id = stage.desk.send()

    assert _is_refused(stage.desk, worker=404)
    assert "created" == stage.desk.state(job_id)


def an_idle_worker_that_is_not_known_is_told(stage: Stage) -> None:
    stage.desk.sql("INSERT INTO howdah.lane VALUES ('q', 0)")

    assert _is_refused(stage.desk, worker=404)


def a_worker_being_released_claims_nothing(stage: Stage) -> None:
    job_id = stage.desk.send()
    worker, claimer = stage.desk.worker(), stage.open()

    with stage.meanwhile() as other:
        other.run(workers.release(worker, running=None, crash_limit=3))
        claiming = claimer.start(jobs.claim(queues=["q"], limit=1, worker_id=worker, hints=[]))
        wait_until_blocked(stage.desk, claimer, claiming)

    assert isinstance(claiming.exception(), DatabaseError)
    assert "created" == stage.desk.state(job_id)


def a_claim_passes_over_what_another_is_claiming(stage: Stage) -> None:
    first, second = stage.desk.send(), stage.desk.send()

    with stage.meanwhile() as other:
        assert [str(first)] == [claim.id for claim in other.claim()]
        with without_waiting(stage.desk):
            assert [str(second)] == [claim.id for claim in stage.desk.claim()]


def a_claim_passes_over_a_late_job_that_another_is_claiming(stage: Stage) -> None:
    first, second, hints = _two_late_jobs(stage)

    with stage.meanwhile() as other:
        assert [first] == [claim.id for claim in other.claim(hints=hints)]
        with without_waiting(stage.desk):
            assert [second] == [claim.id for claim in stage.desk.claim(hints=hints)]


def a_job_whose_sender_commits_late_is_found(stage: Stage) -> None:
    late, _, hints = _two_late_jobs(stage)

    assert late in {claim.id for claim in stage.desk.claim(limit=10, hints=hints)}


def a_late_transaction_is_remembered_until_all_its_jobs_are_claimed(stage: Stage) -> None:
    first, second, hints = _two_late_jobs(stage)
    worker = stage.desk.worker()

    hints, got_first = _claim_and_look(stage.desk, worker, hints)
    hints, got_second = _claim_and_look(stage.desk, worker, hints)

    assert ([first], [second]) == (got_first, got_second)


def a_job_that_another_claimer_lets_go_of_is_found(stage: Stage) -> None:
    held = stage.desk.send()
    stage.desk.send()
    worker = stage.desk.worker()
    other = stage.open()
    other.sql("BEGIN")
    other.claim()

    hints, _ = _claim_and_look(stage.desk, worker, [])
    other.sql("ROLLBACK")

    assert [str(held)] == [claim.id for claim in stage.desk.claim(worker, hints=hints)]


def a_hint_of_another_run_of_the_server_is_not_used(stage: Stage) -> None:
    job_id = stage.desk.send()
    far = "(1999-01-01,q,0,9000000000,00000000-0000-0000-0000-000000000000,{})"

    assert [str(job_id)] == [claim.id for claim in stage.desk.claim(hints=[far])]


def a_hint_of_this_run_spares_the_walk(stage: Stage) -> None:
    """That the promise above is not kept by never using hints."""
    stage.desk.send()
    epoch = stage.desk.value("SELECT pg_catalog.pg_postmaster_start_time()::text")
    far = f'("{epoch}",q,0,9000000000,00000000-0000-0000-0000-000000000000,{{}})'

    assert [] == stage.desk.claim(hints=[far])


def every_claim_raises_the_fence(stage: Stage) -> None:
    stage.desk.send()
    fences = []
    for _ in range(3):
        (claim,) = stage.desk.claim()
        fences.append(claim.fence)
        stage.desk.put_back(claim)

    assert fences == sorted(set(fences))


def a_claim_raises_a_fence_that_is_ahead_of_the_clock(stage: Stage) -> None:
    job_id = stage.desk.send()
    stage.desk.sql("UPDATE howdah.job SET fence = %s WHERE id = %s", AHEAD, job_id)

    (claim,) = stage.desk.claim()

    assert AHEAD + 1 == claim.fence


def a_claim_that_a_crash_lost_is_not_taken_for_the_next_one(stage: Stage) -> None:
    before = stage.desk.row(stage.desk.send())
    (lost,) = stage.desk.claim()
    stage.desk.sql("DELETE FROM howdah.job")
    stage.desk.sql(
        "INSERT INTO howdah.job SELECT r.* FROM jsonb_populate_record(NULL::howdah.job, %s) AS r",
        Jsonb(before),
    )

    (again,) = stage.desk.claim()

    assert 0 == stage.desk.finish(lost)
    assert 1 == stage.desk.finish(again)


def higher_priorities_come_first(stage: Stage) -> None:
    for priority in (0, 5, -5, 32_767, -32_768):
        stage.desk.send(priority=priority)
    worker = stage.desk.worker()

    claimed = [stage.desk.claim(worker)[0].priority for _ in range(5)]

    assert [32_767, 5, 0, -5, -32_768] == claimed


def the_oldest_comes_first(stage: Stage) -> None:
    sent = [str(stage.desk.send()) for _ in range(5)]
    worker = stage.desk.worker()

    claimed = [stage.desk.claim(worker)[0].id for _ in range(5)]

    assert sent == claimed


def no_more_is_claimed_than_was_asked_for(stage: Stage) -> None:
    for priority in (0, 0, 1, 1):
        stage.desk.send(priority=priority)

    assert 3 == len(stage.desk.claim(limit=3))


def only_the_queues_asked_for_are_claimed_from(stage: Stage) -> None:
    stage.desk.send(queue="other")
    ours = stage.desk.send(queue="q")

    assert [str(ours)] == [claim.id for claim in stage.desk.claim(limit=5, queues=["q"])]


def a_time_limit_written_by_hand_does_not_stop_the_claims(stage: Stage) -> None:
    stage.desk.send(expire_in=60)
    stage.desk.sql("UPDATE howdah.job SET expire_in = interval '300000 years'")

    assert 1 == len(stage.desk.claim())


def a_job_without_a_time_limit_never_expires(stage: Stage) -> None:
    stage.desk.send()
    (claim,) = stage.desk.claim()

    assert stage.desk.row(claim.id)["expire_at"] is None


def _is_refused(desk: Desk, *, worker: int) -> bool:
    try:
        desk.claim(worker)
    except DatabaseError as error:
        return error.sqlstate == UNKNOWN_WORKER
    return False


def _claim_and_look(desk: Desk, worker: int, hints: list[str]) -> tuple[list[str], list[str]]:
    """Claim one job. Returns the next hints, and the ids that were claimed."""
    rows = desk.run(jobs.claim(queues=["q"], limit=1, worker_id=worker, hints=hints))
    return (
        [row[12] for row in rows if row[0] is None],
        [row[0] for row in rows if row[0] is not None],
    )


def _two_late_jobs(stage: Stage) -> tuple[str, str, list[str]]:
    """Two jobs of a transaction that commits late, and hints of a claimer that saw neither."""
    worker = stage.desk.worker()
    with stage.meanwhile() as sender:
        first, second = sender.send(), sender.send()
        later = stage.desk.send()
        hints, got = _claim_and_look(stage.desk, worker, [])
        assert [str(later)] == got
        hints, got = _claim_and_look(stage.desk, worker, hints)
        assert [] == got
    return str(first), str(second), hints


CLAIM = "functions/04_claim"

GUARDS = [
    Guard(
        CLAIM,
        "IF NOT FOUND THEN",
        "IF false THEN",
        a_worker_that_is_not_known_claims_nothing,
    ),
    Guard(
        CLAIM,
        "ELSE\n        PERFORM FROM howdah.worker AS w WHERE w.id = p_worker;",
        "",
        an_idle_worker_that_is_not_known_is_told,
    ),
    Guard(CLAIM, "FOR KEY SHARE", "", a_worker_being_released_claims_nothing),
    Guard(
        CLAIM,
        "LIMIT greatest(v_share - (SELECT count(*) FROM from_late), 0)\n"
        "                FOR UPDATE SKIP LOCKED",
        "LIMIT greatest(v_share - (SELECT count(*) FROM from_late), 0)\n                FOR UPDATE",
        a_claim_passes_over_what_another_is_claiming,
    ),
    Guard(
        CLAIM,
        "LIMIT v_share\n                    FOR UPDATE SKIP LOCKED) AS c",
        "LIMIT v_share\n                    FOR UPDATE) AS c",
        a_claim_passes_over_a_late_job_that_another_is_claiming,
        standard=HINTS,
    ),
    Guard(
        CLAIM,
        "ARRAY(SELECT o.x FROM pg_snapshot_xip(p.s) AS o (x) WHERE o.x < p.x\n"
        "                             UNION SELECT l.x FROM late AS l)",
        "ARRAY(SELECT l.x FROM late AS l)",
        a_job_whose_sender_commits_late_is_found,
        standard=HINTS,
    ),
    Guard(
        CLAIM,
        "UNION SELECT l.x FROM late AS l",
        "",
        a_late_transaction_is_remembered_until_all_its_jobs_are_claimed,
        standard=HINTS,
    ),
    Guard(
        CLAIM,
        "ORDER BY j.ready_xid, j.id\n                LIMIT 1),",
        "ORDER BY j.ready_xid, j.id\n                LIMIT 1"
        "\n                FOR UPDATE SKIP LOCKED),",
        a_job_that_another_claimer_lets_go_of_is_found,
        standard=HINTS,
    ),
    Guard(
        CLAIM,
        "AND h.epoch = v_epoch",
        "",
        a_hint_of_another_run_of_the_server_is_not_used,
        standard=HINTS,
    ),
    Guard(CLAIM, "AND h.epoch = v_epoch", "AND false", a_hint_of_this_run_spares_the_walk),
    Guard(CLAIM, "fence      = greatest(j.fence + 1, v_now),", "", every_claim_raises_the_fence),
    Guard(
        CLAIM,
        "greatest(j.fence + 1, v_now)",
        "greatest(j.fence, v_now)",
        a_claim_raises_a_fence_that_is_ahead_of_the_clock,
    ),
    Guard(
        CLAIM,
        "greatest(j.fence + 1, v_now)",
        "j.fence + 1",
        a_claim_that_a_crash_lost_is_not_taken_for_the_next_one,
    ),
    Guard(
        CLAIM,
        "coalesce(h.pos_xid, '0'::xid8)) ELSE 0 END DESC",
        "coalesce(h.pos_xid, '0'::xid8)) ELSE 0 END",
        higher_priorities_come_first,
    ),
    Guard(
        CLAIM,
        "ORDER BY j.ready_xid, j.id\n                LIMIT greatest",
        "ORDER BY j.ready_xid DESC, j.id DESC\n                LIMIT greatest",
        the_oldest_comes_first,
    ),
    Guard(
        CLAIM,
        "v_left := v_left - v_taken;",
        "",
        no_more_is_claimed_than_was_asked_for,
    ),
    Guard(
        CLAIM,
        "WHERE n.queue = q.name",
        "WHERE true",
        only_the_queues_asked_for_are_claimed_from,
    ),
    Guard(
        CLAIM,
        "THEN least(j.expire_in, interval '100 years') END",
        "THEN j.expire_in END",
        a_time_limit_written_by_hand_does_not_stop_the_claims,
        error="out of range",
    ),
    Guard(
        CLAIM,
        "CASE WHEN j.expire_in IS NOT NULL",
        "CASE WHEN true",
        a_job_without_a_time_limit_never_expires,
    ),
]
