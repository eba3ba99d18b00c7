"""Beats for workers: renews their leases from a thread that user code cannot hold up."""

from __future__ import annotations

import threading
from collections.abc import Callable

from howdah._db import worker as workers
from howdah._model.signals import PassFailed, Signals
from howdah._worker.blocking_link import BlockingLink
from howdah._worker.memory import resident
from howdah.errors import DatabaseError

# The first try after a failure comes soon, since the lease is running out meanwhile.
RETRY_AFTER = 0.25
# So long its end waits for an answer that is on its way.
LAST_WORD = 2.0


class Heartbeat:
    """A thread that beats four times in each lease for whoever is on its list."""

    def __init__(
        self,
        link: BlockingLink,
        signals: Signals,
        *,
        lease: float,
        lost: Callable[[int], None] | None = None,
    ) -> None:
        self._link = link
        self._signals = signals
        self._every = lease / 4
        self._lost = lost
        self._pids: dict[int, int] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="howdah heartbeat")

    def start(self) -> None:
        """Begin to beat."""
        self._thread.start()

    def add(self, worker_id: int, *, pid: int) -> None:
        """Beat for this worker too, which executes in that process; its lease has just begun."""
        with self._lock:
            self._pids[worker_id] = pid

    def remove(self, worker_id: int) -> None:
        """Beat for this worker no more."""
        with self._lock:
            self._pids.pop(worker_id, None)

    def stop(self) -> None:
        """End the thread. One that waits for an answer is left behind."""
        self._stop.set()
        self._thread.join(LAST_WORD)
        self._link.close()

    def _run(self) -> None:
        pause = self._every
        while not self._stop.wait(pause):
            try:
                self._beat()
                pause = self._every
            except DatabaseError:
                # The link has told.
                pause = min(RETRY_AFTER, self._every)
            except Exception as error:
                # Whatever it is, it must not end the thread: nobody else beats.
                self._signals.post(PassFailed("beat", str(error) or repr(error)))
                pause = min(RETRY_AFTER, self._every)

    def _beat(self) -> None:
        with self._lock:
            pids = dict(self._pids)
        if not pids:
            return
        memory = {worker_id: resident(pid) for worker_id, pid in pids.items()}
        alive = self._link.run(workers.beat(pids, memory=memory))
        for worker_id in pids.keys() - alive:
            self.remove(worker_id)
            if self._lost is not None:
                self._lost(worker_id)
