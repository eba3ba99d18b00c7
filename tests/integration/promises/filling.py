"""What is promised of how full a queue may be: all that could run counts, whenever committed."""

from __future__ import annotations

import json
from uuid import UUID

import pytest

from howdah._db import job as jobs
from howdah._db.job import Receipt
from howdah.errors import QueueFullError
from tests.integration.desk import Desk
from tests.integration.promises.guard import HINTS, Guard
from tests.integration.promises.stage import Stage

HIGH = "ffffffff-0000-4000-8000-000000000000"
LOW = "00000000-0000-4000-8000-000000000000"


def _send(desk: Desk, *, most: int = 1, **options: object) -> Receipt:
    policy = {"max_waiting": most, "on_full": options.pop("on_full", "reject")}
    said = json.dumps({"defaults": policy, **options})
    return desk.run(jobs.send(queue="q", task="t", args="{}", options=said))


def _move_on(desk: Desk) -> None:
    """Let the next count begin where the first job is now. The first time makes the memory."""
    for _ in range(2):
        desk.sql("SELECT howdah.move_room('q')")
        desk.sql("UPDATE howdah.hand_hint SET moves = 0")


def a_full_queue_takes_no_more(stage: Stage) -> None:
    _send(stage.desk)

    with pytest.raises(QueueFullError):
        _send(stage.desk)


def the_newest_is_not_dropped_for_itself(stage: Stage) -> None:
    # From a sender whose clock is behind.
    behind = str(UUID(int=7 << 76))
    with stage.desk.transaction():
        _send(stage.desk, on_full="drop_oldest")
        newest = _send(stage.desk, on_full="drop_oldest", id=behind)

    assert "created" == stage.desk.state(newest.id)


def the_first_of_a_lane_counts(stage: Stage) -> None:
    _send(stage.desk)

    with pytest.raises(QueueFullError):
        _send(stage.desk, priority=5)


def a_job_that_is_committed_late_counts(stage: Stage) -> None:
    with stage.meanwhile() as other:
        other.send()
        _send(stage.desk)
        stage.desk.claim()
        _move_on(stage.desk)

    with pytest.raises(QueueFullError):
        _send(stage.desk)


def a_late_job_counts_until_it_is_claimed(stage: Stage) -> None:
    with stage.meanwhile() as other:
        other.send()
        _send(stage.desk)
        stage.desk.claim()
        _move_on(stage.desk)
    _move_on(stage.desk)

    with pytest.raises(QueueFullError):
        _send(stage.desk)


def what_a_transaction_sends_next_counts_though_its_id_is_lower(stage: Stage) -> None:
    with stage.desk.transaction():
        _send(stage.desk, id=HIGH)
        # So that our transaction is not the newest.
        stage.open().send(queue="else")
        _move_on(stage.desk)
        _send(stage.desk, most=2, id=LOW)

    with pytest.raises(QueueFullError):
        _send(stage.desk, most=2)


def a_late_job_of_a_line_counts(stage: Stage) -> None:
    # So that the line has one row.
    stage.desk.send(group="ann")
    stage.desk.claim()
    with stage.meanwhile() as other:
        other.send(group="ann")
        _send(stage.desk, group="ann")
        stage.desk.claim()
        stage.desk.sql("UPDATE howdah.line SET moves = 0")
        _send(stage.desk, group="ann", most=2)
        stage.desk.claim()

    with pytest.raises(QueueFullError):
        _send(stage.desk, group="ann")


ROOM = "functions/19_room"
GUARDS = [
    Guard(
        ROOM,
        "IF v_waiting <= v_max THEN",
        "IF v_waiting <= v_max + 1 THEN",
        a_full_queue_takes_no_more,
    ),
    Guard(ROOM, "WHERE r.id <> p_job", "", the_newest_is_not_dropped_for_itself),
    Guard(
        "functions/03_send",
        "IF v_ready AND v_options ? 'max_waiting' THEN",
        "DELETE FROM howdah.lane AS l WHERE l.priority = 5;\n"
        "            IF v_ready AND v_options ? 'max_waiting' THEN",
        the_first_of_a_lane_counts,
    ),
    Guard(
        ROOM,
        "ARRAY(SELECT o.x FROM pg_snapshot_xip(p.s) AS o (x) WHERE o.x < p.x\n"
        "                  UNION\n                  SELECT t.x\n                  FROM",
        "ARRAY(SELECT t.x\n                  FROM",
        a_job_that_is_committed_late_counts,
        standard=HINTS,
    ),
    Guard(
        ROOM,
        "FROM unnest(p.late) AS t (x)",
        "FROM unnest('{}'::xid8[]) AS t (x)",
        a_late_job_counts_until_it_is_claimed,
        standard=HINTS,
    ),
    Guard(
        "functions/19_by_hand",
        "CASE WHEN n.pos_xid >= v_own THEN",
        "CASE WHEN n.pos_xid > v_own THEN",
        what_a_transaction_sends_next_counts_though_its_id_is_lower,
        standard=HINTS,
    ),
    Guard(
        ROOM,
        "FROM unnest(l.late) AS s (x)",
        "FROM unnest('{}'::xid8[]) AS s (x)",
        a_late_job_of_a_line_counts,
        standard=HINTS,
    ),
]
