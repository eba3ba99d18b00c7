"""A worker inside a web process: `app.lifespan(worker=True)`.

The same worker as in a child of `howdah worker`, on the loop of the app that hosts it, with beats
and housekeeping on threads. For small services; a handler that holds the GIL also holds up the
web, and there is no supervisor to start a new process when this one dies.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from howdah._db import migrate
from howdah._db import worker as workers
from howdah._db.steps import walk_async
from howdah._model.signals import WorkerFailed
from howdah._worker.blocking_link import DEADLINE, BlockingLink
from howdah._worker.heartbeat import Heartbeat
from howdah._worker.housekeeping import Housekeeper
from howdah._worker.link import Link
from howdah._worker.registration import look_at_queues, register_schedules
from howdah._worker.settings import WorkerSettings
from howdah._worker.tasks import AppLike
from howdah._worker.worker import Worker, announce
from howdah.errors import HowdahError

# A worker that failed so soon may fail again, so the next one is started after a pause.
SHORT_LIFE = 5.0
PAUSE = 1.0


class Hosts(AppLike, Protocol):
    """An app that knows where its database is."""

    @property
    def database_url(self) -> str: ...


@asynccontextmanager
async def working(app: Hosts, settings: WorkerSettings | None = None) -> AsyncIterator[None]:
    """Run a worker while the block runs; leave in order when it ends.

    Raises:
        DatabaseError: The database is unreachable, read-only or not migrated.
    """
    settings = settings or WorkerSettings()
    url = await asyncio.to_thread(lambda: app.database_url)
    await asyncio.to_thread(migrate.check, url, schema=app.schema)
    link = Link(url, app.schema, role="announce", signals=app.signals)
    hosted = _Hosted(app, url, settings, link)
    await hosted.begin()
    running = asyncio.create_task(hosted.run(), name="howdah worker")
    try:
        yield
    finally:
        hosted.stop()
        try:
            await running
        finally:
            await hosted.end()


class _Hosted:
    """One worker after another: a new one takes over when a lease was lost or one failed."""

    def __init__(self, app: Hosts, url: str, settings: WorkerSettings, link: Link) -> None:
        self._app = app
        self._url = url
        self._settings = settings
        self._link = link
        deadline = min(DEADLINE, settings.lease / 2)
        beat = BlockingLink(url, app.schema, role="beat", signals=app.signals, deadline=deadline)
        keep = BlockingLink(url, app.schema, role="keep house", signals=app.signals)
        self._heartbeat = Heartbeat(beat, app.signals, lease=settings.lease)
        self._housekeeper = Housekeeper(keep, settings, app.signals)
        self._worker: Worker | None = None
        self._stopping = False
        self._leaving = asyncio.Event()

    async def begin(self) -> None:
        await walk_async(register_schedules(self._app), self._link.run)
        await walk_async(look_at_queues(self._app, self._settings.queues), self._link.run)
        self._worker = await self._new_worker()
        self._heartbeat.start()
        self._housekeeper.start()

    async def run(self) -> None:
        worker = self._worker
        while worker is not None:
            began = time.monotonic()
            try:
                await worker.run()
                running: list[str] | None = []
            except Exception as error:
                # Unknown: whatever it held may have brought it down, and counts a crash.
                running = None
                await self._bury(worker, error)
                if time.monotonic() - began < SHORT_LIFE:
                    await self._pause()
            self._heartbeat.remove(worker.worker_id)
            await self._release(worker.worker_id, running)
            if worker.asked_to_leave:
                return
            worker = self._worker = await self._next_worker()

    async def _bury(self, worker: Worker, error: Exception) -> None:
        """Tell of a worker that failed, and stop what it left running."""
        self._app.signals.post(WorkerFailed(worker.worker_id, _said(error)))
        try:
            await worker.abandon()
        except Exception as further:
            self._app.signals.post(WorkerFailed(worker.worker_id, _said(further)))

    async def _pause(self) -> None:
        """Wait before the next try, but for nothing when the app leaves."""
        try:
            await asyncio.wait_for(self._leaving.wait(), PAUSE)
        except TimeoutError:
            return

    def stop(self) -> None:
        self._stopping = True
        self._leaving.set()
        if self._worker is not None:
            self._worker.stop()

    async def end(self) -> None:
        await asyncio.to_thread(self._housekeeper.stop)
        await asyncio.to_thread(self._heartbeat.stop)
        await self._link.close()

    async def _new_worker(self) -> Worker:
        worker_id = await announce(self._link, self._app, self._settings)
        self._heartbeat.add(worker_id, pid=os.getpid())
        return Worker(self._app, self._url, self._settings, worker_id=worker_id)

    async def _next_worker(self) -> Worker | None:
        """A worker in place of one that lost its lease, as soon as the database answers."""
        while not self._stopping:
            try:
                worker = await self._new_worker()
            except HowdahError:
                await self._link.pause()
                continue
            if self._stopping:
                worker.stop()
            return worker
        return None

    async def _release(self, worker_id: int, running: list[str] | None) -> None:
        limit = self._settings.crash_limit
        try:
            await self._link.run(workers.release(worker_id, running=running, crash_limit=limit))
        except HowdahError:
            # Its lease runs out, and whoever is alive then gives back what it held.
            return


def _said(error: BaseException) -> str:
    """What failed: the group that tasks fail in says nothing of it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return repr(error)
