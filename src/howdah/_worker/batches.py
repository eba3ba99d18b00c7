"""Runs batches: one call of a handler, and an outcome for each of the jobs it was given.

Each job of a batch is one of the `running`, so it is cancelled, lost and given back as any other.
The handler is interrupted only when no job of it is wanted any more, or when one is over its time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from howdah._model.batch import VALUE
from howdah._model.outcome import Outcome, Verdict
from howdah._model.signals import JobEnded, JobStarted, Signals
from howdah._worker import failure
from howdah._worker.batch_job import BatchJob
from howdah._worker.claimed import ClaimedJob
from howdah._worker.gathering import Gathered
from howdah._worker.judgement import forget_cancellation, raised, returned
from howdah._worker.ledger import Ledger
from howdah._worker.marks import Marks
from howdah._worker.pools import Pools
from howdah._worker.running import Running
from howdah._worker.slots import Slots
from howdah._worker.tally import Tally
from howdah._worker.tasks import TaskLike
from howdah.errors import ResultError

# Once its batch is full or due, a job with a time limit begins within so long, or is given back.
STALE_AFTER = 1.0


class Part(Running):
    """One job of a batch that is running."""

    __slots__ = ("batch", "over_at")

    def __init__(self, job: ClaimedJob, slot: int, context: BatchJob[Any]) -> None:
        super().__init__(job, slot, context)
        self.batch: list[Part] = []
        self.over_at: float | None = None


class Batches:
    """Runs batches in the slots of a worker."""

    def __init__(
        self,
        tasks: Mapping[str, TaskLike],
        *,
        schema: str,
        ledger: Ledger,
        signals: Signals,
        tally: Tally,
        marks: Marks,
        pools: Pools,
        running: dict[str, Running],
        slots: Slots,
    ) -> None:
        self._tasks = tasks
        self._schema = schema
        self._ledger = ledger
        self._signals = signals
        self._tally = tally
        self._marks = marks
        self._pools = pools
        self._running = running
        self._slots = slots

    async def run(self, batch: Gathered, slot: int) -> None:
        """Run one batch to the outcomes of its jobs. Raises nothing that the jobs cause."""
        began = time.perf_counter()
        task = self._tasks[batch.task]
        parts = [
            part for job in _fresh(batch, self._ledger) if (part := self._part(job, task, slot))
        ]
        if not parts:
            return
        for part in parts:
            part.batch = parts
            self._running[part.job.id] = part
            if self._signals.wants(JobStarted):
                job = part.job
                self._signals.post(JobStarted(job.id, job.task, job.queue, job.attempt))
        marked = self._marks.add([part.job.id for part in parts])
        timer = self._watch_the_time(parts, task)
        try:
            outcomes = await self._call(parts, task)
        finally:
            if timer is not None:
                timer.cancel()
            self._marks.remove(marked)
            for part in parts:
                if self._running.get(part.job.id) is part:
                    del self._running[part.job.id]
        for part, outcome in zip(parts, outcomes, strict=True):
            if outcome is not None:
                self._settle(part.job, outcome, time.perf_counter() - began)

    def stop(self, part: Part, why: str) -> None:
        """Ask one job of a batch to stop, and the handler when that is asked of all."""
        if part.stop is not None and why != "lost":
            return
        part.stop = why
        part.context.ask_to_stop(why)
        if all(one.stop is not None for one in part.batch):
            whys = {one.stop for one in part.batch}
            if self._tasks[part.job.task].executor != "thread" or whys != {"cancelled"}:
                self._slots.task(part.slot).cancel()

    def _part(self, job: ClaimedJob, task: TaskLike, slot: int) -> Part | None:
        """A job ready for the handler; one whose arguments do not fit fails by itself."""
        context: BatchJob[Any] = BatchJob(job, task.signature, self._ledger, self._schema)
        try:
            context.value = task.signature.decode(job.args)[VALUE]
        except Exception as error:
            entry = failure.error_entry(error, job)
            self._settle(job, Outcome(job.id, job.fence, Verdict.FAILED, error=entry), 0.0)
            return None
        return Part(job, slot, context)

    def _watch_the_time(self, parts: list[Part], task: TaskLike) -> asyncio.TimerHandle | None:
        """Stop the handler when the first of its jobs is over its time."""
        now = time.monotonic()
        limit = _seconds(task.expire_in)
        for part in parts:
            job = part.job
            if job.expire_in is not None:
                # From its claim, as the database counts: some of it may have gone in gathering.
                part.over_at = job.held_at + job.expire_in
            elif limit is not None:
                part.over_at = now + limit
        ends = [part.over_at for part in parts if part.over_at is not None]
        if not ends:
            return None
        loop = asyncio.get_running_loop()
        return loop.call_later(max(min(ends) - now, 0.0), self._stop_for_time, parts)

    def _stop_for_time(self, parts: list[Part]) -> None:
        now = time.monotonic() + 0.001
        for part in parts:
            is_over = part.over_at is not None and part.over_at <= now
            self.stop(part, "expired" if is_over else "neighbour")

    async def _call(self, parts: list[Part], task: TaskLike) -> list[Outcome | None]:
        jobs = [part.context for part in parts]
        assert task.batching is not None
        try:
            if task.executor == "loop":
                result = await task.fn(jobs)
            else:
                arguments = {task.batching.parameter: jobs}
                result = await self._pools.run(task, parts[0].job, jobs[0], arguments)
            if any(part.stop is not None for part in parts):
                # What was asked too late to interrupt the handler must not interrupt the slot.
                forget_cancellation()
            return _judged(parts, task, result)
        except BaseException as error:
            return [_judge(part, task, error) for part in parts]

    def _settle(self, job: ClaimedJob, outcome: Outcome, seconds: float) -> None:
        self._ledger.settle(outcome)
        self._tally.note(job, outcome.verdict, seconds)
        if self._signals.wants(JobEnded):
            self._signals.post(
                JobEnded(
                    job.id,
                    job.task,
                    job.queue,
                    job.attempt,
                    outcome.verdict.value,
                    seconds,
                    outcome.error,
                    outcome.delay,
                )
            )


def _fresh(batch: Gathered, ledger: Ledger) -> list[ClaimedJob]:
    """The jobs that may begin: the time of none has gone by while the batch waited for a slot."""
    if time.monotonic() - batch.held_at <= STALE_AFTER:
        return batch.jobs
    for job in batch.jobs:
        if job.expire_in is not None:
            ledger.settle(Outcome(job.id, job.fence, Verdict.RELEASED))
    return [job for job in batch.jobs if job.expire_in is None]


def _judged(parts: list[Part], task: TaskLike, result: Any) -> list[Outcome | None]:
    """The outcomes of a batch whose handler returned this."""
    if result is None:
        result = [None] * len(parts)
    if not isinstance(result, Sequence) or isinstance(result, str) or len(result) != len(parts):
        said = f"{len(result)} outcomes" if isinstance(result, list) else type(result).__name__
        error = ResultError(
            f"task {task.name!r} was given {len(parts)} jobs and returned {said}: return None, or"
            " a list with one outcome for each, in their order"
        )
        return [_failed(part, error) for part in parts]
    return [_judge(part, task, value) for part, value in zip(parts, result, strict=True)]


def _judge(part: Part, task: TaskLike, value: Any) -> Outcome | None:
    """The outcome of one job: of what was returned for it, or raised for all.

    Raises:
        CancelledError: It is not the handler that was interrupted, but its slot.
    """
    try:
        if isinstance(value, BaseException):
            return raised(part, task, value)
        return returned(part, task, value)
    except Exception as error:
        # Such as an exception that cannot be shown. No job must stay active for it.
        return _failed(part, error)


def _failed(part: Part, error: Exception) -> Outcome | None:
    if part.stop == "lost":
        return None
    job = part.job
    return Outcome(job.id, job.fence, Verdict.FAILED, error=failure.error_entry(error, job))


def _seconds(limit: timedelta | float | None) -> float | None:
    return limit.total_seconds() if isinstance(limit, timedelta) else limit
