"""Beats for workers: renews their leases from a thread that user code cannot hold up."""

from __future__ import annotations

import threading
from collections.abc import Callable

from howdah._db import worker as workers
from howdah._worker.blocking_link import BlockingLink
from howdah.errors import DatabaseError

# The first try after a failure comes soon, since the lease is running out meanwhile.
RETRY_AFTER = 0.25


class Heartbeat:
    """A thread that beats four times in each lease for whoever is on its list."""

    def __init__(
        self, link: BlockingLink, *, lease: float, lost: Callable[[int], None] | None = None
    ) -> None:
        self._link = link
        self._every = lease / 4
        self._lost = lost
        self._ids: set[int] = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="howdah heartbeat")

    def start(self) -> None:
        """Begin to beat."""
        self._thread.start()

    def add(self, worker_id: int) -> None:
        """Beat for this worker too; its lease has just begun."""
        with self._lock:
            self._ids.add(worker_id)

    def remove(self, worker_id: int) -> None:
        """Beat for this worker no more."""
        with self._lock:
            self._ids.discard(worker_id)

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join()
        self._link.close()

    def _run(self) -> None:
        pause = self._every
        while not self._stop.wait(pause):
            with self._lock:
                ids = set(self._ids)
            if not ids:
                continue
            try:
                alive = self._link.run(workers.beat(ids))
            except DatabaseError:
                pause = min(RETRY_AFTER, self._every)
                continue
            pause = self._every
            for worker_id in ids - alive:
                self.remove(worker_id)
                if self._lost is not None:
                    self._lost(worker_id)
