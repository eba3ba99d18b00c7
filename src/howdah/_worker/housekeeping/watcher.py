"""Looks whether the clocks agree, tells the warnings of its process, and forgets old ones."""

from __future__ import annotations

import socket
import time

from howdah._db import doctor, warning
from howdah._db.steps import walk
from howdah._model.notice import Notice, WarningKind
from howdah._worker.blocking_link import BlockingLink
from howdah._worker.notices import Notices
from howdah._worker.settings import WorkerSettings

EVERY = 5.0
CLOCK_EVERY = 60.0
PRUNE_EVERY = 600.0


class Watcher:
    """The pass that warns."""

    def __init__(self, link: BlockingLink, settings: WorkerSettings, notices: Notices) -> None:
        self._link = link
        self._settings = settings
        self._notices = notices
        self._clock_at = 0.0
        self._prune_at = time.monotonic() + PRUNE_EVERY

    def run(self) -> float:
        """Look once, and tell. Returns the seconds until the next."""
        now = time.monotonic()
        if now >= self._clock_at:
            self._clock_at = now + CLOCK_EVERY
            self._compare_clocks()
        if self._notices.is_due():
            walk(self._notices.tell(), self._link.run)
        if now >= self._prune_at:
            self._prune_at = now + PRUNE_EVERY
            self._link.run(warning.prune(days=self._settings.sample_days))
        return EVERY

    def _compare_clocks(self) -> None:
        before = time.time()
        theirs = self._link.run(doctor.server()).clock
        after = time.time()
        # Nobody knows when within the round trip it was read.
        ahead = (before + after) / 2 - theirs
        if abs(ahead) - (after - before) / 2 <= self._settings.clock_skew:
            return
        host = socket.gethostname()
        which = "ahead of" if ahead > 0 else "behind"
        text = f"the clock of {host} is {abs(ahead):.1f} s {which} the database's"
        facts = {"host": host, "seconds": round(ahead, 3)}
        self._notices.add(Notice(WarningKind.CLOCK_SKEW, text, host, facts=facts))
