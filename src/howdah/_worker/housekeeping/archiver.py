"""Makes day partitions ahead, drops those whose day is over, and tidies the lanes."""

from __future__ import annotations

from howdah._db import worker as workers
from howdah._worker.blocking_link import BlockingLink
from howdah._worker.settings import WorkerSettings

DAYS_AHEAD = 3
EVERY = 3_600.0


class Archiver:
    """The pass that keeps the partitions."""

    def __init__(self, link: BlockingLink, settings: WorkerSettings) -> None:
        self._link = link
        self._settings = settings

    def run(self) -> float:
        """Make, drop and tidy once. Returns the seconds until the next."""
        self._link.run(workers.make_partitions(days=DAYS_AHEAD))
        self._link.run(workers.drop_partitions(log_days=self._settings.log_days))
        self._link.run(workers.dedupe_lanes())
        return EVERY
