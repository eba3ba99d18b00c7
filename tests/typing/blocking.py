"""`app.sync`: the same words and the same checks without await."""

from __future__ import annotations

from typing import assert_type

from howdah import Context, Howdah, SyncJob

app = Howdah()


@app.task
async def welcome(email: str, first_name: str = "friend") -> str:
    return f"{first_name} <{email}>"


@app.task
def describe(ctx: Context, file_id: int) -> list[str]:
    return [str(file_id)]


def what_is_sent_fits_the_signature(ctx: Context) -> None:
    assert_type(app.sync.send(welcome, "ann@example.com", first_name="Ann"), SyncJob[str])
    assert_type(app.sync.send(welcome.using(priority=3), "ann@example.com"), SyncJob[str])
    assert_type(app.sync.send(describe, 7), SyncJob[list[str]])

    app.sync.send(welcome)  # error
    app.sync.send(welcome, 7)  # error
    app.sync.send(welcome, "ann@example.com", frist_name="Ann")  # error
    app.sync.send(welcome.using(priority=3), 7)  # error
    app.sync.send(describe, ctx, 7)  # error
    app.sync.send("welcome", "ann@example.com")  # error


def a_result_has_the_type_the_handler_declares() -> None:
    assert_type(app.sync.send(welcome, "ann@example.com").result(timeout=10), str)
    number: int = app.sync.send(welcome, "ann@example.com").result()  # error
    print(number)
