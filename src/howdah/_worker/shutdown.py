"""How a worker leaves: finish, then cancel, then give back.

Jobs that no slot has begun go back first, since another worker can have them at once. Handlers
that run have the grace time to finish. Then they are interrupted and their jobs given back, with
the attempt unspent. A handler may catch one interruption and go on, so it is repeated; one that
survives them all is left behind, and its job is given back without it.
"""

from __future__ import annotations

import asyncio

from howdah._model.outcome import Outcome, Verdict
from howdah._worker.executor import Executor
from howdah._worker.ledger import Ledger

INTERRUPTIONS = 6
BETWEEN = 0.5


class Departure:
    """The way out of one worker."""

    def __init__(
        self, executor: Executor, ledger: Ledger, *, grace: float, hurry: asyncio.Event
    ) -> None:
        self._executor = executor
        self._ledger = ledger
        self._grace = grace
        self._hurry = hurry

    async def run(self, *, lease_lost: bool) -> int:
        """Empty the slots. Returns how many jobs were given back.

        Args:
            lease_lost: The jobs are others' already, so nothing is given back.

        Raises:
            Exception: A slot failed, which is a defect of ours.
        """
        unbegun = self._executor.take_unbegun()
        given_back = 0
        if not lease_lost:
            for job in unbegun:
                self._ledger.settle(Outcome(job.id, job.fence, Verdict.RELEASED))
            given_back = len(unbegun)
        emptying = asyncio.create_task(self._executor.slots.stop(), name="howdah emptying")
        hurrying = asyncio.create_task(self._hurry.wait(), name="howdah hurry")
        try:
            await asyncio.wait(
                {emptying, hurrying}, timeout=self._grace, return_when=asyncio.FIRST_COMPLETED
            )
            given_back += await self._interrupt(emptying, "lost" if lease_lost else "shutdown")
        finally:
            hurrying.cancel()
        if emptying.done():
            emptying.result()
        else:
            given_back += self._leave_behind(emptying, lease_lost=lease_lost)
        return given_back

    async def _interrupt(self, emptying: asyncio.Task[None], why: str) -> int:
        """Interrupt what runs until the slots are empty, or it has been tried often enough."""
        given_back = 0
        for _ in range(INTERRUPTIONS):
            if emptying.done():
                break
            for running in list(self._executor.running.values()):
                if running.stop is None:
                    given_back += 1
                    self._executor.stop(running, why)
                else:
                    self._executor.slots.task(running.slot).cancel()
            await asyncio.wait({emptying}, timeout=BETWEEN)
        return given_back

    def _leave_behind(self, emptying: asyncio.Task[None], *, lease_lost: bool) -> int:
        """Give back the jobs of handlers that will not stop."""
        emptying.cancel()
        left = list(self._executor.running.values())
        if lease_lost:
            return 0
        for running in left:
            # Later claims raise the fence, so whatever the handler still reports is refused.
            self._ledger.settle(Outcome(running.job.id, running.job.fence, Verdict.RELEASED))
        return sum(running.stop != "shutdown" for running in left)
