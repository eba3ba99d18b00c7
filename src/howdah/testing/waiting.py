"""Waits for a job to be in a state, for tests in which a worker of the app's own runs."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from uuid import UUID

from howdah._db.record import JobRecord
from howdah._model.signals import JobEnded, JobStarted
from howdah._model.states import JobState
from howdah.client import Howdah
from howdah.errors import UsageError
from howdah.result import FIRST_LOOK, LONGEST_PAUSE, deadline_of


async def wait_for(
    app: Howdah, job_id: UUID, wanted: JobState | str, *, timeout: timedelta | float
) -> JobRecord:
    """Return the job as soon as it is in the state.

    Looks at once when an attempt begins or ends in this process, and otherwise now and then.

    Raises:
        AssertionError: It is over in another state, or the time is.
        JobNotFoundError: There is no such job.
        UsageError: There is no such state.
    """
    state = _state(wanted)
    end = deadline_of(timeout)
    assert end is not None
    loop, woken = asyncio.get_running_loop(), asyncio.Event()

    def wake(signal: JobStarted | JobEnded) -> None:
        if signal.job_id == str(job_id):
            loop.call_soon_threadsafe(woken.set)

    offs = [app.signals.on(JobStarted, wake), app.signals.on(JobEnded, wake)]
    pause = FIRST_LOOK
    try:
        while (job := await app.jobs.get(job_id)).state is not state:
            if job.state.is_final:
                raise AssertionError(f"{_told(job)}, and will not be {state.value}{_why(job)}")
            if (left := end - time.monotonic()) <= 0:
                raise AssertionError(f"{_told(job)} still, and not {state.value}{_why(job)}")
            try:
                async with asyncio.timeout(min(pause, left)):
                    await woken.wait()
                # The attempt is over; its outcome is stored a moment later.
                pause = FIRST_LOOK
                woken.clear()
            except TimeoutError:
                pause = min(1.5 * pause, LONGEST_PAUSE)
    finally:
        for off in offs:
            off()
    return job


def _state(wanted: JobState | str) -> JobState:
    try:
        return JobState(wanted)
    except ValueError:
        raise UsageError(
            f"cannot wait for state {wanted!r}: the states are {', '.join(JobState)}"
        ) from None


def _told(job: JobRecord) -> str:
    return f"job {job.id} of task {job.task!r} is {job.state.value}"


def _why(job: JobRecord) -> str:
    if not job.errors:
        return ""
    last = job.errors[-1]
    return f"; its last error: {last.get('type')}: {last.get('message')}\n{last.get('traceback')}"
