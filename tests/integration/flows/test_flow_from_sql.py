"""Flows that are sent from SQL, by somebody who does not have the code of the tasks."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest

from howdah import Howdah
from howdah._db import queue as queues
from howdah._model.identity import uuid7s
from tests.integration.desk import Desk


def send(desk: Desk, *, queue: str = "q", child: str | None = None, **options: Any) -> list[str]:
    """Send a parent and a child, and return their ids."""
    ids = uuid7s(2)
    jobs = [
        {"id": ids[0], "queue": queue, "task": "t", "options": options},
        {"id": ids[1], "queue": child or queue, "task": "t", "after": [{"id": ids[0]}]},
    ]
    desk.sql("SELECT howdah.send_flow(howdah.uuid7(), %s::text::jsonb)", json.dumps(jobs))
    return ids


@pytest.mark.parametrize("said", [{"queue": "mial"}, {"child": "mial"}])
def test_a_queue_that_nobody_knows_is_refused_and_nothing_is_stored(
    desk: Desk, said: dict[str, str]
) -> None:
    desk.run(queues.put("q", {}))
    desk.run(queues.put("mail", {}))

    with pytest.raises(psycopg.Error, match="no queue named 'mial': did you mean 'mail'"):
        send(desk, **said)

    assert [(0,)] == desk.sql("SELECT count(*) FROM howdah.job")


def test_a_queue_that_was_deleted_is_refused(desk: Desk) -> None:
    desk.run(queues.put("q", {}))
    desk.sql("SELECT howdah.delete_queue('q')")

    with pytest.raises(psycopg.Error, match="no queue named 'q'"):
        send(desk)


def test_a_queue_to_which_a_job_was_sent_is_known(desk: Desk) -> None:
    desk.send()

    assert "created" == desk.state(send(desk)[0])


def test_what_the_code_says_of_a_queue_holds(desk: Desk) -> None:
    desk.run(queues.register({"q": {"policy": "singleton", "priority": 3, "expire_in": 60}}))

    parent, _ = send(desk)

    row = desk.row(parent)
    assert ("singleton", 3, None) == (row["policy"], row["priority"], row["expire_in"])


def test_what_the_flow_says_beats_the_code(desk: Desk) -> None:
    desk.run(queues.register({"q": {"priority": 3}}))

    assert 5 == desk.row(send(desk, priority=5)[0])["priority"]


async def test_a_flow_from_python_declares_its_queues(app: Howdah, desk: Desk) -> None:
    @app.task(queue="new")
    async def work() -> None: ...

    async with app.flow() as flow:
        step = flow.add(work.call())

    assert "created" == desk.state(step.id)
