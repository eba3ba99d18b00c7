"""One process's worth of work: slots, claimer, finisher, listener and pulse, on one event loop.

It needs somebody who beats for it and keeps house: the supervisor for a child process, threads of
the same process for `app.lifespan(worker=True)`.
"""

from __future__ import annotations

import asyncio
import os
import socket

from howdah._db import worker as workers
from howdah._db.steps import walk_async
from howdah._model.signals import WorkerIdle, WorkerStarted, WorkerStopped
from howdah._worker.claimer import Claimer
from howdah._worker.executor import Executor
from howdah._worker.finisher import Finisher
from howdah._worker.intake import Intake
from howdah._worker.link import DEADLINE, Link
from howdah._worker.listener import Listener
from howdah._worker.marks import Marks
from howdah._worker.notices import Notices
from howdah._worker.orders import Orders
from howdah._worker.pools import Pools
from howdah._worker.pulse import Pulse
from howdah._worker.registration import register_limits, register_queues, register_worker
from howdah._worker.settings import WorkerSettings
from howdah._worker.shutdown import Departure
from howdah._worker.tally import Tally
from howdah._worker.tasks import AppLike

# When the worker must leave, the last outcomes have so long to reach the database.
LAST_FLUSH = 5.0


def identity() -> tuple[str, int]:
    """Host and pid, under which a worker is announced."""
    return socket.gethostname(), os.getpid()


def weights(app: AppLike, settings: WorkerSettings) -> dict[str, float]:
    """The queues to serve with their weights: as set, else every queue of the app's tasks."""
    return settings.queues or dict.fromkeys(app.queue_names, 1.0)


class Worker:
    """Executes jobs from `run` until `stop`."""

    def __init__(
        self,
        app: AppLike,
        url: str,
        settings: WorkerSettings,
        *,
        worker_id: int,
        marks: int | None = None,
        notices: Notices | None = None,
    ) -> None:
        self.worker_id = worker_id
        self.lease_lost = False
        self.asked_to_leave = False
        self._app = app
        self._settings = settings
        self._marks = Marks(marks, settings.concurrency)
        self._pools = Pools(settings.concurrency)
        self._links = _links(app, url, settings)
        tally = Tally(worker_id, every=settings.sample_every)
        self.finisher = Finisher(self._links["finish"], app.signals, tally, notices, self._flushed)
        self.executor = Executor(
            app.tasks,
            schema=app.schema,
            ledger=self.finisher.ledger,
            tally=tally,
            signals=app.signals,
            marks=self._marks,
            pools=self._pools,
            concurrency=settings.concurrency,
            queue_concurrency=settings.queue_concurrency,
            crash_limit=settings.crash_limit,
        )
        self.listener = Listener(self._links["claim"], app.signals, lambda: self.claimer.wake())
        self.claimer = self._new_claimer()
        self.pulse = Pulse(
            self._links["pulse"],
            self.executor,
            self.finisher.ledger,
            app.signals,
            worker_id=worker_id,
            lease=settings.lease,
            lost=self._lose_lease,
            obey=self._new_orders().obey,
        )
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()
        self._departure = Departure(
            self.executor, self.finisher.ledger, grace=settings.grace, hurry=self._hurry
        )

    def stop(self, *, now: bool = False) -> None:
        """Stop claiming and let handlers finish; or, with `now`, give everything back at once."""
        self.claimer.stop()
        if now:
            self._hurry.set()
        self._stopping.set()

    async def run(self) -> None:
        """Work until told to stop, then leave in order: finish, cancel, give back.

        Raises:
            Exception: A part of the worker failed, which is a defect of ours.
        """
        queues = tuple(weights(self._app, self._settings))
        self._app.signals.post(WorkerStarted(self.worker_id, queues, self._settings.concurrency))
        finishing = asyncio.create_task(self.finisher.run(), name="howdah finisher")
        given_back = 0
        try:
            async with asyncio.TaskGroup() as group:
                claiming = group.create_task(self.claimer.run(), name="howdah claimer")
                helpers = [group.create_task(self.pulse.run(), name="howdah pulse")]
                if self._settings.notifications:
                    helpers.append(group.create_task(self.listener.run(), name="howdah listener"))
                watching = group.create_task(self._watch(finishing), name="howdah watch")
                self.executor.slots.start()
                await self._stopping.wait()
                self.claimer.stop()
                await claiming
                given_back = await self._departure.run(lease_lost=self.lease_lost)
                watching.cancel()
                for helper in helpers:
                    helper.cancel()
        finally:
            await self._leave(finishing)
        self._app.signals.post(WorkerStopped(self.worker_id, given_back))

    async def abandon(self) -> None:
        """Interrupt the handlers that still run after `run` failed. Their jobs are others' to end.

        Raises:
            Exception: A slot failed, which is a defect of ours.
        """
        self._hurry.set()
        await self._departure.run(lease_lost=True)

    def _new_claimer(self) -> Claimer:
        return Claimer(
            self._links["claim"],
            self.executor.slots,
            Intake(self._app.tasks, self._settings, self.executor),
            self.finisher,
            self._settings,
            worker_id=self.worker_id,
            queues=weights(self._app, self._settings),
            hears=lambda: self.listener.works,
            lost=self._lose_lease,
            holds=self._holds,
            idle=lambda: self._app.signals.post(WorkerIdle(self.worker_id)),
        )

    def _new_orders(self) -> Orders:
        return Orders(
            self.worker_id,
            self.executor,
            self.claimer,
            marks=self._marks,
            pools=self._pools,
            signals=self._app.signals,
            leave=self._leave_as_asked,
        )

    def _leave_as_asked(self) -> None:
        self.asked_to_leave = True
        self.stop()

    def _flushed(self) -> None:
        self.executor.slots.poke()
        self.claimer.freed()

    def _holds(self) -> set[str]:
        """Every job that this process knows it has claimed and not yet told the outcome of."""
        return self.executor.holds() | self.finisher.holds()

    async def _watch(self, finishing: asyncio.Task[None]) -> None:
        """Fail with the finisher: without it nothing that runs here could be told."""
        await asyncio.shield(finishing)

    def _lose_lease(self) -> None:
        self.lease_lost = True
        self.stop(now=True)

    async def _leave(self, finishing: asyncio.Task[None]) -> None:
        """Tell the last outcomes and close everything."""
        self.finisher.stop()
        _, late = await asyncio.wait({finishing}, timeout=LAST_FLUSH + self._settings.grace)
        for task in late:
            task.cancel()
        await self._pools.close()
        for link in self._links.values():
            await link.close()
        self._marks.close()


def _links(app: AppLike, url: str, settings: WorkerSettings) -> dict[str, Link]:
    deadlines: dict[str, float] = {
        "claim": DEADLINE,
        "finish": DEADLINE,
        # What it asks is whether the lease stands: no answer must be noticed before it ends.
        "pulse": min(DEADLINE, settings.lease / 2),
    }
    # What hears also claims: the server's process that passes on a notification is awake already.
    hearing = [workers.listen()] if settings.notifications else []
    return {
        role: Link(
            url,
            app.schema,
            role=role,
            signals=app.signals,
            deadline=deadline,
            set_up=[workers.hurry(), *hearing] if role == "claim" else (),
        )
        for role, deadline in deadlines.items()
    }


async def announce(link: Link, app: AppLike, settings: WorkerSettings) -> int:
    """Announce this process as a worker. Returns the worker's id."""
    host, pid = identity()
    queues = list(weights(app, settings))
    await link.run(register_queues(app, queues))
    await walk_async(register_limits(app), link.run)
    return await link.run(
        register_worker(app, settings, queues=queues, host=host, pid=pid),
    )
