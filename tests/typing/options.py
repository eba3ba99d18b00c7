"""`using`: options are checked, and the task behind them keeps its signature."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import assert_type
from uuid import uuid4

from howdah import Debounce, Howdah, Job, Retry, Throttle

app = Howdah()


@app.task
async def welcome(email: str, first_name: str = "friend") -> str:
    return f"{first_name} <{email}>"


async def options_are_checked() -> None:
    welcome.using(id=uuid4(), priority=3, key="ann", tags=("a", "b"))
    welcome.using(start_after=datetime.now(UTC), expire_in=timedelta(minutes=1))
    welcome.using(start_after=1.5, expire_in=60, retention=timedelta(days=1))
    welcome.using(retry=3, dead_letter="dead")
    welcome.using(retry=Retry(limit=3, delay=timedelta(seconds=2), never=(ValueError,)))
    welcome.using(deadline=timedelta(hours=1)).using(deadline=datetime.now(UTC))
    welcome.using(throttle=60).using(throttle=Throttle(timedelta(minutes=1), next_slot=True))
    welcome.using(debounce=5, key="ann").using(debounce=Debounce(5, max_wait=60))
    welcome.using(key="ann", replace=["args", "priority"])

    welcome.using(priority="3")  # error
    welcome.using(throttle="1 minute")  # error
    welcome.using(debounce=Throttle(5))  # error
    welcome.using(replace=7)  # error
    welcome.using(deadline="tomorrow")  # error
    Debounce("5")  # error
    welcome.using(prioritty=3)  # error
    welcome.using(start_after="tomorrow")  # error
    welcome.using(retry="often")  # error
    welcome.using(key=7)  # error
    welcome.using(dead_letter=7)  # error
    welcome.using(tags=(1, 2))  # error
    welcome.using(3)  # error
    Retry(limit="3")  # error
    Retry(never=("ValueError",))  # error


async def the_signature_passes_through() -> None:
    sender = welcome.using(priority=3).using(key="ann")
    assert_type(await sender.send("ann@example.com", first_name="Ann"), Job[str])
    assert_type(await (await sender.send("ann@example.com")).result(), str)

    await sender.send(7)  # error
    await sender.send()  # error
    await sender.send("ann@example.com", frist_name="Ann")  # error


async def what_waits_is_changed_by_checked_arguments() -> None:
    job = await welcome.send("ann@example.com")
    await app.jobs.update(job.id, args=welcome.call("bob@example.com"), priority=1)
    await app.jobs.update_key(welcome, "ann", start_after=0, deadline=timedelta(hours=1))
    app.sync.jobs.update(job.id, retry=Retry(limit=1), tags=["a"])

    await app.jobs.update(job.id, args=welcome.call(7))  # error
    await app.jobs.update(job.id, args={"email": "bob@example.com"})  # error
    await app.jobs.update(job.id, key="ann")  # error
    await app.jobs.update_key("welcome", "ann", priority=1)  # error
