"""Background jobs, schedules, long-running tasks and durable events, on the Postgres you have."""

from howdah._db.record import JobRecord
from howdah._model.outcome import Cancel, Snooze, Suspend
from howdah._model.retry import Retry
from howdah._model.states import JobState
from howdah._worker.context import Context
from howdah._worker.settings import WorkerSettings
from howdah.client import Howdah
from howdah.errors import HowdahError
from howdah.job import Job
from howdah.sync import SyncJob
from howdah.task import Sender, Task

__all__ = [
    "Cancel",
    "Context",
    "Howdah",
    "HowdahError",
    "Job",
    "JobRecord",
    "JobState",
    "Retry",
    "Sender",
    "Snooze",
    "Suspend",
    "SyncJob",
    "Task",
    "WorkerSettings",
]
