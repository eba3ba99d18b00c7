"""What is promised of claims by hand: their own claim only, and leases that end with their jobs."""

from __future__ import annotations

from uuid import UUID

import pytest

from howdah._db import by_hand
from howdah._db import job as jobs
from howdah._db import queue as queues
from howdah._db import worker as workers
from howdah._db.by_hand import ClaimRecord
from howdah.errors import JobLostError
from tests.integration.desk import Claim, Desk
from tests.integration.promises.guard import HINTS, Guard
from tests.integration.promises.stage import Stage, without_waiting


def _claimed(desk: Desk, *, limit: int = 1, lease: float = 60) -> list[ClaimRecord]:
    return desk.run(by_hand.claim("q", limit=limit, lease=lease))


def _as_record(claim: Claim) -> ClaimRecord:
    return ClaimRecord(UUID(claim.id), claim.fence, 1, "q", "t", 0, "{}", None, ())


def _leases(desk: Desk) -> int:
    return int(desk.value("SELECT count(*) FROM howdah.worker"))


def a_lease_goes_with_the_last_of_its_jobs(stage: Stage) -> None:
    stage.desk.send()
    stage.desk.send()
    first, second = _claimed(stage.desk, limit=2)

    stage.desk.run(by_hand.complete(first, None))
    assert 1 == _leases(stage.desk)
    stage.desk.run(by_hand.complete(second, None))
    assert 0 == _leases(stage.desk)


def a_claim_by_hand_that_finds_nothing_leaves_no_lease(stage: Stage) -> None:
    assert [] == _claimed(stage.desk)
    assert 0 == _leases(stage.desk)


def what_a_transaction_sends_after_a_claim_by_hand_is_found(stage: Stage) -> None:
    with stage.desk.transaction():
        stage.desk.send()
        assert 1 == len(_claimed(stage.desk))
        # Of a newer transaction than ours: the next claim looks from there.
        stage.open().send()
        stage.desk.sql("UPDATE howdah.hand_hint SET moves = 0")
        assert 1 == len(_claimed(stage.desk))
        later = stage.desk.send()

    assert [later] == [claim.id for claim in _claimed(stage.desk)]


def whoever_comes_late_settles_nothing(stage: Stage) -> None:
    stage.desk.send()
    (late,) = _claimed(stage.desk)
    stage.clock.advance(61)
    stage.desk.run(workers.sweep(crash_limit=3))
    _claimed(stage.desk)

    for verb in (
        by_hand.complete(late, None),
        by_hand.touch(late, None),
        by_hand.progress(late, 0.5, None),
    ):
        with pytest.raises(JobLostError):
            stage.desk.run(verb)


def a_job_that_failed_meanwhile_is_not_said_to_be_completed(stage: Stage) -> None:
    stage.desk.send()
    (claim,) = _claimed(stage.desk)
    stage.desk.run(by_hand.fail(claim, '"x"', retry=False))

    with pytest.raises(JobLostError):
        stage.desk.run(by_hand.complete(claim, None))


def a_cancelled_job_that_fails_is_cancelled(stage: Stage) -> None:
    stage.desk.send()
    (claim,) = _claimed(stage.desk)
    stage.desk.run(jobs.cancel(claim.id))

    assert "cancelled" == stage.desk.run(by_hand.fail(claim, '"x"', retry=False))


def only_a_lease_by_hand_is_touched_by_hand(stage: Stage) -> None:
    stage.desk.send()
    (claim,) = stage.desk.claim()

    with pytest.raises(JobLostError):
        stage.desk.run(by_hand.touch(_as_record(claim), 600))


def a_worker_beats_while_one_of_its_jobs_is_settled_by_hand(stage: Stage) -> None:
    stage.desk.send()
    (claim,) = stage.desk.claim()

    with stage.meanwhile() as other:
        other.run(by_hand.complete(_as_record(claim), None))
        with without_waiting(stage.desk):
            stage.desk.run(workers.beat([claim.worker]))


def _hint(desk: Desk, queue: str = "q", moves: int = 0) -> None:
    desk.sql("INSERT INTO howdah.hand_hint (queue, hints, moves) VALUES (%s, '', %s)", queue, moves)


def _hints(desk: Desk) -> list[tuple[str, int]]:
    return desk.sql("SELECT queue, moves FROM howdah.hand_hint ORDER BY 1, 2")


def of_two_hints_of_a_queue_the_better_one_stays(stage: Stage) -> None:
    for queue, moves in (("q", 3), ("q", 7), ("q", 7), ("q", 0), ("other", 0)):
        _hint(stage.desk, queue, moves)

    assert 3 == stage.desk.run(by_hand.forget_hints())
    assert [("other", 0), ("q", 7)] == _hints(stage.desk)


def a_deleted_queue_keeps_no_hint_once_it_is_empty(stage: Stage) -> None:
    for queue in ("known", "empty", "full"):
        stage.desk.run(queues.put(queue, {}))
        _hint(stage.desk, queue)
    stage.desk.send(queue="full")
    stage.desk.sql("SELECT howdah.delete_queue(q, true) FROM unnest('{empty,full}'::text[]) AS q")

    assert 1 == stage.desk.run(by_hand.forget_hints())
    assert [("full", 0), ("known", 0)] == _hints(stage.desk)


def hints_are_forgotten_beside_a_claim_that_is_not_committed(stage: Stage) -> None:
    for _ in range(2):
        _hint(stage.desk)
    with stage.meanwhile() as other:
        other.sql("SELECT FROM howdah.hand_hint FOR NO KEY UPDATE")
        with without_waiting(stage.desk):
            stage.desk.run(by_hand.forget_hints())


HAND = "functions/19_by_hand"

GUARDS = [
    Guard(
        HAND,
        "k.queue = h.queue AND (k.moves, k.ctid) > (h.moves, h.ctid)",
        "(k.moves, k.ctid) > (h.moves, h.ctid)",
        of_two_hints_of_a_queue_the_better_one_stays,
    ),
    Guard(
        HAND,
        "(k.moves, k.ctid) > (h.moves, h.ctid)",
        "k.ctid <> h.ctid",
        of_two_hints_of_a_queue_the_better_one_stays,
    ),
    Guard(
        HAND,
        " AND q.deleted_at IS NOT NULL",
        "",
        a_deleted_queue_keeps_no_hint_once_it_is_empty,
    ),
    Guard(
        HAND,
        "j.queue = h.queue AND j.ready_xid IS NOT NULL AND j.line IS NULL",
        "false",
        a_deleted_queue_keeps_no_hint_once_it_is_empty,
    ),
    Guard(
        HAND,
        "FOR UPDATE OF h SKIP LOCKED",
        "FOR UPDATE OF h",
        hints_are_forgotten_beside_a_claim_that_is_not_committed,
    ),
    Guard(
        HAND,
        "UPDATE howdah.worker AS w SET by_hand = w.by_hand - 1 WHERE w.id = v_worker;",
        "",
        a_lease_goes_with_the_last_of_its_jobs,
    ),
    Guard(
        HAND,
        "least(n.pos_xid, v_own)",
        "n.pos_xid",
        what_a_transaction_sends_after_a_claim_by_hand_is_found,
        standard=HINTS,
    ),
    Guard(
        HAND,
        "DELETE FROM howdah.worker AS w WHERE w.id = v_worker AND v_count = 0;",
        "",
        a_claim_by_hand_that_finds_nothing_leaves_no_lease,
    ),
    Guard(
        HAND,
        "WHERE j.id = p_id AND j.fence = p_fence AND j.state = 'active'\n      AND w.id",
        "WHERE j.id = p_id AND j.state = 'active'\n      AND w.id",
        whoever_comes_late_settles_nothing,
    ),
    Guard(
        HAND,
        "WHERE j.id = p_id AND j.fence = p_fence AND j.state = 'active';\n    IF NOT FOUND",
        "WHERE j.id = p_id AND j.state = 'active';\n    IF NOT FOUND",
        whoever_comes_late_settles_nothing,
    ),
    Guard(
        HAND,
        "PERFORM howdah.say_lost(p_verb, p_id, p_fence);",
        "",
        whoever_comes_late_settles_nothing,
    ),
    Guard(
        HAND,
        "AND a.state = p_state",
        "",
        a_job_that_failed_meanwhile_is_not_said_to_be_completed,
    ),
    Guard(
        HAND,
        "CASE WHEN v_job.is_cancelled THEN 'cancelled'\n             WHEN",
        "CASE WHEN",
        a_cancelled_job_that_fails_is_cancelled,
    ),
    Guard(
        HAND,
        "AND w.id = j.worker_id AND w.by_hand IS NOT NULL",
        "AND w.id = j.worker_id",
        only_a_lease_by_hand_is_touched_by_hand,
    ),
    Guard(
        HAND,
        "WHERE w.by_hand IS NOT NULL\n      AND",
        "WHERE",
        a_worker_beats_while_one_of_its_jobs_is_settled_by_hand,
    ),
]
