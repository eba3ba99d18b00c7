"""Whose option counts: the nearest of send, task, queue and app; resolved when a job is sent."""

from __future__ import annotations

from typing import Any

import pytest

from howdah import Howdah, Retry
from tests.integration.desk import Desk

# What each level says of each option, and what is stored of the nearest.
SAID: dict[str, tuple[Any, ...]] = {
    "priority": (1, 2, 3, 4),
    "expire_in": (10, 20, 30, 40),
    "retention": (3600, 7200, 10800, 14400),
    "retry": (Retry(limit=1), Retry(limit=2), Retry(limit=4), Retry(limit=5)),
}
STORED: dict[str, tuple[Any, ...]] = {
    "priority": (1, 2, 3, 4),
    "expire_in": ("00:00:10", "00:00:20", "00:00:30", "00:00:40"),
    "retention": ("01:00:00", "02:00:00", "03:00:00", "04:00:00"),
    "retry": tuple(retry.to_mapping() for retry in SAID["retry"]),
}
LEVELS = ("app", "queue", "task", "send")


def stored(app: Howdah, desk: Desk, *, at: int, many: bool) -> dict[str, Any]:
    """The row of a job for which the first levels, up to `at`, say something."""
    said: list[dict[str, Any]] = [
        {name: values[level] for name, values in SAID.items()} if level <= at else {}
        for level in range(len(LEVELS))
    ]
    made = Howdah(app.database_url, schema=app.schema, **said[0])
    made.queue("q", **said[1])

    @made.task(name="t", queue="q", **said[2])
    def work(n: int) -> None: ...

    try:
        if many:
            [job_id] = made.sync.send_many(work.using(**said[3]), [(1,)])
        else:
            job_id = made.sync.send(work.using(**said[3]), 1).id
    finally:
        made.sync.close()
    row = desk.row(job_id)
    return {name: row[name] for name in SAID}


@pytest.mark.parametrize("many", [False, True], ids=["send", "send_many"])
@pytest.mark.parametrize("at", range(len(LEVELS)), ids=LEVELS)
def test_the_nearest_that_says_something_is_stored(
    app: Howdah, desk: Desk, at: int, *, many: bool
) -> None:
    nearest = {name: values[at] for name, values in STORED.items()}

    assert nearest == stored(app, desk, at=at, many=many)


def test_a_number_of_retries_leaves_the_rest_to_the_next_level(app: Howdah, desk: Desk) -> None:
    @app.task(retry=Retry(limit=9, delay=7, backoff=False))
    def work() -> None: ...

    job = app.sync.send(work.using(retry=1))

    assert Retry(limit=1, delay=7, backoff=False).to_mapping() == desk.row(job.id)["retry"]


def test_a_queue_declared_after_the_task_counts(app: Howdah, desk: Desk) -> None:
    @app.task(queue="later")
    def work() -> None: ...

    app.queue("later", priority=6)

    assert 6 == desk.row(app.sync.send(work).id)["priority"]


def test_options_said_twice_for_one_send_are_put_together(app: Howdah, desk: Desk) -> None:
    @app.task
    def work() -> None: ...

    job = app.sync.send(work.using(priority=1, key="k").using(priority=2, tags=("x",)))

    row = desk.row(job.id)
    assert (2, "k", ["x"]) == (row["priority"], row["key"], row["tags"])


def test_options_of_one_send_are_not_those_of_the_next(app: Howdah, desk: Desk) -> None:
    @app.task
    def work() -> None: ...

    app.sync.send(work.using(priority=9))

    assert 0 == desk.row(app.sync.send(work).id)["priority"]
