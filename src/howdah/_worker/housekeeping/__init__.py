"""What every worker does for all: expires, promotes, fires schedules, sweeps dead workers, keeps
partitions, takes samples, warns.

Each pass is safe on any number of workers at once, so nothing depends on a leader. A pass that
fails is told and comes again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from howdah._model.signals import PassFailed, Signals
from howdah._worker.blocking_link import BlockingLink
from howdah._worker.housekeeping.archiver import Archiver
from howdah._worker.housekeeping.deadlines import Deadlines
from howdah._worker.housekeeping.promoter import Promoter
from howdah._worker.housekeeping.sampler import Sampler
from howdah._worker.housekeeping.scheduler import Scheduler
from howdah._worker.housekeeping.sweeper import Sweeper
from howdah._worker.housekeeping.watcher import Watcher
from howdah._worker.notices import Notices
from howdah._worker.settings import WorkerSettings

LONGEST_NAP = 1.0
AFTER_FAILURE = 0.5
LONGEST_PAUSE = 2.0
# So long its end waits for a pass that is under way.
LAST_WORD = 2.0


class Housekeeper:
    """A thread that runs each pass when it is due."""

    def __init__(self, link: BlockingLink, settings: WorkerSettings, signals: Signals) -> None:
        self._link = link
        self._signals = signals
        notices = Notices(signals, slow=settings.slow_query)
        self._passes: dict[str, Callable[[], float]] = {
            # First, so that nobody promotes what is late.
            "deadline": Deadlines(link).run,
            "promote": Promoter(link).run,
            "schedule": Scheduler(link, signals).run,
            "sweep": Sweeper(link, settings, signals).run,
            "archive": Archiver(link, settings, notices).run,
            "sample": Sampler(link, settings, notices).run,
            "watch": Watcher(link, settings, notices).run,
        }
        self._due = dict.fromkeys(self._passes, 0.0)
        self._failed: dict[str, tuple[int, str]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="howdah housekeeper")

    def start(self) -> None:
        """Begin to keep house."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread after the pass it is in. One that takes long is left behind."""
        self._stop.set()
        self._thread.join(LAST_WORD)
        self._link.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            for name, run in self._passes.items():
                if time.monotonic() >= self._due[name] and not self._stop.is_set():
                    # From its end: what the pass found out may be due a moment before that much
                    # time has gone since its beginning, and would be missed by a look.
                    pause = self._guarded(name, run)
                    self._due[name] = time.monotonic() + pause
            nap = min(self._due.values()) - time.monotonic()
            self._stop.wait(min(max(nap, 0.0), LONGEST_NAP))

    def _guarded(self, name: str, run: Callable[[], float]) -> float:
        """Run a pass. Returns the seconds until the next."""
        try:
            pause = run()
        except Exception as error:
            # Whatever it is, it must not end the thread: the other passes go on. It is said once,
            # and tried again ever more seldom.
            said = str(error) or repr(error)
            if self._failed.get(name, (0, ""))[1] != said:
                self._signals.post(PassFailed(name, said))
            times = self._failed.get(name, (0, ""))[0] + 1
            self._failed[name] = (times, said)
            return float(min(AFTER_FAILURE * 2 ** min(times - 1, 10), LONGEST_PAUSE))
        self._failed.pop(name, None)
        return pause
