"""Claims jobs for the slots of one worker, and decides when to look.

How many: what the slots have room for, and beside that as many as this process is seen to finish
in the time of a round trip or so. A worker of slow jobs holds none that another could run; a
worker of quick ones is never without.

When: as soon as there is room and the last look found enough; else when a notification comes, and
in any case after a while. An idle worker says so (`rest`), and senders notify only while somebody
is idle. A sender may have looked just before the worker said so and commit just after: so a worker
that has become idle looks again after 2, 5, 10, 25, 50 and 100 ms before it trusts in being told.
From then on it looks once for what it is told of, for as long as it says that it is idle.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable, Sequence
from functools import partial

from howdah._db import job as jobs
from howdah._db import worker as workers
from howdah._db.query import Query, Row
from howdah._model.outcome import Outcome, Verdict
from howdah._worker import failure
from howdah._worker.claimed import ClaimedJob
from howdah._worker.finisher import Finisher
from howdah._worker.intake import Intake
from howdah._worker.link import Link
from howdah._worker.settings import WorkerSettings
from howdah._worker.slots import Slots
from howdah.errors import DatabaseError

# The row of a claim that tells of lines, and not of a lane.
LINE = "line"
MOST_LOOKS_ON = 20
LADDER = (0.002, 0.005, 0.010, 0.025, 0.050, 0.100)
# Whoever cannot hear looks more often for a while after there was work.
DEAF_LADDER = (*LADDER, 0.25, 0.25, 0.25, 0.25)
ROUND_TRIP = 0.015
FULL_SCAN_EVERY = 60.0
MOST_PENDING = 3_000
# What claim.sql raises when the worker is not known any more.
LEASE_LOST = "HW007"
# After a claim whose answer never came: when to look for jobs it claimed all the same. The second
# look is for a claim that the server went on with after the connection had gone.
LOOKS = (0.0, 10.0)


class Claimer:
    """Keeps the slots supplied."""

    def __init__(
        self,
        link: Link,
        slots: Slots,
        intake: Intake,
        finisher: Finisher,
        settings: WorkerSettings,
        *,
        worker_id: int,
        queues: dict[str, float],
        hears: Callable[[], bool],
        lost: Callable[[], None],
        holds: Callable[[], set[str]],
        idle: Callable[[], None],
    ) -> None:
        self._link = link
        self._slots = slots
        self._intake = intake
        self._finisher = finisher
        self._settings = settings
        self._worker_id = worker_id
        self._queues = queues
        self._hears = hears
        self._lost = lost
        self._holds = holds
        self._idle = idle
        self._has_worked = False
        self._looks_due: list[float] = []
        self._woken = asyncio.Event()
        self._hints: dict[tuple[str, int], str] = {}
        self._served: dict[str, dict[int, str]] = {}
        self._held_up = False
        self._unfinished = False
        self._looks_on = 0
        #: Looks in a row that found nothing.
        self.vain_looks = 0
        self._opens_in: float | None = None
        self._scanned_at = time.monotonic()
        self._opened = 0
        self._resting = False
        self._rested: list[str] = []
        self._rung = 0
        self._rate = 0.0
        self._rated_at = time.monotonic()
        self._rated_done = 0
        self._stopping = False
        self._may_begin = False
        self.is_paused = False

    def wake(self) -> None:
        """There may be something to claim."""
        self._woken.set()
        self._slots.poke()

    def begin(self) -> None:
        """Claim from now on: what is asked of this worker, and what is paused, is known."""
        if not self._may_begin:
            self._may_begin = True
            self._slots.poke()

    def pause(self) -> None:
        """Claim nothing until `resume`."""
        self.is_paused = True
        self._woken.set()

    def resume(self) -> None:
        """Claim again."""
        self.is_paused = False
        self._slots.poke()

    def freed(self) -> None:
        """Outcomes were told: what held up others here may be free."""
        self.vain_looks = 0
        if self._held_up:
            self._held_up = False
            self._woken.set()

    def stop(self) -> None:
        """Claim nothing more."""
        self._stopping = True
        self._woken.set()
        self._slots.poke()

    async def run(self) -> None:
        """Claim until `stop`, or until this worker is found to be taken for dead."""
        while not self._stopping:
            self._slots.look_for_room()
            room = self._room()
            if room <= 0:
                await self._rise()
                await self._slots.wait_for_room()
                continue
            self._woken.clear()
            try:
                await self._look_for_strays()
                is_filled = await self._claim(room)
            except DatabaseError as error:
                if error.sqlstate == LEASE_LOST:
                    self._lost()
                    return
                self._hints.clear()
                self._looks_due = [time.monotonic() + after for after in LOOKS]
                await self._link.pause()
                continue
            if is_filled:
                self._looks_on = 0
                await self._rise()
            elif self._unfinished and self._looks_on < MOST_LOOKS_ON:
                # Very many lines are held up, and some were not looked at.
                self._looks_on += 1
            else:
                self._looks_on = 0
                self._intake.nothing_more()
                self._say_if_idle()
                await self._wait()

    def _say_if_idle(self) -> None:
        """Tell once that what there was to do is done."""
        if self._has_worked and not self._intake.holds_any() and not self._finisher.pending:
            self._has_worked = False
            self._idle()

    def _room(self) -> int:
        """How many jobs to ask for."""
        if self._finisher.pending > MOST_PENDING or self.is_paused or not self._may_begin:
            return 0
        ahead = min(int(self._measured_rate() * ROUND_TRIP), self._settings.prefetch_max)
        wanted = self._slots.count + ahead - self._slots.held
        # Small top-ups cost as much as large ones: wait until a good part is gone.
        return wanted if wanted >= (self._slots.count + ahead) // 2 or not ahead else 0

    def _measured_rate(self) -> float:
        """Jobs a second that the slots have lately finished."""
        now, done = time.monotonic(), self._slots.done
        if (elapsed := now - self._rated_at) >= 0.01:
            rate = (done - self._rated_done) / elapsed
            self._rate = rate if rate > self._rate else 0.7 * self._rate + 0.3 * rate
            self._rated_at, self._rated_done = now, done
        return self._rate

    async def _claim(self, room: int) -> bool:
        """Claim once. Returns whether as many were found as were asked for."""
        is_filled = False
        self.vain_looks += 1
        self._held_up, self._opens_in, self._unfinished = False, None, False
        for ask in self._intake.asks(self._order()):
            limit = ask.limit(room)
            if limit <= 0:
                continue
            rows = await self._link.ask(partial(self._query, ask.queues, limit))
            if found := self._hand_out(rows):
                if not self._resting:
                    self._rung = 0
                self.vain_looks = 0
                self._has_worked = True
                room -= ask.handlers_for(found)
            is_filled = is_filled or found >= limit
        return is_filled

    def _query(self, queues: Sequence[str], limit: int) -> Query[Sequence[Row]]:
        """The claim, for the connection that is open now."""
        self._look_at_connection()
        now = time.monotonic()
        if now - self._scanned_at > FULL_SCAN_EVERY:
            # As a belt to the reasoning in claim.sql, a look without any hint now and then.
            self._hints.clear()
            self._scanned_at = now
        return jobs.claim(
            queues=queues,
            limit=limit,
            worker_id=self._worker_id,
            hints=self._hints.values(),
            served=json.dumps(self._served) if self._served else None,
            lowest=self._settings.min_priority,
            highest=self._settings.max_priority,
        )

    def _look_at_connection(self) -> None:
        if self._link.opened != self._opened:
            # A hint belongs to one run of the server: a crash may bring back rows below it. That no
            # crash came between is known only while a connection lasts. The idle lock is its own.
            self._hints.clear()
            self._opened = self._link.opened
            self._resting = False

    async def _look_for_strays(self) -> None:
        """Give back jobs that count as ours and that nobody here has heard of.

        A claim may have been carried out though its answer never came. Its jobs would stay active
        for as long as this worker beats.
        """
        if not self._looks_due or time.monotonic() < self._looks_due[0]:
            return
        held = await self._link.run(jobs.held(self._worker_id))
        known = self._holds()
        for job_id, fence in held:
            if job_id not in known:
                self._finisher.ledger.settle(Outcome(job_id, fence, Verdict.RELEASED))
        self._looks_due.pop(0)

    def _hand_out(self, rows: Sequence[Row]) -> int:
        found = 0
        now = time.monotonic()
        offer = self._intake.offer
        for row in rows:
            if row[0] is not None:
                found += 1
                job = ClaimedJob(row, now)
                if job.told is not None and job.is_late:
                    self._expire(job)
                else:
                    offer(job)
            elif row[5] == LINE:
                self._look_back_at(row)
            else:
                self._hints[row[4], row[6]] = row[12]
        return found

    def _expire(self, job: ClaimedJob) -> None:
        """End a job that was claimed after its deadline, before housekeeping came by."""
        entry = failure.plain_entry("DeadlinePassed", "it had not begun by its deadline", job)
        self._finisher.ledger.settle(Outcome(job.id, job.fence, Verdict.EXPIRED, error=entry))

    def _look_back_at(self, row: Row) -> None:
        """Remember which line was served last, and whether others were held up."""
        self._served.setdefault(row[4], {})[row[6]] = row[12]
        self._held_up = self._held_up or bool(row[2])
        self._unfinished = self._unfinished or bool(row[3])
        if row[10] is not None:
            self._opens_in = min(row[10], self._opens_in or row[10])

    def _order(self) -> list[str]:
        """The queues in the order to look at: by chance, as their weights say."""
        if len(self._queues) == 1:
            return list(self._queues)
        # Efraimidis and Spirakis, "Weighted random sampling with a reservoir", 2006: the keys
        # u ** (1 / w) in falling order draw without replacement in proportion to the weights.
        drawn = {name: random.random() ** (1 / weight) for name, weight in self._queues.items()}
        return sorted(drawn, key=lambda name: drawn[name], reverse=True)

    async def _wait(self) -> None:
        """Wait until there may be something to claim."""
        idle = [queue for queue in self._queues if queue not in self._intake.full]
        if self._resting and idle != self._rested:
            await self._rise()
        if not self._resting and idle and self._hears() and not self._link.is_pooled:
            self._rested = idle
            try:
                await self._link.ask(self._rest)
                self._resting = True
                self._rung = 0
            except DatabaseError:
                await self._link.pause()
        ladder = LADDER if self._resting else DEAF_LADDER
        if self._rung < len(ladder):
            pause = ladder[self._rung]
            self._rung += 1
        else:
            pause = self._settings.poll * random.uniform(0.8, 1.0)
        if self._opens_in is not None:
            # A window of a rate opens, which nobody notifies of.
            pause = min(pause, max(self._opens_in, LADDER[0]))
        try:
            async with asyncio.timeout(pause):
                if self._intake.full:
                    # What ends may make room in a queue that is full. `wake` is heard there too.
                    await self._slots.wait_for_room()
                else:
                    await self._woken.wait()
        except TimeoutError:
            return

    def _rest(self) -> Query[None]:
        self._look_at_connection()
        return workers.rest(self._rested)

    async def _rise(self) -> None:
        """Stop saying that this worker is idle."""
        if self._resting:
            self._resting = False
            try:
                await self._link.run(workers.rise(self._rested))
            except DatabaseError:
                await self._link.pause()
