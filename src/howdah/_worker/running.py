"""A handler that is running, for those who want it to stop."""

from __future__ import annotations

import asyncio

from howdah._worker.claimed import ClaimedJob
from howdah._worker.context import Context


class Running:
    """One attempt that is under way."""

    __slots__ = ("context", "job", "slot", "stop", "timer")

    def __init__(self, job: ClaimedJob, slot: int, context: Context) -> None:
        self.job = job
        self.slot = slot
        self.context = context
        self.stop: str | None = None
        self.timer: asyncio.TimerHandle | None = None
