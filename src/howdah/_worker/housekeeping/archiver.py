"""Makes day partitions ahead, drops those that are over, and tidies lanes, hints, windows, keys."""

from __future__ import annotations

import time

from howdah._db import by_hand
from howdah._db import queue as queues
from howdah._db import worker as workers
from howdah._model.notice import Notice, WarningKind
from howdah._worker.blocking_link import LONG, BlockingLink
from howdah._worker.notices import Notices
from howdah._worker.settings import WorkerSettings

DAYS_AHEAD = 3
STRAYS_BATCH = 10_000
WINDOWS_BATCH = 10_000
KEYS_BATCH = 1_000
EVERY = 600.0
# Somebody is in the tables.
WHEN_MISSED = 30.0
# There is more than one transaction should do.
WHEN_MORE = 1.0
# A dump holds them for a while, which is nothing to be warned of.
MISSED_FOR_LONG = 600.0


class Archiver:
    """The pass that keeps the partitions."""

    def __init__(self, link: BlockingLink, settings: WorkerSettings, notices: Notices) -> None:
        self._link = link
        self._settings = settings
        self._notices = notices
        self._missed_since: float | None = None

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
        self._link.run(by_hand.forget_hints(), deadline=LONG)
        while self._link.run(workers.prune_windows(limit=WINDOWS_BATCH)) == WINDOWS_BATCH:
            pass
        self._free_keys()
        if deleted >= STRAYS_BATCH or (made and missed):
            return WHEN_MORE
        self._warn(missed)
        return WHEN_MISSED if missed else EVERY

    def _free_keys(self) -> None:
        """Let keys go on whose failed job was dropped with its day, and tell of each."""
        for queue, key, job_id in self._link.run(queues.free_keys(limit=KEYS_BATCH)):
            text = (
                f"job {job_id} of queue {queue!r} blocks key {key!r} no more: it had failed, and is"
                " not kept any longer"
            )
            facts = {"key": key, "job_id": job_id}
            self._notices.add(Notice(WarningKind.KEY_FREED, text, f"{queue}/{key}", queue, facts))

    def _warn(self, missed: int) -> None:
        """Warn when partitions have been missing for long."""
        now = time.monotonic()
        if not missed:
            self._missed_since = None
            return
        since = self._missed_since = self._missed_since or now
        if now - since >= MISSED_FOR_LONG:
            text = f"{missed} day partitions cannot be made: some transaction holds the tables"
            kind = WarningKind.PARTITION_MISSED
            self._notices.add(Notice(kind, text, facts={"missed": missed}))
