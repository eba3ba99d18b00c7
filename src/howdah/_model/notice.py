"""What a worker warns of: something that does not stop it, and that somebody should know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class WarningKind(StrEnum):
    """What a warning is about."""

    SLOW_QUERY = "slow_query"
    QUEUE_BACKLOG = "queue_backlog"
    CLOCK_SKEW = "clock_skew"
    LISTEN_NOTIFY_UNAVAILABLE = "listen_notify_unavailable"
    PARTITION_MISSED = "partition_missed"
    KEY_FREED = "key_freed"
    JOBS_QUARANTINED = "jobs_quarantined"
    TASK_UNKNOWN = "task_unknown"
    WORKER_DIED = "worker_died"
    WORKERS_SWEPT = "workers_swept"
    PASS_FAILED = "pass_failed"
    LISTENER_FAILED = "listener_failed"


@dataclass(frozen=True, slots=True)
class Notice:
    """One warning, as the worker that found it says it.

    Attributes:
        subject: Which of its kind: a queue, a statement, a host. Empty where there is only one.
        count: So many times.
    """

    kind: WarningKind
    text: str
    subject: str = ""
    queue: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    count: int = 1
