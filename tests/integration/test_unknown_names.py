"""Names that a worker cannot place are told of, and it works on: they may be another program's."""

from __future__ import annotations

import asyncio

import pytest

from howdah import Howdah, Limit, RateLimited, WorkerSettings
from howdah._db import quota as quotas
from howdah.lifespan import working
from howdah.signals import JobEnded, LimitUnknown, QueueUnknown
from tests.integration.desk import Desk


def settings(*queues: str) -> WorkerSettings:
    return WorkerSettings(queues=dict.fromkeys(queues, 1.0))


@pytest.fixture
def told(app: Howdah) -> list[tuple[str, str | None]]:
    """The queues that were told of, with the nearest name."""
    found: list[tuple[str, str | None]] = []
    app.signals.on(QueueUnknown, lambda it: found.append((it.queue, it.nearest)))

    @app.task(queue="mail")
    async def welcome() -> None: ...

    return found


async def test_a_queue_that_nobody_means_is_told_of_at_each_start(
    app: Howdah, told: list[tuple[str, str | None]]
) -> None:
    for _ in range(2):
        async with working(app, settings("mail", "mial", "nix")):
            pass

    assert [("mial", "mail"), ("nix", None)] * 2 == told


async def test_a_queue_to_which_somebody_sent_is_not_told_of(
    app: Howdah, desk: Desk, told: list[tuple[str, str | None]]
) -> None:
    desk.send(queue="nix")
    async with working(app, settings("mail", "nix")):
        pass

    assert [] == told


@pytest.mark.parametrize("column", ["code", "override"])
async def test_a_queue_of_which_somebody_says_something_is_not_told_of(
    app: Howdah, desk: Desk, told: list[tuple[str, str | None]], column: str
) -> None:
    desk.sql(f"INSERT INTO howdah.queue (name, {column}) VALUES ('nix', '{{\"priority\": 1}}')")
    async with working(app, settings("nix")):
        pass

    assert [] == told


async def test_a_worker_of_all_the_app_s_queues_tells_of_none(
    app: Howdah, told: list[tuple[str, str | None]]
) -> None:
    async with working(app, WorkerSettings()):
        pass

    assert [] == told


async def test_a_limit_that_there_is_not_is_told_of_and_its_job_comes_back_later(
    app: Howdah, desk: Desk
) -> None:
    heard: list[LimitUnknown] = []
    ended: asyncio.Queue[JobEnded] = asyncio.Queue()
    app.signals.on(LimitUnknown, heard.append)
    app.signals.on(JobEnded, ended.put_nowait)

    @app.task(queue="mail", limits=Limit("openai", total=1))
    async def ask() -> None:
        raise RateLimited(600, limit="opnai")

    async with working(app, WorkerSettings()):
        job = await ask.send()
        assert "rate_limited" == (await asyncio.wait_for(ended.get(), 20)).verdict

    assert [LimitUnknown(str(job.id), "mail", "opnai", "openai")] == heard
    record = await job.get()
    assert ("retry", 0) == (record.state, record.attempt)
    assert record.start_after is not None
    assert [] == desk.sql("SELECT FROM howdah.quota WHERE blocked_until IS NOT NULL")
    assert [] == desk.sql("SELECT FROM howdah.queue WHERE blocked_until IS NOT NULL")


def test_a_limit_that_there_is_and_a_queue_are_blocked_without_a_word(desk: Desk) -> None:
    desk.run(quotas.register({"openai": {"total": 1}}))

    assert desk.run(quotas.block(60, queue="q", name="openai")) is None
    assert desk.run(quotas.block(60, queue="q", name=None)) is None
    assert ["openai"] == desk.run(quotas.block(60, queue="q", name="nix"))
    assert ("openai",) == desk.sql("SELECT name FROM howdah.quota WHERE blocked_until > now()")[0]
    assert ("q",) == desk.sql("SELECT name FROM howdah.queue WHERE blocked_until > now()")[0]
