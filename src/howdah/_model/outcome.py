"""What became of one attempt, as data, and the words with which a handler steers its own job.

`Snooze`, `RateLimited`, `Cancel`, `DeadLetter` and `Suspend` derive from BaseException: they must
pass through user code, where an `except Exception` would otherwise stop them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from howdah._model.duration import seconds_of
from howdah.errors import UsageError


class Verdict(StrEnum):
    """How an attempt ended, as the database is told."""

    COMPLETED = "completed"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    RETRY = "retry"
    SNOOZED = "snoozed"
    #: As snoozed, and others wait as well.
    RATE_LIMITED = "rate_limited"
    RELEASED = "released"
    #: Given back until its task is resumed.
    HELD = "held"
    SUSPENDED = "suspended"
    #: The handler completed the job in a transaction of its own; to be checked, not written.
    SETTLED = "settled"

    @property
    def is_final(self) -> bool:
        """Whether the job is over with this attempt."""
        return self in _FINAL


_FINAL = frozenset({Verdict.COMPLETED, Verdict.FAILED, Verdict.EXPIRED, Verdict.CANCELLED})


@dataclass(slots=True)
class Outcome:
    """How one claim ended; kept in memory until the database has said yes.

    Attributes:
        job_id: The job.
        fence: The claim.
        verdict: How it ended.
        result: JSON text, for a completed job.
        error: JSON text of one entry of the job's errors.
        delay: Seconds until it may run again, None for at once or never.
        limit: What waits with a rate-limited job: a limit by name, or None for its queue.
        queue: Its queue, for a rate-limited job.
    """

    job_id: str
    fence: int
    verdict: Verdict
    result: str | None = None
    error: str | None = None
    delay: float | None = None
    limit: str | None = None
    queue: str | None = None


class Steering(BaseException):
    """The root of what a handler raises to steer its own job. Not an error."""


class Snooze(Steering):
    """Run this job again later, without counting the attempt.

    Args:
        delay: How much later, as a timedelta or in seconds.

    Raises:
        UsageError: The delay is negative.

    Example:
        >>> raise Snooze(timedelta(minutes=5))
        Traceback (most recent call last):
        howdah._model.outcome.Snooze: again in 300 s
    """

    def __init__(self, delay: timedelta | float) -> None:
        seconds = delay.total_seconds() if isinstance(delay, timedelta) else float(delay)
        if not seconds >= 0:
            raise UsageError(f"cannot snooze for {seconds} s: the delay must be 0 or more")
        super().__init__(f"again in {seconds:g} s")
        self.delay = seconds


class RateLimited(Steering):
    """Run this job again later, and begin no other of its queue until then.

    For a service that says how long it wants to be left alone. The attempt does not count.

    Args:
        retry_after: How long, as a timedelta or in seconds.
        limit: The name of a limit: whatever draws from it waits, in any queue, and the other jobs
            of this queue go on.

    Raises:
        UsageError: The time is not more than 0.
    """

    def __init__(self, retry_after: timedelta | float, *, limit: str | None = None) -> None:
        self.delay = seconds_of(retry_after, what="retry_after", zero=False)
        super().__init__(f"again in {self.delay:g} s")
        self.limit = limit


class Cancel(Steering):
    """Cancel this job: it ends as cancelled and is not tried again.

    Args:
        reason: Kept with the job.
    """

    def __init__(self, reason: str | None = None) -> None:
        super().__init__(reason or "cancelled by its handler")
        self.reason = reason


class DeadLetter(Steering):
    """Fail this job at once, without further attempts.

    As any job that fails, it leaves a copy in its dead letter queue, if it has one.

    Args:
        reason: Kept with both, as their last error.
    """

    def __init__(self, reason: str | None = None) -> None:
        super().__init__(reason or "given up by its handler")
        self.reason = reason


class Suspend(Steering):
    """Put this job aside until somebody says `resume`, without counting the attempt.

    It holds no slot, no process and no connection meanwhile, and runs from the start then.

    Args:
        timeout: Resume by itself after so long; None waits for ever.
    """

    def __init__(self, timeout: timedelta | float | None = None) -> None:
        seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
        if seconds is not None and not seconds > 0:
            raise UsageError(f"cannot suspend for {seconds} s: the timeout must be more than 0")
        super().__init__("until it is resumed")
        self.timeout = seconds
