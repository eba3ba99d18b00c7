"""A job as its worker holds it: what the claim answered with."""

from __future__ import annotations

from typing import Any


class ClaimedJob:
    """One claim. Attributes are as the database gave them; JSON stays text until it is needed."""

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
            _,
        ) = row
