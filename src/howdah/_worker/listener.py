"""Hears that there is something to claim, and finds out whether hearing works at all.

A notification is a hint and says nothing: the claimer looks for itself, and looks now and then
anyway. Behind PgBouncer in transaction mode LISTEN is accepted and nothing ever arrives; a ping to
ourselves that does not come back shows that, and any other way in which hearing may have died.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from uuid import uuid4

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
        self._link.heard = self._hear
        self._signals = signals
        self._heard = heard
        self._ping = f"ping {uuid4()}"
        self._echo = asyncio.Event()
        self._complained = False

    async def run(self) -> None:
        """Find out again and again whether hearing works, until cancelled."""
        while True:
            try:
                await self._link.open()
                if self._link.is_pooled:
                    self._complain("another backend answers than was announced: a pooler")
                    return
                if await self._link.run(workers.listen()) is None:
                    self._complain("the schema has the portable profile")
                    return
                await self._try()
            except HowdahError:
                self.works = False
                await self._link.pause()
                # Whatever was said meanwhile was missed.
                self._heard()

    async def _try(self) -> None:
        self._echo.clear()
        await self._link.run(workers.ping(self._ping))
        if await self._came_back():
            if not self.works:
                self.works = True
                self._heard()
        elif self.works:
            await self._link.renew()
            raise DatabaseUnreachableError("a ping to ourselves did not come back")
        else:
            self._complain("a ping to ourselves did not come back")
        await self._link.watch(PING_EVERY)

    async def _came_back(self) -> bool:
        try:
            async with asyncio.timeout(PING_WAIT):
                await self._echo.wait()
        except TimeoutError:
            return False
        return True

    def _hear(self, payload: str) -> None:
        if payload == "":
            self._heard()
        elif payload == self._ping:
            self._echo.set()

    def _complain(self, reason: str) -> None:
        self.works = False
        if not self._complained:
            self._complained = True
            self._signals.post(NotificationsUnavailable(reason))
