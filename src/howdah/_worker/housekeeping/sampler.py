"""Takes a sample of all queues, once a minute."""

from __future__ import annotations

from howdah._db import sample as samples
from howdah._worker.blocking_link import LONG, BlockingLink
from howdah._worker.settings import WorkerSettings

# Every worker tries, and the first of a minute does it.
EVERY = 10.0


class Sampler:
    """The pass that samples."""

    def __init__(self, link: BlockingLink, settings: WorkerSettings) -> None:
        self._link = link
        self._settings = settings

    def run(self) -> float:
        """Take this minute's sample, unless somebody has. Returns the seconds until the next."""
        self._link.run(samples.take(crash_limit=self._settings.crash_limit), deadline=LONG)
        return min(EVERY, self._settings.sample_every / 6)
