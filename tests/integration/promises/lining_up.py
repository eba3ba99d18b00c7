"""What is promised of the positions of lines: no job is passed over, whenever it was committed."""

from __future__ import annotations

from tests.integration.desk import Claim, Desk
from tests.integration.promises.guard import HINTS, Guard
from tests.integration.promises.stage import Stage


def a_job_of_a_line_whose_sender_commits_late_is_found(stage: Stage) -> None:
    late = _late_jobs(stage, 1)

    assert late == {claim.id for claim in _claim(stage.desk)}


def late_jobs_of_a_line_are_found_until_all_are_claimed(stage: Stage) -> None:
    late = _late_jobs(stage, 2)
    stage.desk.sql("UPDATE howdah.line SET moves = 0")

    assert late == {claim.id for _ in late for claim in _claim(stage.desk, limit=1)}


def what_a_transaction_sends_after_it_claimed_is_found(stage: Stage) -> None:
    _send(stage.desk)
    with stage.desk.transaction():
        _send(stage.desk)
        # So that our transaction is not the newest when the line moves on.
        _send(stage.open())
        assert 3 == len(_claim(stage.desk))
        later = _send(stage.desk)

    assert [later] == [claim.id for claim in _claim(stage.desk)]


def _late_jobs(stage: Stage, count: int) -> set[str]:
    """Jobs of a line that are committed when it has moved past them."""
    _send(stage.desk)
    with stage.meanwhile() as other:
        late = {_send(other) for _ in range(count)}
        _send(stage.desk)
        assert 2 == len(_claim(stage.desk))
    return late


def _send(desk: Desk) -> str:
    return str(desk.send(group="ann"))


def _claim(desk: Desk, limit: int = 50) -> list[Claim]:
    return desk.claim(limit=limit)


LINES = "functions/15_line"
GUARDS = [
    Guard(
        LINES,
        "ARRAY(SELECT o.x FROM pg_snapshot_xip(m.s) AS o (x) WHERE o.x < n.x\n"
        "                        UNION\n                        SELECT o.x FROM unnest(m.late)",
        "ARRAY(SELECT o.x FROM unnest(m.late)",
        a_job_of_a_line_whose_sender_commits_late_is_found,
        standard=HINTS,
    ),
    Guard(
        LINES,
        "SELECT o.x FROM unnest(m.late) AS o (x)\n",
        "SELECT o.x FROM unnest('{}'::xid8[]) AS o (x)\n",
        late_jobs_of_a_line_are_found_until_all_are_claimed,
        standard=HINTS,
    ),
    Guard(
        LINES,
        ", pg_current_xact_id_if_assigned()",
        "",
        what_a_transaction_sends_after_it_claimed_is_found,
        standard=HINTS,
    ),
]
