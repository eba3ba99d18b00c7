"""Sends mail over SMTP, as SIGNUP_SMTP_HOST, SIGNUP_SMTP_PORT and SIGNUP_MAIL_FROM say."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage

import aiosmtplib


@dataclass(frozen=True, slots=True)
class MailSettings:
    """Where mail goes out, and from whom."""

    host: str
    port: int
    sender: str

    @classmethod
    def from_env(cls) -> MailSettings:
        """Read the settings from the environment, each with its default."""
        return cls(
            host=os.environ.get("SIGNUP_SMTP_HOST", "127.0.0.1"),
            port=int(os.environ.get("SIGNUP_SMTP_PORT", "8025")),
            sender=os.environ.get("SIGNUP_MAIL_FROM", "Sign-up <welcome@signup.example>"),
        )


async def send(*, to: str, subject: str, body: str, headers: Mapping[str, str]) -> None:
    """Hand one mail to the server, or raise what aiosmtplib raises: the job is then retried."""
    settings = MailSettings.from_env()
    message = EmailMessage()
    message["From"] = settings.sender
    message["To"] = to
    message["Subject"] = subject
    for name, value in headers.items():
        message[name] = value
    message.set_content(body)
    await aiosmtplib.send(message, hostname=settings.host, port=settings.port, timeout=10)
