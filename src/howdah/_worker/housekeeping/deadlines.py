"""Expires jobs that have not begun by their deadline."""

from __future__ import annotations

from howdah._db import job as jobs
from howdah._worker.blocking_link import BlockingLink

BATCH = 1_000
EVERY = 1.0


class Deadlines:
    """The pass that expires what is late."""

    def __init__(self, link: BlockingLink) -> None:
        self._link = link

    def run(self) -> float:
        """Expire all that is late. Returns the seconds until the next pass."""
        while self._link.run(jobs.expire_late(limit=BATCH)) == BATCH:
            pass
        return EVERY
