"""Writes log lines: the only place in Howdah that does.

Listens to an app's signals and writes, for each, one event name and then fields, through the
`howdah` logger of the standard library. A failure that is retried is a warning; one that needs a
person is an error.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from howdah._model.signals import (
    DatabaseBack,
    DatabaseLost,
    DatabasePrivate,
    JobEnded,
    JobLost,
    JobStarted,
    LeaseLost,
    LimitUnknown,
    ListenerFailed,
    NotificationsUnavailable,
    PassFailed,
    QueueUnknown,
    SchedulesStray,
    Signal,
    Signals,
    StatementSlow,
    TasksPaused,
    TaskUnknown,
    Warned,
    WorkerDied,
    WorkerFailed,
    WorkerIdle,
    WorkerPaused,
    WorkerResumed,
    WorkerScaled,
    WorkersSwept,
    WorkerStarted,
    WorkerStopped,
)
from howdah.telemetry.printable import one_line

LOGGER = logging.getLogger("howdah")

# So many completed jobs a second get a line each; the rest are counted, and said in one.
LINES_A_SECOND = 50
LONGEST_VALUE = 2_000


@dataclass(frozen=True, slots=True)
class Line:
    """One log line: what happened, then the facts. It is the `msg` of its log record.

    Attributes:
        event: Which kind of thing happened, such as `job.failed`.
        fields: The facts.
        detail: Text of many lines, such as a traceback.
    """

    event: str
    fields: Mapping[str, Any]
    detail: str | None = None

    def __str__(self) -> str:
        return " ".join([self.event, *(f"{key}={_value(it)}" for key, it in self.fields.items())])


def attach(signals: Signals) -> None:
    """Write a line for each signal from now on, at the level that the `howdah` logger has."""
    signals.on(JobEnded, _Endings())
    if LOGGER.isEnabledFor(logging.DEBUG):
        signals.on(JobStarted, _started)
    for kind in (
        JobLost,
        WorkerStarted,
        WorkerIdle,
        WorkerScaled,
        TasksPaused,
        WorkerPaused,
        WorkerResumed,
        WorkerStopped,
        WorkerDied,
        WorkerFailed,
        WorkersSwept,
        SchedulesStray,
        LeaseLost,
        DatabaseLost,
        DatabaseBack,
        DatabasePrivate,
        NotificationsUnavailable,
        PassFailed,
        StatementSlow,
        Warned,
        ListenerFailed,
    ):
        signals.on(kind, _write)
    for unknown in (TaskUnknown, LimitUnknown, QueueUnknown):
        signals.on(unknown, _write_unknown)


class _Endings:
    """Says how attempts ended: each failure, and as many successes as a person can read."""

    def __init__(self) -> None:
        self._second = 0
        self._left = LINES_A_SECOND
        self._unsaid = 0

    def __call__(self, ended: JobEnded) -> None:
        if ended.verdict == "completed" or ended.verdict == "settled":
            self._completed(ended)
        else:
            _went_otherwise(ended)

    def _completed(self, ended: JobEnded) -> None:
        second = int(time.monotonic())
        if second != self._second:
            if self._unsaid:
                _log(logging.INFO, "job.completed", {"more": self._unsaid})
            self._second, self._left, self._unsaid = second, LINES_A_SECOND, 0
        if self._left:
            self._left -= 1
            _log(logging.INFO, "job.completed", _about(ended))
        else:
            self._unsaid += 1


def _started(it: JobStarted) -> None:
    fields = {"task": it.task, "job": it.job_id, "queue": it.queue, "attempt": it.attempt}
    _log(logging.DEBUG, "job.started", fields)


def _went_otherwise(ended: JobEnded) -> None:
    fields = _about(ended)
    trace = None
    if ended.error is not None and ended.verdict in ("failed", "expired", "retry"):
        entry = json.loads(ended.error)
        fields["error"] = f"{entry.get('type')}: {entry.get('message')}"
        trace = entry.get("traceback")
    if ended.retry_in is not None:
        fields["again_in"] = round(ended.retry_in, 3)
    match ended.verdict:
        case "failed" | "expired":
            _log(logging.ERROR, f"job.{ended.verdict}", fields, trace)
        case "retry":
            _log(logging.WARNING, "job.retried", fields)
        case verdict:
            _log(logging.INFO, f"job.{verdict}", fields)


def _about(ended: JobEnded) -> dict[str, Any]:
    return {
        "task": ended.task,
        "job": ended.job_id,
        "queue": ended.queue,
        "attempt": ended.attempt,
        "seconds": round(ended.seconds, 4),
    }


def _write(signal: Signal) -> None:
    """Lines of everything that happens seldom."""
    match signal:
        case WorkerStarted(worker, queues, concurrency):
            facts = {"worker": worker, "queues": ",".join(queues), "concurrency": concurrency}
            _log(logging.INFO, "worker.started", facts)
        case WorkerIdle(worker):
            _log(logging.DEBUG, "worker.idle", {"worker": worker})
        case WorkerScaled(worker, concurrency):
            facts = {"worker": worker, "concurrency": concurrency}
            _log(logging.INFO, "worker.scaled", facts)
        case TasksPaused(worker, tasks):
            _log(logging.INFO, "tasks.paused", {"worker": worker, "tasks": ", ".join(tasks)})
        case WorkerPaused(worker):
            _log(logging.INFO, "worker.paused", {"worker": worker})
        case WorkerResumed(worker):
            _log(logging.INFO, "worker.resumed", {"worker": worker})
        case WorkerStopped(worker, given_back):
            _log(logging.INFO, "worker.stopped", {"worker": worker, "given_back": given_back})
        case WorkerDied(worker, pid, code, given_back):
            facts = {"worker": worker, "pid": pid, "exit_code": code, "given_back": given_back}
            _log(logging.ERROR, "worker.died", facts)
        case WorkerFailed(worker, error):
            _log(logging.ERROR, "worker.failed", {"worker": worker, "error": error})
        case WorkersSwept(workers, jobs):
            _log(logging.WARNING, "workers.swept", {"workers": workers, "jobs": jobs})
        case SchedulesStray(names):
            _log(logging.WARNING, "schedules.stray", {"names": ", ".join(names)})
        case LeaseLost(worker):
            _log(logging.WARNING, "lease.lost", {"worker": worker})
        case JobLost(job, fence):
            _log(logging.WARNING, "job.lost", {"job": job, "fence": fence})
        case DatabaseLost(role, error):
            _log(logging.WARNING, "database.lost", {"role": role, "error": error})
        case DatabaseBack(role, seconds):
            _log(logging.INFO, "database.back", {"role": role, "seconds": round(seconds, 3)})
        case DatabasePrivate(path):
            _log(logging.WARNING, "database.private", {"path": path})
        case NotificationsUnavailable(reason):
            _log(logging.WARNING, "notifications.unavailable", {"reason": reason})
        case PassFailed(name, error):
            _log(logging.WARNING, "pass.failed", {"name": name, "error": error})
        case StatementSlow(statement, role, seconds):
            facts = {"statement": statement, "role": role, "seconds": round(seconds, 3)}
            _log(logging.INFO, "statement.slow", facts)
        case Warned(kind, queue, text):
            _log(logging.WARNING, "warned", {"kind": kind, "queue": queue or "-", "text": text})
        case ListenerFailed(name, error):
            _log(logging.ERROR, "listener.failed", {"signal": name, "error": error})


def _write_unknown(signal: Signal) -> None:
    """Lines of names that cannot be placed."""
    match signal:
        case TaskUnknown(job, task, queue):
            _log(logging.WARNING, "task.unknown", {"task": task, "job": job, "queue": queue})
        case LimitUnknown(job, queue, limit, near):
            facts = {"limit": limit, "nearest": near or "-", "job": job, "queue": queue}
            _log(logging.WARNING, "limit.unknown", facts)
        case QueueUnknown(queue, near):
            _log(logging.WARNING, "queue.unknown", {"queue": queue, "nearest": near or "-"})


def _log(level: int, event: str, fields: Mapping[str, Any], detail: str | None = None) -> None:
    # logging.raiseExceptions and handlers that fail are the business of whoever set them up.
    if LOGGER.isEnabledFor(level):
        LOGGER.log(level, Line(event, fields, detail))


def _value(value: object) -> str:
    text = one_line(value, limit=LONGEST_VALUE)
    plain = text and not any(char in text for char in ' "=')
    return text if plain else json.dumps(text, ensure_ascii=False)
