"""What always holds between a database and the model of it, whatever was done to both."""

from __future__ import annotations

from typing import Any, ClassVar

from hypothesis.stateful import RuleBasedStateMachine, invariant

from tests.integration.desk import Desk
from tests.integration.model import Job, Model, Within


class Watched(RuleBasedStateMachine):
    """A machine whose invariants are looked at after each rule.

    Attributes:
        desk: A session on the database.
        model: What should be in it.
    """

    desk: ClassVar[Desk]

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.fences: dict[str, int] = {}

    @invariant()
    def the_database_holds_what_the_model_holds(self) -> None:
        stored = {row[0]: row for row in self.desk.sql(DUMP)}

        assert self.model.jobs.keys() == stored.keys()
        for job_id, job in self.model.jobs.items():
            if isinstance(job.start_after, Within):
                assert job.start_after.earliest <= stored[job_id][-1] <= job.start_after.latest
                job.start_after = stored[job_id][-1]
            assert _row(job) == stored[job_id]

    @invariant()
    def no_fence_ever_falls(self) -> None:
        for job_id, fence in self.desk.sql("SELECT id::text, fence FROM howdah.jobs"):
            assert self.fences.get(job_id, 0) <= fence
            self.fences[job_id] = fence

    @invariant()
    def one_live_job_holds_a_key(self) -> None:
        keys = self.desk.sql("SELECT task, key FROM howdah.job WHERE key IS NOT NULL")

        assert len(set(keys)) == len(keys)

    @invariant()
    def exactly_the_claimable_are_ready_and_the_active_owned(self) -> None:
        wrong = self.desk.sql(
            "SELECT * FROM howdah.job WHERE (state = 'active') <> (worker_id IS NOT NULL)"
            " OR ready_xid IS NOT NULL AND state NOT IN ('created', 'retry')"
            " OR ready_xid IS NULL AND start_after IS NULL AND state IN ('created', 'retry')"
        )

        assert [] == wrong


DUMP = """
SELECT v.id::text, v.queue, v.priority::int, v.key, v.state, v.fence, v.attempt, v.crash_count::int,
       v.worker_id, v.ready, v.cancel_requested_at IS NOT NULL,
       coalesce(pg_catalog.jsonb_array_length(v.errors), 0),
       extract(epoch FROM j.expire_at - '2100-01-01Z')::float8,
       extract(epoch FROM v.start_after - '2100-01-01Z')::float8
FROM howdah.jobs AS v LEFT JOIN howdah.job AS j ON j.id = v.id
"""


def _row(job: Job) -> tuple[Any, ...]:
    """A job of the model as DUMP shows it."""
    return (
        job.id,
        job.queue,
        job.priority,
        job.key,
        job.state,
        job.fence,
        job.attempt,
        job.crash_count,
        job.worker,
        job.ready is not None,
        job.is_to_stop,
        job.errors,
        job.expire_at,
        job.start_after,
    )
