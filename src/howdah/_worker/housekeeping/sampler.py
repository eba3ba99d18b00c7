"""Takes a sample of all queues, once a minute, and warns of what it shows."""

from __future__ import annotations

from howdah._db import sample as samples
from howdah._db.sample import Standing
from howdah._model.notice import Notice, WarningKind
from howdah._worker.blocking_link import LONG, BlockingLink
from howdah._worker.notices import Notices
from howdah._worker.settings import WorkerSettings

# Every worker tries, and the first of a minute does it.
EVERY = 10.0


class Sampler:
    """The pass that samples."""

    def __init__(self, link: BlockingLink, settings: WorkerSettings, notices: Notices) -> None:
        self._link = link
        self._settings = settings
        self._notices = notices

    def run(self) -> float:
        """Take this minute's sample, unless somebody has. Returns the seconds until the next."""
        take = samples.take(crash_limit=self._settings.crash_limit)
        for standing in self._link.run(take, deadline=LONG):
            self._look_at(standing)
        return min(EVERY, self._settings.sample_every / 6)

    def _look_at(self, it: Standing) -> None:
        limit = self._settings.backlog if it.warn_backlog is None else it.warn_backlog
        if it.ready > limit:
            text = f"{it.ready:,} jobs of queue {it.queue!r} are ready, more than {limit:,}"
            facts = {"ready": it.ready, "limit": limit}
            kind = WarningKind.QUEUE_BACKLOG
            self._notices.add(Notice(kind, text, it.queue, it.queue, facts))
        if it.quarantined:
            text = f"{it.quarantined} jobs of queue {it.queue!r} failed: their workers kept dying"
            kind = WarningKind.JOBS_QUARANTINED
            facts = {"jobs": it.quarantined}
            self._notices.add(Notice(kind, text, it.queue, it.queue, facts, count=it.quarantined))
