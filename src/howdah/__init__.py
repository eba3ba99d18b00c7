"""Background jobs, schedules, long-running tasks and durable events, on the Postgres you have."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from howdah._db.bulk import BulkProgress, BulkReport
    from howdah._db.dead_letter import Redriven
    from howdah._db.fleet import WorkerRecord
    from howdah._db.flow import Dependencies, Dependency
    from howdah._db.record import JobPage, JobRecord
    from howdah._db.sample import QueueStats
    from howdah._db.schedule import ScheduleRecord
    from howdah._db.warning import WarningRecord
    from howdah._model.batch import Batch
    from howdah._model.filter import JobFilter
    from howdah._model.flow import Finished
    from howdah._model.histogram import Histogram
    from howdah._model.limits import Limit, Rate
    from howdah._model.outcome import Cancel, DeadLetter, RateLimited, Snooze, Suspend
    from howdah._model.reason import Explanation, Reason
    from howdah._model.retry import Retry
    from howdah._model.states import JobState
    from howdah._model.window import Debounce, Throttle
    from howdah._worker.batch_job import BatchJob, Outcome
    from howdah._worker.context import Context
    from howdah._worker.settings import WorkerSettings
    from howdah.by_hand import Claim, SyncClaim
    from howdah.client import Howdah
    from howdah.errors import HowdahError
    from howdah.flow import Flow
    from howdah.job import Job
    from howdah.plan import Part, Step, chain, chord, group
    from howdah.sync import SyncJob
    from howdah.task import Sender, Task
else:
    # A name is imported when it is first used: the command line starts in a fraction of the
    # time that the whole library takes.
    _HOMES = {
        "BulkProgress": "howdah._db.bulk",
        "BulkReport": "howdah._db.bulk",
        "Batch": "howdah._model.batch",
        "BatchJob": "howdah._worker.batch_job",
        "Cancel": "howdah._model.outcome",
        "Claim": "howdah.by_hand",
        "Context": "howdah._worker.context",
        "DeadLetter": "howdah._model.outcome",
        "Debounce": "howdah._model.window",
        "Dependencies": "howdah._db.flow",
        "Dependency": "howdah._db.flow",
        "Explanation": "howdah._model.reason",
        "Finished": "howdah._model.flow",
        "Flow": "howdah.flow",
        "Histogram": "howdah._model.histogram",
        "Howdah": "howdah.client",
        "HowdahError": "howdah.errors",
        "Job": "howdah.job",
        "JobFilter": "howdah._model.filter",
        "JobPage": "howdah._db.record",
        "JobRecord": "howdah._db.record",
        "JobState": "howdah._model.states",
        "QueueStats": "howdah._db.sample",
        "Limit": "howdah._model.limits",
        "Rate": "howdah._model.limits",
        "RateLimited": "howdah._model.outcome",
        "Part": "howdah.plan",
        "Outcome": "howdah._worker.batch_job",
        "Reason": "howdah._model.reason",
        "Redriven": "howdah._db.dead_letter",
        "Retry": "howdah._model.retry",
        "ScheduleRecord": "howdah._db.schedule",
        "Sender": "howdah.task",
        "Snooze": "howdah._model.outcome",
        "Step": "howdah.plan",
        "Suspend": "howdah._model.outcome",
        "SyncClaim": "howdah.by_hand",
        "SyncJob": "howdah.sync",
        "Task": "howdah.task",
        "Throttle": "howdah._model.window",
        "WorkerRecord": "howdah._db.fleet",
        "WarningRecord": "howdah._db.warning",
        "WorkerSettings": "howdah._worker.settings",
        "chain": "howdah.plan",
        "chord": "howdah.plan",
        "group": "howdah.plan",
    }

    def __getattr__(name: str) -> object:
        if (home := _HOMES.get(name)) is None:
            raise AttributeError(f"module 'howdah' has no attribute {name!r}")
        globals()[name] = value = getattr(import_module(home), name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *_HOMES})


__all__ = [
    "Batch",
    "BatchJob",
    "BulkProgress",
    "BulkReport",
    "Cancel",
    "Claim",
    "Context",
    "DeadLetter",
    "Debounce",
    "Dependencies",
    "Dependency",
    "Explanation",
    "Finished",
    "Flow",
    "Histogram",
    "Howdah",
    "HowdahError",
    "Job",
    "JobFilter",
    "JobPage",
    "JobRecord",
    "JobState",
    "Limit",
    "Outcome",
    "Part",
    "QueueStats",
    "Rate",
    "RateLimited",
    "Reason",
    "Redriven",
    "Retry",
    "ScheduleRecord",
    "Sender",
    "Snooze",
    "Step",
    "Suspend",
    "SyncClaim",
    "SyncJob",
    "Task",
    "Throttle",
    "WarningRecord",
    "WorkerRecord",
    "WorkerSettings",
    "chain",
    "chord",
    "group",
]
