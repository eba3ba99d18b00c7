"""What a decorated function is: still itself when called, typed when sent."""

from __future__ import annotations

from collections.abc import Coroutine
from datetime import datetime
from typing import Any, assert_type

from howdah import Context, Howdah, Job, Retry, Task

app = Howdah()


@app.task
async def welcome(email: str, first_name: str = "friend") -> str:
    return f"{first_name} <{email}>"


@app.task(queue="media", retry=Retry(limit=5), expire_in=60, tags=("media",))
def thumbnail(file_id: int, size: int) -> bytes:
    return bytes(file_id * size)


@app.task(queue="media")
async def convert(ctx: Context, file_id: int, *, fast: bool = False) -> float:
    assert_type(ctx.scheduled_for, datetime | None)
    return file_id / ctx.attempt


@app.task
def describe(ctx: Context, file_id: int) -> list[str]:
    return [str(file_id)]


@app.task
def context_last(file_id: int, ctx: Context) -> int:
    return file_id


@app.task
def anything_first(payload: Any, size: int) -> int:
    return size


@app.task
def object_first(payload: object, size: int) -> int:
    return size


@app.task
def tidy() -> None: ...


def takes_task(task: Task[[str, str], str]) -> None: ...
def takes_any_task(task: Task[..., object]) -> None: ...


async def a_task_is_still_its_function() -> None:
    assert_type(await welcome("ann@example.com", "Ann"), str)
    waiting: Coroutine[Any, Any, str] = welcome("ann@example.com")
    await waiting
    assert_type(thumbnail(1, size=2), bytes)
    assert_type(tidy(), None)


def a_handler_with_a_context_takes_it_when_called(ctx: Context) -> None:
    assert_type(describe(ctx, 7), list[str])
    describe(7)  # error
    describe(ctx, "7")  # error
    context_last(7, ctx)


async def what_is_sent_fits_the_signature() -> None:
    assert_type(await welcome.send("ann@example.com", first_name="Ann"), Job[str])
    assert_type(await thumbnail.send(1, size=2), Job[bytes])
    await tidy.send()

    await welcome.send()  # error
    await welcome.send(7)  # error
    await welcome.send("ann@example.com", "Ann", 3)  # error
    await welcome.send("ann@example.com", frist_name="Ann")  # error
    await thumbnail.send(1, size="2")  # error
    await thumbnail.send(1)  # error
    await tidy.send(1)  # error
    await welcome(7)  # error


async def a_forgotten_await_is_noticed() -> None:
    welcome("ann@example.com")  # error
    welcome.send("ann@example.com")  # error


async def a_context_is_no_argument_of_a_job(ctx: Context) -> None:
    assert_type(await convert.send(7, fast=True), Job[float])
    assert_type(await describe.send(file_id=7), Job[list[str]])

    await convert.send(ctx, 7)  # error
    await convert.send("7")  # error
    await describe.send(ctx, 7)  # error
    await describe.send(7, ctx=ctx)  # error


async def what_cannot_be_told_apart_from_a_context_is_not_checked_and_no_alarm_is_raised() -> None:
    assert_type(await context_last.send(7), Job[int])
    assert_type(await context_last.send(file_id=7), Job[int])
    await anything_first.send(payload={"a": 1}, size=2)
    await object_first.send({"a": 1}, 2)
    await object_first.send_many([("a", 1)])


async def a_result_has_the_type_the_handler_declares() -> None:
    job = await welcome.send("ann@example.com")
    assert_type(await job.result(), str)
    assert_type(await job.result(timeout=10), str)
    number: int = await job.result()  # error
    await job.result(timeout="10")  # error
    print(number)


def a_task_can_be_passed_on_by_its_type() -> None:
    takes_task(welcome)
    takes_any_task(welcome)
    takes_any_task(convert)
    takes_task(thumbnail)  # error
    takes_task(describe)  # error


@app.task(queu="media")  # error
def misspelled_option() -> None: ...


@app.task(queue=7)  # error
def wrong_option() -> None: ...
