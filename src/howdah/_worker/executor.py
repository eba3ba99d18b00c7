"""Runs one claimed job: finds its task, decodes, calls, and turns what happened into an outcome."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import timedelta
from random import uniform
from typing import Any

from howdah._model.outcome import Outcome, Verdict
from howdah._model.signals import JobEnded, JobStarted, Signals, TaskUnknown
from howdah._worker import failure
from howdah._worker.batches import Batches, Part
from howdah._worker.claimed import ClaimedJob
from howdah._worker.context import Context, entered
from howdah._worker.doors import Doors
from howdah._worker.gathering import Gathered, Gathering, jobs_of
from howdah._worker.judgement import forget_cancellation, raised, returned
from howdah._worker.ledger import Ledger
from howdah._worker.marks import Marks
from howdah._worker.pools import Pools
from howdah._worker.running import Running
from howdah._worker.slots import Slots
from howdah._worker.tally import Tally
from howdah._worker.tasks import TaskLike

# A job whose task this worker does not know is put back for so long: during a rolling deploy a
# newer worker will know it.
UNKNOWN_PAUSE = 15.0
# A job with a time limit begins within so long of its claim, or is given back.
STALE_AFTER = 1.0
# A suspect is put back for so long, at random, while another one runs.
SUSPECT_PAUSE = (0.5, 2.5)


class Executor:
    """Runs jobs in slots and leaves outcomes in a ledger."""

    def __init__(
        self,
        tasks: Mapping[str, TaskLike],
        *,
        schema: str,
        ledger: Ledger,
        tally: Tally,
        signals: Signals,
        marks: Marks,
        pools: Pools,
        concurrency: int,
        queue_concurrency: Mapping[str, int],
        crash_limit: int,
    ) -> None:
        self.running: dict[str, Running] = {}
        #: Of these tasks nothing is begun.
        self.paused: frozenset[str] = frozenset()
        self.slots = Slots(concurrency, self._run_in_turn if queue_concurrency else self.run)
        #: Claimed jobs of queues of which enough run.
        self.doors = Doors(queue_concurrency, self.slots, self.handlers_of)
        #: Claimed jobs of batch tasks, until there are enough of them.
        self.gathering = Gathering(tasks, self.doors)
        self._batches = Batches(
            tasks,
            schema=schema,
            ledger=ledger,
            signals=signals,
            tally=tally,
            marks=marks,
            pools=pools,
            running=self.running,
            slots=self.slots,
        )
        self._tasks = tasks
        self._schema = schema
        self._ledger = ledger
        self._tally = tally
        self._signals = signals
        self._marks = marks
        self._pools = pools
        self._suspect_from = max(1, crash_limit - 1)
        self._suspect_runs = False

    async def run(self, job: ClaimedJob, slot: int) -> None:
        """Run one job to its outcome. Raises nothing that the job causes."""
        if self.paused and job.task in self.paused:
            for one in jobs_of([job]):
                self._ledger.settle(Outcome(one.id, one.fence, Verdict.HELD))
            return
        began = time.perf_counter()
        outcome: Outcome | None
        try:
            if job.expire_in is not None and isinstance(job, Gathered):
                await self._run_batch(job, slot)
                outcome = None
            elif job.expire_in is not None and _is_stale(job):
                outcome = Outcome(job.id, job.fence, Verdict.RELEASED)
            elif job.crash_count < self._suspect_from:
                outcome = await self._run(job, slot)
            else:
                outcome = await self._run_suspect(job, slot)
        except Exception as error:
            # Arguments that do not fit, or a validator that raised what it should not. The job
            # must not stay active for it, and the worker must not die of it.
            entry = failure.error_entry(error, job)
            outcome = Outcome(job.id, job.fence, Verdict.FAILED, error=entry)
        if outcome is not None:
            self._ledger.settle(outcome)
            seconds = time.perf_counter() - began
            self._tally.note(job, outcome.verdict, seconds)
            if self._signals.wants(JobEnded):
                self._tell(job, outcome, seconds)

    async def _run_in_turn(self, job: ClaimedJob, slot: int) -> None:
        """Run one job, and let in who has waited for its queue."""
        try:
            await self.run(job, slot)
        finally:
            self.doors.let_in(job.queue)

    async def _run_suspect(self, job: ClaimedJob, slot: int) -> Outcome | None:
        """Run a job that one more crash will end.

        One at a time: were several such jobs there when the process dies, nobody could tell which
        of them did it, and the innocent would fail with the guilty.
        """
        if self._suspect_runs:
            return Outcome(job.id, job.fence, Verdict.SNOOZED, delay=uniform(*SUSPECT_PAUSE))
        self._suspect_runs = True
        try:
            return await self._run(job, slot)
        finally:
            self._suspect_runs = False

    async def _run_batch(self, batch: Gathered, slot: int) -> None:
        """Run a batch. Who has crashed is alone in it, and a suspect is run as other suspects."""
        if batch.crash_count < self._suspect_from:
            await self._batches.run(batch, slot)
        elif self._suspect_runs:
            (job,) = batch.jobs
            delay = uniform(*SUSPECT_PAUSE)
            self._ledger.settle(Outcome(job.id, job.fence, Verdict.SNOOZED, delay=delay))
        else:
            self._suspect_runs = True
            try:
                await self._batches.run(batch, slot)
            finally:
                self._suspect_runs = False

    async def _run(self, job: ClaimedJob, slot: int) -> Outcome | None:
        task = self._tasks.get(job.task)
        if task is None:
            self._signals.post(TaskUnknown(job.id, job.task, job.queue))
            return Outcome(job.id, job.fence, Verdict.SNOOZED, delay=UNKNOWN_PAUSE)
        arguments = task.signature.decode(job.args)
        context = Context(job, task.signature, self._ledger, self._schema)
        if task.signature.context is not None:
            arguments[task.signature.context] = context
        running = Running(job, slot, context)
        self.running[job.id] = running
        self._marks.set(slot, job.id)
        if self._signals.wants(JobStarted):
            self._signals.post(JobStarted(job.id, job.task, job.queue, job.attempt))
        leave = entered(context)
        try:
            return await self._attempt(running, task, arguments)
        finally:
            leave()
            self._marks.clear(slot)
            if self.running.get(job.id) is running:
                del self.running[job.id]
            if running.timer is not None:
                running.timer.cancel()

    def take_unbegun(self, *, held_before: float | None = None) -> list[ClaimedJob]:
        """Take back jobs that no handler has begun.

        Args:
            held_before: Only those that have waited for a slot since before this moment of the
                monotonic clock. What is gathered for a batch waits for others, and not for a slot.
        """
        waiting = [
            *self.slots.take_waiting(held_before=held_before),
            *self.doors.take(lambda job: held_before is None or job.held_at < held_before),
        ]
        taken = jobs_of(waiting)
        return taken if held_before is not None else [*taken, *self.gathering.take()]

    def take(self, job_id: str) -> list[ClaimedJob]:
        """Take back a job that was asked to stop, and what waits in one batch with it."""
        waiting = self.doors.take(lambda one: any(job.id == job_id for job in jobs_of([one])))
        return [*jobs_of(waiting), *self.gathering.take(job_id)]

    def holds(self) -> set[str]:
        """Every job that runs here or was claimed to."""
        waiting = (job.id for job in jobs_of([*self.slots.waiting, *self.doors.all()]))
        return {*waiting, *self.running, *self.gathering.holds()}

    def handlers_of(self, queue: str) -> int:
        """How many handlers of a queue run here or wait for a slot. A batch is one."""
        running = {one.slot for one in self.running.values() if one.job.queue == queue}
        return len(running) + sum(1 for one in self.slots.waiting if one.queue == queue)

    def stop(self, running: Running, why: str) -> None:
        """Ask a handler to stop: `cancelled`, `expired`, `lost`, `unreachable` or `shutdown`."""
        if isinstance(running, Part):
            self._batches.stop(running, why)
            return
        if running.stop is not None and why != "lost":
            return
        running.stop = why
        running.context.ask_to_stop(why)
        # A thread cannot be interrupted. One that was cancelled is left to see it by itself; in
        # the other cases its result is no longer wanted, so nobody waits for it.
        task = self._tasks[running.job.task]
        if task.executor != "thread" or why != "cancelled":
            self.slots.task(running.slot).cancel()

    async def _attempt(
        self, running: Running, task: TaskLike, arguments: dict[str, Any]
    ) -> Outcome | None:
        job = running.job
        limit = job.expire_in if job.expire_in is not None else _seconds(task.expire_in)
        if limit is not None:
            running.timer = asyncio.get_running_loop().call_later(
                limit, self.stop, running, "expired"
            )
        try:
            if task.executor == "loop":
                result = await task.fn(**arguments)
            else:
                result = await self._pools.run(task, job, running.context, arguments)
            if running.stop is not None:
                # What was asked too late to interrupt the handler must not interrupt the slot.
                forget_cancellation()
            return returned(running, task, result)
        except BaseException as error:
            return raised(running, task, error)

    def _tell(self, job: ClaimedJob, outcome: Outcome, seconds: float) -> None:
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


def _is_stale(job: ClaimedJob) -> bool:
    """Whether a job was held ready for so long that its time limit is no longer its own.

    The limit that the database watches runs from the claim. A job whose handler has not begun must
    not be ended for it, and must not run once it was.
    """
    return time.monotonic() - job.held_at > STALE_AFTER


def _seconds(limit: timedelta | float | None) -> float | None:
    return limit.total_seconds() if isinstance(limit, timedelta) else limit
