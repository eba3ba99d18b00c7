"""What is promised of deadlines: what is late expires, nothing else does, and nobody waits."""

from __future__ import annotations

from howdah._db import job as jobs
from tests.integration.desk import Desk
from tests.integration.promises.guard import Guard
from tests.integration.promises.stage import Stage, without_waiting


def _expire_late(desk: Desk) -> int:
    return desk.run(jobs.expire_late(limit=10))


def a_job_does_not_expire_before_its_deadline(stage: Stage) -> None:
    stage.desk.send(deadline=60)

    assert 0 == _expire_late(stage.desk)


def a_pass_over_deadlines_waits_for_nobody(stage: Stage) -> None:
    stage.desk.send(deadline=60)
    stage.clock.advance(120)

    with stage.meanwhile() as other:
        assert 1 == len(other.claim())
        with without_waiting(stage.desk):
            assert 0 == _expire_late(stage.desk)


LATE = "functions/16_deadline"

GUARDS = [
    Guard(LATE, "AND j.deadline <= howdah.now()", "", a_job_does_not_expire_before_its_deadline),
    Guard(LATE, "FOR UPDATE SKIP LOCKED", "FOR UPDATE", a_pass_over_deadlines_waits_for_nobody),
]
