"""What an attempt that went wrong leaves with the job, and whether it is tried again."""

from __future__ import annotations

import json
import traceback
from datetime import UTC, datetime
from random import random

from howdah._model.outcome import Outcome, Verdict
from howdah._model.retry import Retry
from howdah._worker.claimed import ClaimedJob
from howdah._worker.context import clean
from howdah._worker.pools.remote import RemoteError
from howdah.errors import HowdahError


def error_entry(error: BaseException, job: ClaimedJob) -> str:
    """One entry of a job's errors, as JSON text that Postgres can hold whatever was raised."""
    if isinstance(error, RemoteError):
        return error.entry
    lines = traceback.format_exception(type(error), error, error.__traceback__, limit=-30)
    return _entry(type(error).__qualname__, _message(error), job, clean("".join(lines), 20_000))


def plain_entry(kind: str, message: str, job: ClaimedJob) -> str:
    """One entry of a job's errors that no exception stands behind."""
    return _entry(kind, message, job, None)


def policy_of(job: ClaimedJob, task_policy: Retry | None) -> Retry:
    """How a job is retried: numbers from the row where it has any, classes from the code."""
    base = task_policy or Retry()
    if job.retry is None:
        return base
    try:
        return base.with_stored(json.loads(job.retry))
    except (HowdahError, TypeError, ValueError):
        # A row that was written by hand. It must not stop a worker, and its job has a policy.
        return base


def judge(job: ClaimedJob, policy: Retry, error: BaseException, entry: str) -> Outcome:
    """Retry while attempts are left and the policy wants this exception, else fail."""
    wanted = error.wanted if isinstance(error, RemoteError) else policy.wants(error)
    if job.attempt <= policy.limit and wanted:
        delay = policy.next_delay(job.attempt, random=random())
        return Outcome(job.id, job.fence, Verdict.RETRY, error=entry, delay=delay)
    return Outcome(job.id, job.fence, Verdict.FAILED, error=entry)


def judge_expired(job: ClaimedJob, policy: Retry, entry: str) -> Outcome:
    """Retry an attempt that ran out of time while attempts are left, else expire the job."""
    if job.attempt <= policy.limit:
        delay = policy.next_delay(job.attempt, random=random())
        return Outcome(job.id, job.fence, Verdict.RETRY, error=entry, delay=delay)
    return Outcome(job.id, job.fence, Verdict.EXPIRED, error=entry)


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as worse:
        return f"<its message cannot be read: {type(worse).__name__}>"


def _entry(kind: str, message: str, job: ClaimedJob, trace: str | None) -> str:
    entry = {
        "type": kind,
        "message": clean(message, 10_000),
        "attempt": job.attempt,
        "at": datetime.now(UTC).isoformat(),
    }
    if trace is not None:
        entry["traceback"] = trace
    return json.dumps(entry)
