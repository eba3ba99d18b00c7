"""Tells the database how attempts ended, many at a time.

While one flush is on its way the next one gathers, so batches grow with the load and a lone
outcome leaves at once. An outcome is kept until the database has said yes, and repeated as it is
after a reconnect: `(id, fence)` makes that safe. The answer says which were applied; one that was
not is lost, unless it was applied before and only the answer went missing.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from operator import attrgetter

from howdah._db import job as jobs
from howdah._db import quota as quotas
from howdah._db import worker as workers
from howdah._db.job import Applied
from howdah._db.query import Query
from howdah._db.steps import Steps, walk_async
from howdah._model.nearest import nearest
from howdah._model.outcome import Outcome, Verdict
from howdah._model.signals import JobLost, LimitUnknown, PassFailed, Signals
from howdah._worker.ledger import Ledger
from howdah._worker.link import Link
from howdah._worker.notices import Notices
from howdah._worker.tally import Tally
from howdah.errors import DatabaseError, DatabaseUnreachableError, HowdahError, PayloadError

BATCH = 1_000
REPORT_EVERY = 0.25
# What a transaction of somebody else holds is tried again after so long.
LATER = 0.5
LOCK_NOT_AVAILABLE = "55P03"
SHORT_DELAY = 1.5
# A worker that leaves waits so long for its last counts to be written.
LAST_COUNT = 2.0


class Finisher:
    """Carries a ledger's entries to the database until it is stopped and the ledger is empty."""

    def __init__(
        self,
        link: Link,
        signals: Signals,
        tally: Tally,
        notices: Notices | None,
        flushed: Callable[[], None],
    ) -> None:
        self._notices = notices
        self._flushed = flushed
        self._tally = tally
        self.ledger = Ledger(self._wake)
        self._batch: list[Outcome] = []
        self._aside: dict[str, Outcome] = {}
        self._link = link
        self._signals = signals
        self._woken = asyncio.Event()
        self._stopping = False
        self._promotion_due = False

    @property
    def pending(self) -> int:
        """Outcomes that the database has not said yes to."""
        return len(self.ledger.outcomes) + len(self._batch) + len(self._aside)

    def holds(self) -> set[str]:
        """The jobs of those outcomes."""
        told = (*self.ledger.outcomes, *self._batch, *self._aside.values())
        return {outcome.job_id for outcome in told}

    async def run(self) -> None:
        """Flush until `stop`, then once more until nothing is left."""
        while not (self._stopping and not self.pending and not self.ledger.has_reports()):
            if not self.ledger.outcomes:
                await self._rest()
            batch = self._batch = self.ledger.take_outcomes(BATCH)
            try:
                if self._promotion_due and not self._stopping:
                    await self._promote()
                await self._report()
                if batch:
                    await self._flush(batch)
                if self._tally.is_due():
                    await self._try("count", self._tally.write())
                if self._notices is not None and self._notices.is_due():
                    await self._try("warn", self._notices.tell())
            finally:
                self._batch = []
                self._flushed()
        if self._tally.is_due(last=True):
            await self._count_for_the_last_time()

    def stop(self) -> None:
        """End `run` once everything is told."""
        self._stopping = True
        self._woken.set()

    def _wake(self) -> None:
        self._woken.set()

    async def _rest(self) -> None:
        """Wait for an outcome, or for the time at which reports are due."""
        self._woken.clear()
        if self.ledger.outcomes or self._promotion_due or (self._stopping and not self._aside):
            return
        try:
            async with asyncio.timeout(REPORT_EVERY):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _report(self) -> None:
        """Tell what handlers logged. Before the outcomes, so that a finished job's log is whole."""
        if not self.ledger.has_reports():
            return
        lines, progress = self.ledger.take_reports()
        try:
            if lines:
                await self._link.run(workers.write_log(lines))
            if progress:
                await self._link.run(jobs.progress(progress))
        except Exception as error:
            # Lines may be lost, jobs may not: they neither wait for the log nor fall with it.
            self._signals.post(PassFailed("log", str(error)))
            if isinstance(error, DatabaseError) and self._stopping:
                self.ledger.take_reports()

    async def _try(self, name: str, steps: Steps[None]) -> None:
        """Write counts or warnings, which may be late or lost. Jobs may not."""
        try:
            await walk_async(steps, self._link.run)
        except DatabaseError:
            # The link has told, and it is written again.
            return
        except HowdahError as error:
            self._signals.post(PassFailed(name, str(error)))

    async def _count_for_the_last_time(self) -> None:
        try:
            async with asyncio.timeout(LAST_COUNT):
                await self._try("count", self._tally.write())
        except TimeoutError:
            # Nobody must wait for counts.
            return

    async def _flush(self, batch: list[Outcome]) -> None:
        settled = [o for o in batch if o.verdict is Verdict.SETTLED]
        final = [o for o in batch if o.verdict.is_final]
        back = [o for o in batch if not o.verdict.is_final and o.verdict is not Verdict.SETTLED]
        if final:
            await self._tell(final, jobs.finish)
        if back:
            await self._block(back)
            await self._tell(back, jobs.put_back)
            self._promote_soon(back)
        if settled:
            await self._check_settled(settled)

    async def _block(self, outcomes: list[Outcome]) -> None:
        """Make what waits with rate-limited jobs wait, before their slots are free again."""
        for outcome in outcomes:
            if outcome.verdict is Verdict.RATE_LIMITED:
                query = quotas.block(
                    outcome.delay or 0, queue=outcome.queue or "", name=outcome.limit
                )
                try:
                    limits = await self._link.run(query)
                    if limits is not None and (name := outcome.limit) is not None:
                        near, queue = nearest(name, limits), outcome.queue or ""
                        self._signals.post(LimitUnknown(outcome.job_id, queue, name, near))
                except HowdahError as error:
                    # The job itself comes back later all the same; others may be sent away again.
                    self._signals.post(PassFailed("block", str(error)))

    def _promote_soon(self, outcomes: list[Outcome]) -> None:
        """See to it that a short delay is short.

        Housekeeping looks once a second at the least, which is late for a retry after 50 ms. So
        whoever puts a job back for less than that also looks when its time has come.
        """
        delays = [o.delay for o in outcomes if o.delay is not None and o.delay < SHORT_DELAY]
        if delays:
            asyncio.get_running_loop().call_later(min(delays) + 0.002, self._set_promotion_due)

    def _set_promotion_due(self) -> None:
        self._promotion_due = True
        self._woken.set()

    async def _promote(self) -> None:
        self._promotion_due = False
        try:
            await self._link.run(jobs.promote(limit=BATCH, within=2 * SHORT_DELAY))
        except DatabaseError:
            # Housekeeping will do it.
            return

    async def _tell(
        self, outcomes: list[Outcome], verb: Callable[[Sequence[Outcome]], Query[Applied]]
    ) -> None:
        """Run one statement until the database has answered it."""
        # Whoever locks many jobs does so by id, so that no two can wait for each other.
        outcomes = sorted(outcomes, key=attrgetter("job_id"))
        is_repeat = False
        while outcomes:
            try:
                applied = await self._link.run(verb(outcomes))
            except PayloadError as error:
                await self._tell_apart(outcomes, verb, error)
                return
            except HowdahError as error:
                if getattr(error, "sqlstate", None) == LOCK_NOT_AVAILABLE:
                    outcomes = await self._set_aside(outcomes)
                    continue
                # Unreachable, a deadlock, a full disk: none of it is the jobs' fault.
                is_repeat = True
                if not isinstance(error, DatabaseUnreachableError):
                    self._signals.post(PassFailed("finish", str(error)))
                await self._link.pause()
            else:
                if applied.ids is not None:
                    await self._mourn(outcomes, applied.ids, is_repeat=is_repeat)
                return

    async def _set_aside(self, outcomes: list[Outcome]) -> list[Outcome]:
        """Keep for later what a transaction of somebody else holds; return the others."""
        free = await self._persist(lambda: self._link.run(jobs.free(outcomes)))
        for outcome in outcomes:
            if outcome.job_id not in free:
                self._aside[outcome.job_id] = outcome
                asyncio.get_running_loop().call_later(LATER, self._take_up, outcome)
        return [outcome for outcome in outcomes if outcome.job_id in free]

    def _take_up(self, outcome: Outcome) -> None:
        self._aside.pop(outcome.job_id, None)
        self.ledger.settle(outcome)

    async def _tell_apart(
        self,
        outcomes: list[Outcome],
        verb: Callable[[Sequence[Outcome]], Query[Applied]],
        error: PayloadError,
    ) -> None:
        """Part a batch that the database refused, until the one it refuses stands alone.

        One value that cannot be stored must neither hold back the others nor leave its own job
        running for ever: that job fails, and says why.
        """
        if len(outcomes) > 1:
            middle = len(outcomes) // 2
            await self._tell(outcomes[:middle], verb)
            await self._tell(outcomes[middle:], verb)
            return
        outcome = outcomes[0]
        why: str | None = json.dumps({"type": type(error).__name__, "message": str(error)})
        if outcome.error == why:
            # Not even that can be stored, which no value of ours explains: say it, and go on.
            self._signals.post(PassFailed("finish", str(error)))
            why = None
        await self._tell(
            [Outcome(outcome.job_id, outcome.fence, Verdict.FAILED, error=why)], jobs.finish
        )

    async def _mourn(
        self, outcomes: list[Outcome], applied: frozenset[str], *, is_repeat: bool
    ) -> None:
        """Say which outcomes came too late."""
        missing = [o for o in outcomes if o.job_id not in applied]
        if is_repeat and missing:
            known = await self._persist(
                lambda: self._link.run(jobs.settled([(o.job_id, o.fence) for o in missing]))
            )
            missing = [o for o in missing if o.job_id not in known]
        for outcome in missing:
            self._signals.post(JobLost(outcome.job_id, outcome.fence))

    async def _check_settled(self, outcomes: list[Outcome]) -> None:
        """See whether what handlers completed in their own transactions was committed.

        A handler whose transaction rolled back after `ctx.complete` has had no effect, so the job
        must not count as completed: it is tried again.
        """
        known = await self._persist(
            lambda: self._link.run(jobs.settled([(o.job_id, o.fence) for o in outcomes]))
        )
        undone = [
            Outcome(o.job_id, o.fence, Verdict.RETRY, error=o.error, delay=o.delay)
            if o.delay is not None
            else Outcome(o.job_id, o.fence, Verdict.FAILED, error=o.error)
            for o in outcomes
            if o.job_id not in known
        ]
        final = [o for o in undone if o.verdict.is_final]
        back = [o for o in undone if not o.verdict.is_final]
        if final:
            await self._tell(final, jobs.finish)
        if back:
            await self._tell(back, jobs.put_back)

    async def _persist(self, ask: Callable[[], Awaitable[frozenset[str]]]) -> frozenset[str]:
        """Ask until the database answers."""
        while True:
            try:
                return await ask()
            except DatabaseError:
                await self._link.pause()
