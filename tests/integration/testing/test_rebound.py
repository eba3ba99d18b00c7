from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from howdah import Howdah, Task
from howdah.errors import ConfigError
from howdah.testing.ground import fresh_schema


@pytest.fixture
def other(database_url: str) -> Iterator[str]:
    """Another schema in the same database."""
    with fresh_schema(database_url) as schema:
        yield schema


@pytest.fixture
def remind(app: Howdah) -> Task:
    @app.task
    async def remind(name: str) -> None: ...

    return remind


async def test_jobs_go_there_and_nowhere_else(
    app: Howdah, remind: Task, database_url: str, other: str
):
    blocking = app.sync
    await remind.send("before")
    with app.rebound(url=database_url, schema=other):
        await remind.send("there")
        blocking.send(remind, "there too")
        there = await app.jobs.find()
    await remind.send("after")

    assert ["there too", "there"] == [job.args["name"] for job in there]
    assert ["after", "before"] == [job.args["name"] for job in blocking.jobs.find()]


async def test_the_app_comes_back_after_a_failure(app: Howdah, database_url: str, other: str):
    before = app.database_url, app.schema

    with pytest.raises(LookupError), app.rebound(url=database_url, schema=other):
        raise LookupError

    assert before == (app.database_url, app.schema)


async def test_a_name_that_cannot_be_used_changes_nothing(app: Howdah, database_url: str):
    before = app.schema

    with pytest.raises(ConfigError), app.rebound(url=database_url, schema=""):
        pass

    assert before == app.schema


def test_connections_of_a_loop_that_is_gone_are_closed(
    app: Howdah, remind: Task, database_url: str, other: str, sql
):
    of_howdah = "SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE application_name = 'howdah'"
    before = sql(of_howdah)

    with app.rebound(url=database_url, schema=other):
        asyncio.run(remind.using().send("there"))  # type: ignore[arg-type]
        during = sql(of_howdah)

    assert before < during
    for _ in range(200):
        # The server takes a moment to see that a socket is closed.
        if sql(of_howdah) == before:
            return
        sql("SELECT pg_catalog.pg_sleep(0.02)")
    assert before == sql(of_howdah)
