"""A real SMTP server that keeps what it is sent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy

from aiosmtpd.smtp import SMTP, Envelope
from aiosmtpd.smtp import Session as SmtpSession


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail for one recipient.

    Attributes:
        started_at: When the handler that sent it began, in seconds since the epoch.
    """

    recipient: str
    subject: str
    started_at: float


class Inbox:
    """Every mail that arrived, in order."""

    def __init__(self, on_mail: Callable[[Mail], None]) -> None:
        self.mails: list[Mail] = []
        self.port = 0
        self._on_mail = on_mail
        self._arrived = asyncio.Condition()

    # aiosmtpd finds its handlers by these names.
    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: SmtpSession, envelope: Envelope
    ) -> str:
        """Keep one mail per recipient and accept it."""
        content = envelope.content or b""
        raw = content.encode() if isinstance(content, str) else content
        message = message_from_bytes(raw, policy=policy.default)
        for recipient in envelope.rcpt_tos:
            mail = Mail(
                recipient=recipient,
                subject=str(message["Subject"]),
                started_at=float(message["X-Started-At"] or time.time()),
            )
            self.mails.append(mail)
            self._on_mail(mail)
        async with self._arrived:
            self._arrived.notify_all()
        return "250 OK"

    async def wait_for(self, count: int) -> None:
        """Wait until at least `count` mails have arrived."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.mails) >= count)


@asynccontextmanager
async def open_inbox(on_mail: Callable[[Mail], None] = lambda mail: None) -> AsyncIterator[Inbox]:
    """Listen on a free port of this machine for as long as the block runs."""
    inbox = Inbox(on_mail)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(inbox, loop=loop), "127.0.0.1", 0)
    inbox.port = server.sockets[0].getsockname()[1]
    try:
        yield inbox
    finally:
        server.close()
