"""`send_many`: tuples and calls are checked against the task's signature."""

from __future__ import annotations

from howdah import Context, Howdah

app = Howdah()


@app.task
async def welcome(email: str, first_name: str = "friend") -> str:
    return f"{first_name} <{email}>"


@app.task
def thumbnail(file_id: int, size: int) -> bytes:
    return bytes(file_id * size)


@app.task
def describe(ctx: Context, file_id: int) -> list[str]:
    return [str(file_id)]


@app.task
async def convert(ctx: Context, file_id: int, *, fast: bool = False) -> float:
    return file_id / ctx.attempt


@app.task
def tidy() -> None: ...


async def tuples_are_checked(ctx: Context) -> None:
    await welcome.send_many([("a@x.org", "A"), ("b@x.org", "B")])
    await welcome.using(priority=3).send_many([("a@x.org", "A")])
    await thumbnail.send_many((number, 64) for number in range(3))
    await describe.send_many([(1,), (2,)])
    await tidy.send_many([(), ()])

    await welcome.send_many([("a@x.org", 1)])  # error
    await welcome.send_many([(1, "A")])  # error
    await welcome.send_many([("a@x.org", "A", "surplus")])  # error
    await welcome.using(priority=3).send_many([("a@x.org", 1)])  # error
    await welcome.send_many(["a@x.org"])  # error
    await thumbnail.send_many([(1,)])  # error
    await thumbnail.send_many((number, "64") for number in range(3))  # error
    await describe.send_many([("a",)])  # error
    await describe.send_many([(ctx, 1)])  # error
    await tidy.send_many([(1,)])  # error


async def a_tuple_may_leave_out_a_default_but_mypy_wants_it_as_a_call() -> None:
    await welcome.send_many([("a@x.org",)])  # error: mypy
    await convert.send_many([(1,)])  # error: mypy


async def calls_are_checked_by_name_and_default_too() -> None:
    await welcome.send_many([welcome.call("a@x.org"), welcome.call("b@x.org", first_name="B")])
    await convert.send_many(convert.call(number, fast=True) for number in range(3))
    await convert.using(key="k").send_many([convert.call(1)])

    await welcome.send_many([welcome.call(1)])  # error
    await welcome.send_many([welcome.call("a@x.org", frist_name="A")])  # error
    await convert.send_many([convert.call(1, fast="yes")])  # error
    await convert.send_many([welcome.call("a@x.org")])  # error


def the_same_holds_without_await() -> None:
    app.sync.send_many(welcome, [("a@x.org", "A")])
    app.sync.send_many(welcome.using(priority=3), [("a@x.org", "A")])
    app.sync.send_many(convert, [convert.call(1, fast=True)])

    app.sync.send_many(welcome, [("a@x.org", 1)])  # error
    app.sync.send_many(welcome, [(1, "A")])  # error
    app.sync.send_many(welcome.using(priority=3), [("a@x.org", 1)])  # error
    app.sync.send_many(convert, [convert.call(1, fast="yes")])  # error
