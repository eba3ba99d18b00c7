"""Hears that there is something to claim, and finds out whether hearing works at all.

A notification is a hint and says nothing: the claimer looks for itself, and looks now and then
anyway. Behind PgBouncer in transaction mode LISTEN is accepted and nothing ever arrives; a ping to
ourselves that does not come back shows that, and any other way in which hearing may have died.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import psycopg

from howdah._db import worker as workers
from howdah._model.signals import NotificationsUnavailable, Signals
from howdah._worker.link import Link
from howdah.errors import DatabaseUnreachableError, HowdahError

PING_EVERY = 30.0
PING_WAIT = 5.0


class Listener:
    """Calls `heard` whenever somebody says that there is something to claim."""

    def __init__(self, link: Link, signals: Signals, heard: Callable[[], None]) -> None:
        self.works = False
        self._link = link
        self._signals = signals
        self._heard = heard
        self._complained = False

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            try:
                connection = await self._link.open()
                if self._link.is_pooled:
                    self._complain("another backend answers than was announced: a pooler")
                    return
                await self._link.run(workers.listen())
                await self._hear(connection)
            except (psycopg.Error, HowdahError, OSError) as error:
                self.works = False
                self._link.drop()
                if not isinstance(error, HowdahError):
                    self._link.lost(DatabaseUnreachableError(str(error)))
                await self._link.pause()
                # Whatever was said meanwhile was missed.
                self._heard()

    async def _hear(self, connection: psycopg.AsyncConnection[Any]) -> None:
        ping = f"ping {connection.info.backend_pid}"
        while True:
            await self._link.run(workers.ping(ping))
            if not await self._wait(connection, ping, PING_WAIT):
                if self.works:
                    raise psycopg.OperationalError("a ping to ourselves did not come back")
                self._complain("a ping to ourselves did not come back")
            elif not self.works:
                self.works = True
                self._heard()
            await self._wait(connection, None, PING_EVERY)

    async def _wait(
        self, connection: psycopg.AsyncConnection[Any], ping: str | None, seconds: float
    ) -> bool:
        """Pass on what is heard; return at once and True when the ping is."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while (left := end - loop.time()) > 0:
            stop_after = 1 if ping is not None else None
            async for said in connection.notifies(timeout=left, stop_after=stop_after):
                if said.payload == "":
                    self._heard()
                elif said.payload == ping:
                    return True
        return False

    def _complain(self, reason: str) -> None:
        self.works = False
        if not self._complained:
            self._complained = True
            self._signals.post(NotificationsUnavailable(reason))
