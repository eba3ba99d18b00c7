"""Asks once a second what the worker must know: whether its lease stands, and what is asked of it.

When the database has not answered for as long as the lease lasts, somebody else may be running our
jobs by now. Their handlers are stopped then, so that two never run one job for long.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from howdah._db import job as jobs
from howdah._db.job import Requests
from howdah._model.outcome import Outcome, Verdict
from howdah._model.signals import LeaseLost, Signals
from howdah._worker.executor import Executor
from howdah._worker.ledger import Ledger
from howdah._worker.link import Link
from howdah.errors import DatabaseError

EVERY = 1.0
# Whatever was claimed ahead is begun within so long, or given back.
LONGEST_WAIT = 1.5


class Pulse:
    """Watches the lease and hears cancellations."""

    def __init__(
        self,
        link: Link,
        executor: Executor,
        ledger: Ledger,
        signals: Signals,
        *,
        worker_id: int,
        lease: float,
        lost: Callable[[], None],
        obey: Callable[[Requests], bool],
    ) -> None:
        self._link = link
        self._executor = executor
        self._ledger = ledger
        self._signals = signals
        self._worker_id = worker_id
        self._lease = lease
        self._lost = lost
        self._obey = obey

    async def run(self) -> None:
        """Ask until cancelled, or until the lease is lost."""
        answered = time.monotonic()
        every = min(EVERY, self._lease / 6)
        while True:
            self._give_back_unbegun()
            asked = time.monotonic()
            try:
                said = await self._link.run(jobs.requests(self._worker_id))
            except DatabaseError:
                if time.monotonic() - answered > self._lease:
                    self._give_everything_back()
                await self._link.pause()
                continue
            answered = asked
            if not said.is_leased:
                self._signals.post(LeaseLost(self._worker_id))
                self._stop_all("lost")
                self._lost()
                return
            if self._obey(said):
                self._release_unbegun()
            for job_id, fence in said.cancelled:
                running = self._executor.running.get(job_id)
                if running is not None and running.job.fence == fence:
                    self._executor.stop(running, "cancelled")
                for job in self._executor.take(job_id):
                    # Whoever is asked to stop and given back is cancelled.
                    self._ledger.settle(Outcome(job.id, job.fence, Verdict.RELEASED))
            await asyncio.sleep(every)

    def _give_back_unbegun(self) -> None:
        """Give back what has been held ready for too long, since the slots have become slow.

        It was claimed for slots that were quick until then. Another worker can have it now, and
        its time limit, which runs from the claim, must not pass while it waits here.
        """
        self._release_unbegun(held_before=time.monotonic() - LONGEST_WAIT)

    def _release_unbegun(self, *, held_before: float | None = None) -> None:
        for job in self._executor.take_unbegun(held_before=held_before):
            self._ledger.settle(Outcome(job.id, job.fence, Verdict.RELEASED))

    def _give_everything_back(self) -> None:
        """Stop what runs, and tell that it is given back as soon as somebody hears it.

        The claims may still be ours, as when the database was away from everybody: then nobody
        else would ever give them back. If they are not, what we tell is refused.
        """
        self._release_unbegun()
        self._stop_all("unreachable")

    def _stop_all(self, why: str) -> None:
        for running in list(self._executor.running.values()):
            self._executor.stop(running, why)
