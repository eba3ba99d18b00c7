"""What became of a job: how one waits for its end, and reads its result."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any
from uuid import UUID

from howdah._db.job import Ending
from howdah._model.payload import Signature
from howdah._model.states import JobState
from howdah.errors import (
    JobCancelledError,
    JobExpiredError,
    JobFailedError,
    ResultTimeoutError,
)

# How often a waiter looks: at once, then ever more seldom.
FIRST_LOOK = 0.005
LONGEST_PAUSE = 0.25


def deadline_of(timeout: timedelta | float | None) -> float | None:
    """When a wait that begins now ends, on the monotonic clock."""
    seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    return None if seconds is None else time.monotonic() + seconds


def next_pause(job_id: UUID, ending: Ending, pause: float, end: float | None) -> float:
    """How long to wait before the next look.

    Raises:
        ResultTimeoutError: The time is over.
    """
    left = None if end is None else end - time.monotonic()
    if left is not None and left <= 0:
        raise ResultTimeoutError(
            f"job {job_id} is still {ending.state}: it goes on, ask again later", job_id=job_id
        )
    pause = min(pause * 1.5, LONGEST_PAUSE)
    return pause if left is None else min(pause, left)


def read_result(job_id: UUID, ending: Ending, signature: Signature | None) -> Any:
    """What a finished job's handler returned, or the error that says why there is nothing."""
    match JobState(ending.state):
        case JobState.COMPLETED if signature is not None:
            return signature.decode_result(ending.result)
        case JobState.COMPLETED:
            return None if ending.result is None else json.loads(ending.result)
        case JobState.EXPIRED:
            error = json.loads(ending.error) if ending.error else {}
            why = error.get("message") or "it ran out of time"
            raise JobExpiredError(f"job {job_id} expired: {why}", job_id=job_id)
        case JobState.CANCELLED:
            error = json.loads(ending.error) if ending.error else {}
            said = error.get("message") if error.get("type") == "Cancel" else None
            why = f": {ending.reason or said}" if ending.reason or said else ""
            raise JobCancelledError(f"job {job_id} was cancelled{why}", job_id=job_id)
        case _:
            error = json.loads(ending.error) if ending.error else {}
            raise JobFailedError(
                f"job {job_id} failed with {error.get('type')}: {error.get('message')}",
                job_id=job_id,
                error=error,
            )
