"""A worker inside a web process: `app.lifespan(worker=True)`.

The same worker as in a child of `howdah worker`, on the loop of the app that hosts it, with beats
and housekeeping on threads. For small services; a handler that holds the GIL also holds up the
web, and there is no supervisor to start a new process when this one dies.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from howdah._db import worker as workers
from howdah._worker.blocking_link import DEADLINE, BlockingLink
from howdah._worker.heartbeat import Heartbeat
from howdah._worker.housekeeping import Housekeeper
from howdah._worker.link import Link
from howdah._worker.settings import WorkerSettings
from howdah._worker.tasks import AppLike
from howdah._worker.worker import Worker, announce
from howdah.errors import DatabaseError


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
    """One worker after another: a new one takes over when a lease was lost."""

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

    async def begin(self) -> None:
        self._worker = await self._new_worker()
        self._heartbeat.start()
        self._housekeeper.start()

    async def run(self) -> None:
        worker = self._worker
        while worker is not None:
            await worker.run()
            self._heartbeat.remove(worker.worker_id)
            await self._release(worker.worker_id)
            worker = self._worker = await self._next_worker()

    def stop(self) -> None:
        self._stopping = True
        if self._worker is not None:
            self._worker.stop()

    async def end(self) -> None:
        await asyncio.to_thread(self._housekeeper.stop)
        await asyncio.to_thread(self._heartbeat.stop)
        await self._link.close()

    async def _new_worker(self) -> Worker:
        worker_id = await announce(self._link, self._app, self._settings)
        self._heartbeat.add(worker_id)
        return Worker(self._app, self._url, self._settings, worker_id=worker_id)

    async def _next_worker(self) -> Worker | None:
        """A worker in place of one that lost its lease, as soon as the database answers."""
        while not self._stopping:
            try:
                worker = await self._new_worker()
            except DatabaseError:
                await self._link.pause()
                continue
            if self._stopping:
                worker.stop()
            return worker
        return None

    async def _release(self, worker_id: int) -> None:
        limit = self._settings.crash_limit
        try:
            await self._link.run(workers.release(worker_id, running=[], crash_limit=limit))
        except DatabaseError:
            # Its lease runs out, and whoever is alive then gives back what it held.
            return
