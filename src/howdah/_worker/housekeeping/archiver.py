"""Makes day partitions ahead, drops those whose day is over, and tidies lanes and windows."""

from __future__ import annotations

from howdah._db import worker as workers
from howdah._worker.blocking_link import LONG, BlockingLink
from howdah._worker.settings import WorkerSettings

DAYS_AHEAD = 3
STRAYS_BATCH = 10_000
WINDOWS_BATCH = 10_000
EVERY = 600.0
# Somebody is in the tables.
WHEN_MISSED = 30.0
# There is more than one transaction should do.
WHEN_MORE = 1.0


class Archiver:
    """The pass that keeps the partitions."""

    def __init__(self, link: BlockingLink, settings: WorkerSettings) -> None:
        self._link = link
        self._settings = settings

    def run(self) -> float:
        """Make, drop and tidy once. Returns the seconds until the next."""
        log_days, sample_days = self._settings.log_days, self._settings.sample_days
        made, missed = self._link.run(workers.make_partitions(days=DAYS_AHEAD), deadline=LONG)
        over = workers.drop_partitions(log_days=log_days, sample_days=sample_days)
        self._link.run(over, deadline=LONG)
        strays = workers.delete_strays(
            log_days=log_days, sample_days=sample_days, limit=STRAYS_BATCH
        )
        deleted = self._link.run(strays, deadline=LONG)
        self._link.run(workers.dedupe_lanes(), deadline=LONG)
        while self._link.run(workers.prune_windows(limit=WINDOWS_BATCH)) == WINDOWS_BATCH:
            pass
        if deleted >= STRAYS_BATCH or (made and missed):
            return WHEN_MORE
        return WHEN_MISSED if missed else EVERY
