"""Jobs with limits, run for real: those that are held up are left, and nobody waits for them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from howdah import Howdah, Limit, Rate, RateLimited
from howdah.testing import Testbed


async def test_drain_leaves_what_a_rate_holds_up(howdah: Testbed, howdah_app: Howdah):
    @howdah_app.task(limits=Rate(2, per=timedelta(minutes=1)))
    async def notify(number: int) -> None: ...

    await notify.send_many([(number,) for number in range(5)])

    assert 2 == (await howdah.drain()).completed
    assert 2 == (await howdah.advance(timedelta(seconds=62))).completed
    assert 1 == (await howdah.advance(timedelta(seconds=62))).completed


async def test_jobs_of_one_slot_run_one_after_the_other(howdah: Testbed, howdah_app: Howdah):
    running: list[int] = []
    most = 0

    @howdah_app.task(limits=Limit(total=1))
    async def alone(number: int) -> None:
        nonlocal most
        running.append(number)
        most = max(most, len(running))
        running.remove(number)

    await alone.send_many([(number,) for number in range(10)])

    assert 10 == (await howdah.drain(concurrency=5)).completed
    assert 1 == most


@pytest.mark.parametrize("limit", [None, "api"])
async def test_a_service_that_wants_to_be_left_alone_is(
    howdah: Testbed, howdah_app: Howdah, limit: str | None
):
    ran: list[int] = []

    @howdah_app.task(limits=Limit("api", total=1))
    async def call(number: int) -> None:
        ran.append(number)
        if len(ran) == 1:
            raise RateLimited(60, limit=limit)

    first = await call.send(1)
    second = await call.send(2)
    await howdah.drain()

    assert [1] == ran
    assert [0, 0] == [(await job.get()).attempt for job in (first, second)]
    await howdah.advance(timedelta(seconds=61))
    assert {1, 2} == set(ran)
