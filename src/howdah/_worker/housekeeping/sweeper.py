"""Gives back what dead workers held, ends attempts that no worker ends, lifts what nobody holds."""

from __future__ import annotations

import time

from howdah._db import job as jobs
from howdah._db import queue as queues
from howdah._db import quota as quotas
from howdah._db import worker as workers
from howdah._model.signals import Signals, WorkersSwept
from howdah._worker.blocking_link import LONG, BlockingLink
from howdah._worker.settings import WorkerSettings

# Looks at the whole live table, so seldom.
ORPHANS_EVERY = 60.0
EXPIRE_BATCH = 100
LIFT_BATCH = 1_000


class Sweeper:
    """The pass that sweeps."""

    def __init__(self, link: BlockingLink, settings: WorkerSettings, signals: Signals) -> None:
        self._link = link
        self._settings = settings
        self._signals = signals
        self._orphans_at = time.monotonic() + ORPHANS_EVERY

    def run(self) -> float:
        """Sweep once. Returns the seconds until the next."""
        limit = self._settings.crash_limit
        swept, given_back = self._link.run(workers.sweep(crash_limit=limit))
        self._link.run(jobs.expire(grace=self._settings.expire_grace, limit=EXPIRE_BATCH))
        while self._link.run(queues.lift(limit=LIFT_BATCH)) == LIFT_BATCH:
            pass
        if time.monotonic() >= self._orphans_at:
            self._orphans_at = time.monotonic() + ORPHANS_EVERY
            given_back += self._link.run(workers.sweep_orphans(crash_limit=limit), deadline=LONG)
            self._link.run(quotas.tidy(), deadline=LONG)
        if swept or given_back:
            self._signals.post(WorkersSwept(swept, given_back))
        return min(5.0, self._settings.lease / 6)
