"""How this service is tested: with the fixture `howdah`, and without a mail server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from uuid import uuid4

import pytest
from httpx import ASGITransport, AsyncClient

from examples.signup import mail
from examples.signup.jobs import app, welcome
from examples.signup.web import fastapi, lifespan
from howdah import Howdah
from howdah.testing import Testbed


@pytest.fixture
def howdah_app() -> Howdah:
    return app


@pytest.fixture
async def client(howdah: Testbed) -> AsyncIterator[AsyncClient]:
    """The service, on the database of the test."""
    transport = ASGITransport(fastapi)
    async with lifespan(fastapi), AsyncClient(transport=transport, base_url="http://it") as made:
        yield made


@pytest.fixture
def email() -> str:
    return f"{uuid4().hex}@example.com"


class Post:
    """A mail server that is away as often as it is told."""

    def __init__(self) -> None:
        self.away = 0
        self.mails: list[str] = []

    async def send(self, *, to: str, subject: str, body: str, headers: Mapping[str, str]) -> None:
        if self.away:
            self.away -= 1
            raise ConnectionRefusedError("the mail server is away")
        self.mails.append(to)


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> Post:
    made = Post()
    monkeypatch.setattr(mail, "send", made.send)
    return made


async def test_whoever_signs_up_is_welcomed(
    client: AsyncClient, howdah: Testbed, post: Post, email: str
) -> None:
    await client.post("/signups", json={"email": email, "first_name": "Ann"})

    howdah.assert_sent(welcome, email=email, first_name="Ann")
    await howdah.drain(raise_on_failure=True)
    assert [email] == post.mails


async def test_an_address_that_is_taken_gets_no_second_mail(
    client: AsyncClient, howdah: Testbed, email: str
) -> None:
    first = await client.post("/signups", json={"email": email, "first_name": "Ann"})
    second = await client.post("/signups", json={"email": email, "first_name": "Ann"})

    assert (first.status_code, second.status_code) == (201, 409)
    howdah.assert_sent(welcome, email=email, count=1)


async def test_a_mail_server_that_is_away_is_tried_again(
    client: AsyncClient, howdah: Testbed, post: Post, email: str
) -> None:
    post.away = 3
    await client.post("/signups", json={"email": email, "first_name": "Ann"})

    await howdah.drain()
    assert post.mails == []
    done = await howdah.advance(timedelta(minutes=5))

    assert [email] == post.mails
    assert (done.attempts, done.completed) == (3, 1)
