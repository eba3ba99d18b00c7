"""What became of an attempt: what the database is told of what a handler returned or raised."""

from __future__ import annotations

import asyncio
from typing import Any

from howdah._model.outcome import Cancel, DeadLetter, Outcome, RateLimited, Snooze, Suspend, Verdict
from howdah._worker import failure
from howdah._worker.pools.remote import Encoded
from howdah._worker.running import Running
from howdah._worker.tasks import TaskLike
from howdah.errors import HowdahError, ResultError


def returned(running: Running, task: TaskLike, result: Any) -> Outcome | None:
    """The outcome of an attempt whose handler returned this; None when nobody asks for it."""
    job = running.job
    if running.context.settled:
        return _settled(running, task, None)
    if running.stop == "lost":
        return None
    try:
        encoded = isinstance(result, Encoded)
        text = result.text if encoded else task.signature.encode_result(result)
    except ResultError as error:
        entry = failure.error_entry(error, job)
        return Outcome(job.id, job.fence, Verdict.FAILED, error=entry)
    return Outcome(job.id, job.fence, Verdict.COMPLETED, result=text)


def raised(running: Running, task: TaskLike, error: BaseException) -> Outcome | None:
    """The outcome of an attempt whose handler raised this; None when nobody asks for it.

    Raises:
        CancelledError: It is not the handler that was interrupted, but its slot.
    """
    job = running.job
    if isinstance(error, asyncio.CancelledError) and running.stop is not None:
        forget_cancellation()
        return _stopped(running, task)
    if isinstance(error, asyncio.CancelledError) and _is_being_cancelled():
        # The slot itself is being torn down: not the handler's doing.
        raise error
    if running.context.settled:
        return _settled(running, task, error)
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
        case DeadLetter():
            entry = failure.plain_entry("DeadLetter", str(error), job)
            return Outcome(job.id, job.fence, Verdict.FAILED, error=entry)
    if running.stop == "cancelled":
        entry = failure.plain_entry("Cancelled", "it was asked to stop and did", job)
        return Outcome(job.id, job.fence, Verdict.CANCELLED, error=entry)
    if running.stop == "lost":
        return None
    policy = failure.policy_of(job, task.retry)
    return failure.judge(job, policy, error, failure.error_entry(error, job))


def _stopped(running: Running, task: TaskLike) -> Outcome | None:
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
        case "shutdown" | "unreachable" | "neighbour":
            return Outcome(job.id, job.fence, Verdict.RELEASED)
        case _:
            return None


def _settled(running: Running, task: TaskLike, error: BaseException | None) -> Outcome:
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


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def forget_cancellation() -> None:
    """Undo the interruption of this slot that a handler was to hear, and has or has not heard."""
    task = asyncio.current_task()
    while task is not None and task.cancelling() > 0:
        task.uncancel()
