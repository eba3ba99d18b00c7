"""A small model of jobs and workers, against which the real SQL is held.

It knows nothing of SQL, locks or plans: plain values, one change at a time, and each verb's answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from howdah._model.states import FINAL, JobState, allows

LEASE = 30.0


class Refused(Exception):
    """The verb cannot be said now, and changes nothing."""


@dataclass(frozen=True, slots=True)
class Within:
    """A moment that chance decides."""

    earliest: float
    latest: float


@dataclass(slots=True)
class Job:
    """A job, live or archived. Moments are seconds on the model's clock."""

    id: str
    queue: str = "q"
    priority: int = 0
    key: str | None = None
    expire_in: float | None = None
    retry_limit: int = 3
    state: JobState = JobState.CREATED
    fence: int = 0
    attempt: int = 0
    crash_count: int = 0
    worker: int | None = None
    ready: tuple[int, str] | None = None
    start_after: float | Within | None = None
    expire_at: float | None = None
    is_to_stop: bool = False
    errors: int = 0

    @property
    def is_live(self) -> bool:
        return self.state not in FINAL


@dataclass
class Model:
    """What the database should hold.

    Attributes:
        now: The time.
        turn: Counts what happened, as transaction ids do: what became claimable earlier comes
            first.
        beats: When each known worker last said that it lives.
    """

    now: float = 0.0
    turn: int = 0
    jobs: dict[str, Job] = field(default_factory=dict)
    beats: dict[int, float] = field(default_factory=dict)

    def next_turn(self) -> int:
        """The next transaction."""
        self.turn += 1
        return self.turn

    def allowing(self, verb: str) -> list[Job]:
        """The jobs in whose state a verb may be said."""
        return [job for job in self.jobs.values() if allows(verb, job.state)]

    # Said by senders.

    def send(self, job: Job, *, delay: float | None = None, turn: int | None = None) -> str:
        """Store a job, unless one of its id was ever stored or its key is held.

        Returns:
            The id of the job that stands for it.
        """
        if job.id in self.jobs:
            return job.id
        if (holder := self.holder(job.key)) is not None:
            return holder.id
        if delay is None:
            job.ready = (self.next_turn() if turn is None else turn, job.id)
        else:
            job.start_after = self.now + delay
        self.jobs[job.id] = job
        return job.id

    def holder(self, key: str | None) -> Job | None:
        """The live job that holds a key."""
        live = (job for job in self.jobs.values() if job.is_live and key is not None)
        return next((job for job in live if job.key == key), None)

    # Said by workers.

    def claimable(self, queues: Sequence[str]) -> list[Job]:
        """The jobs that may be claimed, in their order."""
        ready = [job for job in self.jobs.values() if job.ready and job.queue in queues]
        return sorted(ready, key=lambda j: (queues.index(j.queue), -j.priority, j.ready))

    def claim(self, worker: int, claimed: Mapping[str, int]) -> None:
        """A worker has claimed these, under these fences."""
        if worker not in self.beats:
            raise Refused
        for job_id, fence in claimed.items():
            job = self._may("claim", job_id)
            assert fence > job.fence
            job.state, job.worker, job.ready = JobState.ACTIVE, worker, None
            job.fence = fence
            job.attempt += 1
            job.expire_at = None if job.expire_in is None else self.now + job.expire_in

    def finish(self, job_id: str, fence: int, state: JobState) -> None:
        """End a claim's job."""
        self._archive(self._held(job_id, fence), state)

    def put_back(
        self, job_id: str, fence: int, *, state: JobState, delay: float | None, is_spent: bool
    ) -> None:
        """Give a claim's job back, or cancel it if it was asked to stop."""
        job = self._held(job_id, fence)
        if job.is_to_stop:
            self._archive(job, JobState.CANCELLED)
            return
        self._give_back(job, state, delay=delay, is_spent=is_spent, turn=self.next_turn())

    def is_settled(self, job_id: str, fence: int) -> bool:
        """Whether a claim's outcome is kept."""
        job = self.jobs.get(job_id)
        return job is not None and not job.is_live and job.fence == fence

    def asked_to_stop(self, worker: int) -> set[tuple[str, int]]:
        """Which claims of a worker were asked to stop."""
        return {(job.id, job.fence) for job in self._held_by(worker) if job.is_to_stop}

    # Said by anyone.

    def cancel(self, job_id: str) -> None:
        """Cancel a job, or ask a running one to stop."""
        job = self._may("cancel", job_id)
        if job.state is JobState.ACTIVE:
            job.is_to_stop = True
        else:
            self._archive(job, JobState.CANCELLED)

    def retry(self, job_id: str) -> None:
        """Run a finished job again, or one that waits for its retry now."""
        job = self._may("retry", job_id)
        if not job.is_live:
            if self.holder(job.key) is not None:
                raise Refused
            job.attempt = job.crash_count = 0
            job.worker = None
        job.state, job.start_after = JobState.RETRY, None
        job.ready = (self.next_turn(), job.id)

    def resume(self, job_id: str) -> None:
        """Make a suspended job claimable."""
        job = self._may("resume", job_id)
        self._give_back(job, JobState.RETRY, delay=None, is_spent=True, turn=self.next_turn())

    # Said by time.

    def due(self, within: float | None) -> list[Job]:
        """The jobs whose time has come."""
        since = float("-inf") if within is None else self.now - within
        return [
            job
            for job in self.jobs.values()
            if job.is_live
            and job.ready is None
            and job.state is not JobState.ACTIVE
            and isinstance(job.start_after, float)
            and since <= job.start_after <= self.now
        ]

    def promote(self, within: float | None) -> int:
        """Make due jobs claimable. Returns how many."""
        due, turn = self.due(within), self.next_turn()
        for job in due:
            job.ready = (turn, job.id)
            if job.state is JobState.WAITING:
                job.state = JobState.RETRY
        return len(due)

    def limited(self) -> dict[str, float]:
        """The running attempts that have a time limit, and when it is reached."""
        return {job.id: job.expire_at for job in self.jobs.values() if job.expire_at is not None}

    def expire(self, grace: float) -> int:
        """End attempts that ran over their time. Returns how many."""
        over = [self.jobs[one] for one, end in self.limited().items() if end < self.now - grace]
        turn = self.next_turn()
        for job in over:
            job.errors += 1
            if job.is_to_stop:
                self._archive(job, JobState.CANCELLED)
            elif job.attempt <= job.retry_limit:
                delay = 2.0 ** (job.attempt - 1)
                self._give_back(job, JobState.RETRY, delay=delay, is_spent=True, turn=turn)
            else:
                self._archive(job, JobState.EXPIRED)
        return len(over)

    # Said of workers.

    def beat(self, workers: Iterable[int]) -> set[int]:
        """Renew leases. Returns those that there were."""
        known = self.beats.keys() & set(workers)
        self.beats.update(dict.fromkeys(known, self.now))
        return known

    def release(self, worker: int, running: Callable[[str], bool], crash_limit: int) -> int:
        """Give back all that a worker held. Returns how many jobs."""
        self.beats.pop(worker, None)
        held, turn = self._held_by(worker), self.next_turn()
        for job in held:
            was_running = running(job.id)
            job.crash_count += was_running
            if job.is_to_stop or (was_running and job.crash_count >= crash_limit):
                job.errors += 1
                self._archive(job, JobState.CANCELLED if job.is_to_stop else JobState.FAILED)
                continue
            self._give_back(job, JobState.RETRY, delay=None, is_spent=False, turn=turn)
            if was_running and job.crash_count > 1:
                job.ready = None
                job.start_after = Within(self.now, self.now + 5)
        return len(held)

    def sweep(self, crash_limit: int) -> tuple[int, int]:
        """Release the workers whose lease has run out: how many, and how many jobs."""
        dead = [worker for worker, beat in self.beats.items() if beat + LEASE < self.now]
        return len(dead), sum(self.release(worker, lambda _: True, crash_limit) for worker in dead)

    def _may(self, verb: str, job_id: str) -> Job:
        job = self.jobs.get(job_id)
        if job is None or not allows(verb, job.state):
            raise Refused
        return job

    def _held(self, job_id: str, fence: int) -> Job:
        job = self.jobs.get(job_id)
        if job is None or job.state is not JobState.ACTIVE or job.fence != fence:
            raise Refused
        return job

    def _held_by(self, worker: int) -> list[Job]:
        return [
            job
            for job in self.jobs.values()
            if job.state is JobState.ACTIVE and job.worker == worker
        ]

    def _give_back(
        self, job: Job, state: JobState, *, delay: float | None, is_spent: bool, turn: int
    ) -> None:
        job.state, job.worker, job.expire_at = state, None, None
        job.attempt -= not is_spent
        job.start_after = self.now + delay if delay else None
        job.ready = (turn, job.id) if state is JobState.RETRY and not delay else None

    def _archive(self, job: Job, state: JobState) -> None:
        job.state, job.ready, job.is_to_stop, job.expire_at = state, None, False, None
