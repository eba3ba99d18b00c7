"""A job as its worker holds it: what the claim answered with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


class ClaimedJob:
    """One claim. Attributes are as the database gave them; JSON stays text until it is needed.

    Attributes:
        told: What few jobs have to tell: in how many seconds the deadline is, then after a space
            the tick of the schedule, in seconds since 1970. None where there is neither.
    """

    __slots__ = (
        "args",
        "attempt",
        "crash_count",
        "expire_in",
        "fence",
        "held_at",
        "id",
        "key",
        "priority",
        "queue",
        "retry",
        "tags",
        "task",
        "told",
    )

    id: str
    fence: int
    attempt: int
    crash_count: int
    queue: str
    task: str
    priority: int
    args: str
    key: str | None
    tags: str | None
    expire_in: float | None
    held_at: float
    retry: str | None
    told: str | None

    def __init__(self, row: Any, held_at: float) -> None:
        self.held_at = held_at
        # The order of job/claim.sql. A plain tuple unpack is what this costs 50,000 times a second.
        (
            self.id,
            self.fence,
            self.attempt,
            self.crash_count,
            self.queue,
            self.task,
            self.priority,
            self.args,
            self.key,
            self.tags,
            self.expire_in,
            self.retry,
            self.told,
        ) = row

    @property
    def is_late(self) -> bool:
        """Whether it was claimed when its deadline had passed."""
        left = self.told.partition(" ")[0] if self.told is not None else ""
        return left != "" and float(left) <= 0

    @property
    def scheduled_for(self) -> datetime | None:
        """The tick of the schedule that sent it."""
        tick = self.told.partition(" ")[2] if self.told is not None else ""
        return datetime.fromtimestamp(int(tick), UTC) if tick else None
