"""What always holds between a database and the model of it, whatever was done to both."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from hypothesis.stateful import RuleBasedStateMachine, invariant

from howdah._model.states import LIVE, JobState
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
    def all_is_as_it_should_be(self) -> None:
        # Read once: most of the time of a run goes by between here and the server.
        stored = {row[0]: Stored(*row) for row in self.desk.sql(DUMP)}
        self._the_database_holds_what_the_model_holds(stored)
        self._no_fence_has_fallen(stored)
        live = [job for job in stored.values() if JobState(job.state) in LIVE]
        self._one_live_job_holds_a_key(live)
        self._exactly_the_claimable_are_ready_and_the_active_owned(live)

    def _the_database_holds_what_the_model_holds(self, stored: dict[str, Stored]) -> None:
        assert self.model.jobs.keys() == stored.keys()
        for job_id, job in self.model.jobs.items():
            found = stored[job_id]
            if isinstance(job.start_after, Within):
                assert found.start_after is not None
                assert job.start_after.earliest <= found.start_after <= job.start_after.latest
                job.start_after = found.start_after
            assert _as_stored(job) == found

    def _no_fence_has_fallen(self, stored: dict[str, Stored]) -> None:
        for job in stored.values():
            assert self.fences.get(job.id, 0) <= job.fence
            self.fences[job.id] = job.fence

    def _one_live_job_holds_a_key(self, live: list[Stored]) -> None:
        keys = [job.key for job in live if job.key is not None]
        assert len(set(keys)) == len(keys)

    def _exactly_the_claimable_are_ready_and_the_active_owned(self, live: list[Stored]) -> None:
        for job in live:
            is_queued = job.state in (JobState.CREATED, JobState.RETRY)
            assert is_queued or not job.is_ready
            assert job.is_ready or not is_queued or job.start_after is not None
            assert (job.state == JobState.ACTIVE) == (job.worker is not None)


class Stored(NamedTuple):
    """A job as DUMP shows it. Moments are seconds on the model's clock."""

    id: str
    queue: str
    priority: int
    key: str | None
    state: str
    fence: int
    attempt: int
    crash_count: int
    worker: int | None
    is_ready: bool
    is_to_stop: bool
    errors: int
    expire_at: float | None
    start_after: float | None


DUMP = """
SELECT v.id::text, v.queue, v.priority::int, v.key, v.state, v.fence, v.attempt, v.crash_count::int,
       v.worker_id, v.ready, v.cancel_requested_at IS NOT NULL,
       coalesce(pg_catalog.jsonb_array_length(v.errors), 0),
       extract(epoch FROM j.expire_at - '2100-01-01Z')::float8,
       extract(epoch FROM v.start_after - '2100-01-01Z')::float8
FROM howdah.jobs AS v LEFT JOIN howdah.job AS j ON j.id = v.id
"""


def _as_stored(job: Job) -> Stored:
    """A job of the model as the database should show it."""
    assert not isinstance(job.start_after, Within)
    return Stored(
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
