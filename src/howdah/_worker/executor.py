"""Runs one claimed job: finds its task, decodes, calls, and turns what happened into an outcome."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import timedelta
from random import uniform
from typing import Any

from howdah._model.outcome import Cancel, Outcome, RateLimited, Snooze, Suspend, Verdict
from howdah._model.signals import JobEnded, JobStarted, Signals, TaskUnknown
from howdah._worker import failure
from howdah._worker.claimed import ClaimedJob
from howdah._worker.context import Context, entered
from howdah._worker.ledger import Ledger
from howdah._worker.marks import Marks
from howdah._worker.pools import Pools
from howdah._worker.pools.remote import Encoded
from howdah._worker.slots import Slots
from howdah._worker.tally import Tally
from howdah._worker.tasks import TaskLike
from howdah.errors import HowdahError, ResultError

# A job whose task this worker does not know is put back for so long: during a rolling deploy a
# newer worker will know it.
UNKNOWN_PAUSE = 15.0
# A job with a time limit begins within so long of its claim, or is given back.
STALE_AFTER = 1.0
# A suspect is put back for so long, at random, while another one runs.
SUSPECT_PAUSE = (0.5, 2.5)


class Running:
    """A handler that is running, for those who want it to stop."""

    __slots__ = ("context", "job", "slot", "stop", "timer")

    def __init__(self, job: ClaimedJob, slot: int, context: Context) -> None:
        self.job = job
        self.slot = slot
        self.context = context
        self.stop: str | None = None
        self.timer: asyncio.TimerHandle | None = None


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
        crash_limit: int,
    ) -> None:
        self.running: dict[str, Running] = {}
        self.slots = Slots(concurrency, self.run)
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
        began = time.perf_counter()
        outcome: Outcome | None
        try:
            if job.expire_in is not None and _is_stale(job):
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

    def stop(self, running: Running, why: str) -> None:
        """Ask a handler to stop: `cancelled`, `expired`, `lost`, `unreachable` or `shutdown`."""
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
                _forget_cancellation()
            return self._returned(running, task, result)
        except BaseException as error:
            return self._raised(running, task, error)

    def _returned(self, running: Running, task: TaskLike, result: Any) -> Outcome | None:
        job = running.job
        if running.context.settled:
            return self._settled(running, task, None)
        if running.stop == "lost":
            return None
        try:
            encoded = isinstance(result, Encoded)
            text = result.text if encoded else task.signature.encode_result(result)
        except ResultError as error:
            entry = failure.error_entry(error, job)
            return Outcome(job.id, job.fence, Verdict.FAILED, error=entry)
        return Outcome(job.id, job.fence, Verdict.COMPLETED, result=text)

    def _raised(self, running: Running, task: TaskLike, error: BaseException) -> Outcome | None:
        job = running.job
        if isinstance(error, asyncio.CancelledError) and running.stop is not None:
            _forget_cancellation()
            return self._stopped(running, task)
        if isinstance(error, asyncio.CancelledError) and _is_being_cancelled():
            # The slot itself is being torn down: not the handler's doing.
            raise error
        if running.context.settled:
            return self._settled(running, task, error)
        match error:
            case Snooze():
                return Outcome(job.id, job.fence, Verdict.SNOOZED, delay=error.delay)
            case RateLimited():
                return Outcome(
                    job.id,
                    job.fence,
                    Verdict.RATE_LIMITED,
                    delay=error.delay,
                    limit=error.limit,
                    queue=job.queue,
                )
            case Suspend():
                return Outcome(job.id, job.fence, Verdict.SUSPENDED, delay=error.timeout)
            case Cancel():
                entry = failure.plain_entry("Cancel", str(error), job)
                return Outcome(job.id, job.fence, Verdict.CANCELLED, error=entry)
        if running.stop == "cancelled":
            entry = failure.plain_entry("Cancelled", "it was asked to stop and did", job)
            return Outcome(job.id, job.fence, Verdict.CANCELLED, error=entry)
        if running.stop == "lost":
            return None
        policy = failure.policy_of(job, task.retry)
        return failure.judge(job, policy, error, failure.error_entry(error, job))

    def _stopped(self, running: Running, task: TaskLike) -> Outcome | None:
        """The outcome of a handler that was interrupted."""
        job = running.job
        match running.stop:
            case "expired":
                entry = failure.plain_entry(
                    "JobExpired", f"attempt {job.attempt} ran longer than its time limit", job
                )
                return failure.judge_expired(job, failure.policy_of(job, task.retry), entry)
            case "cancelled":
                entry = failure.plain_entry("Cancelled", "it was asked to stop and did", job)
                return Outcome(job.id, job.fence, Verdict.CANCELLED, error=entry)
            case "shutdown" | "unreachable":
                return Outcome(job.id, job.fence, Verdict.RELEASED)
            case _:
                return None

    def _settled(self, running: Running, task: TaskLike, error: BaseException | None) -> Outcome:
        """The handler completed the job itself; it counts if its transaction was committed.

        If it was not, this outcome says what to do then: as after any other failure.
        """
        job = running.job
        error = error or HowdahError(
            "the handler called ctx.complete, and its transaction was not committed"
        )
        judged = failure.judge(
            job, failure.policy_of(job, task.retry), error, failure.error_entry(error, job)
        )
        return Outcome(job.id, job.fence, Verdict.SETTLED, error=judged.error, delay=judged.delay)

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


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _forget_cancellation() -> None:
    task = asyncio.current_task()
    while task is not None and task.cancelling() > 0:
        task.uncancel()
