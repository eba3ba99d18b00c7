"""Makes jobs claimable whose time has come."""

from __future__ import annotations

import time

from howdah._db import job as jobs
from howdah._worker.blocking_link import BlockingLink

BATCH = 1_000
LONGEST_PAUSE = 1.0
SHORTEST_PAUSE = 0.01
# Most passes look only at what became due lately, so as not to walk the dead entries of what was
# promoted long ago. A transaction may commit a job that is long due, so all are looked at too.
WITHIN = 15.0
FULL_EVERY = 5.0


class Promoter:
    """The pass that promotes."""

    def __init__(self, link: BlockingLink) -> None:
        self._link = link
        self._full_at = 0.0

    def run(self) -> float:
        """Promote all that is due. Returns the seconds until the next is."""
        now = time.monotonic()
        within: float | None = WITHIN
        if now >= self._full_at:
            within, self._full_at = None, now + FULL_EVERY
        while True:
            promoted, next_in = self._link.run(jobs.promote(limit=BATCH, within=within))
            if promoted < BATCH:
                break
        pause = LONGEST_PAUSE if next_in is None else next_in
        return min(max(pause, SHORTEST_PAUSE), LONGEST_PAUSE)
