"""Workers tell which priorities they take and how many of a queue; explanations know it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from howdah import Batch, BatchJob, Howdah, WorkerSettings
from howdah._db import job as jobs
from howdah._db import worker as workers
from howdah._db.explain import why as why_each
from howdah.lifespan import working
from tests.integration.desk import LEASE, Desk
from tests.integration.explaining import explained, facts, why


def worker(desk: Desk, *, tasks: Sequence[str] | None = None, **takes: Any) -> int:
    """Announce a worker of queue q that takes only some of it."""
    return desk.run(
        workers.register(
            **{
                "lease": LEASE,
                "pid": 1,
                "host": "here",
                "concurrency": 20,
                "queues": ["q"],
                "version": "0",
                "tasks": tasks,
                **takes,
            }
        )
    )


@pytest.mark.parametrize(
    ("takes", "said"),
    [
        ({"lowest": 5}, "takes 5 and more"),
        ({"highest": 0}, "takes 0 and less"),
        ({"lowest": 2, "highest": 9}, "takes 2 to 9"),
        ({"lowest": 2, "highest": 2}, "takes only 2"),
    ],
)
def test_a_priority_that_no_worker_takes_is_named_with_what_they_take(
    desk: Desk, takes: dict[str, Any], said: str
) -> None:
    ident = worker(desk, **takes)
    job_id = desk.send(priority=1)

    assert (
        f"no live worker serves priority 1 of queue 'q': worker {ident} on here {said}"
        == why(desk, job_id)["priority_unserved"]
    )
    assert [
        {
            "worker": ident,
            "host": "here",
            "lowest": takes.get("lowest"),
            "highest": takes.get("highest"),
            "workers": 1,
        }
    ] == facts(desk, job_id, "priority_unserved")["workers"]


def test_many_workers_that_do_not_take_a_priority_are_said_in_a_few_words(desk: Desk) -> None:
    first, _ = worker(desk, lowest=5), worker(desk, lowest=5)
    others = [worker(desk, host=f"h{number}", lowest=number) for number in range(2, 6)]

    assert (
        "no live worker serves priority 1 of queue 'q':"
        f" worker {first} and 1 more on here take 5 and more,"
        f" worker {others[0]} on h2 takes 2 and more, worker {others[1]} on h3 takes 3 and more,"
        " 2 more do not take it either" == why(desk, desk.send(priority=1))["priority_unserved"]
    )


def test_a_job_whose_priority_nobody_takes_has_no_estimate(desk: Desk) -> None:
    urgent = worker(desk, lowest=5)
    desk.sql(
        "INSERT INTO howdah.sample (at, worker_id, queue, done)"
        " VALUES (howdah.now() - interval '5 minutes', 99, 'q', 600)"
    )
    desk.send(priority=7)
    job_id = desk.send(priority=1)

    assert facts(desk, job_id, "turn")["seconds"] is None
    assert "1 job is ahead of it" == why(desk, job_id)["turn"]

    desk.sql("UPDATE howdah.worker SET lowest = NULL WHERE id = %s", urgent)
    assert {"turn"} == why(desk, job_id).keys()
    assert facts(desk, job_id, "turn")["seconds"] > 0


def test_only_what_its_own_workers_take_is_ahead_of_a_job(desk: Desk) -> None:
    worker(desk, lowest=5)
    worker(desk, highest=4)
    for priority in (9, 5, 4, 3, 1, 1):
        desk.send(priority=priority)
    slow, quick = desk.send(priority=1), desk.send(priority=5)

    assert 4 == facts(desk, slow, "turn")["ahead"]
    assert 2 == facts(desk, quick, "turn")["ahead"]


def test_only_its_own_workers_tell_how_quickly_its_turn_comes(desk: Desk) -> None:
    urgent, rest = worker(desk, lowest=5), worker(desk, highest=4)
    for ident, count in ((urgent, 40), (rest, 10)):
        for _ in range(count):
            desk.send()
        desk.finish(*desk.claim(ident, limit=count))
    desk.send(priority=1)
    slow, quick = desk.send(priority=1), desk.send(priority=5)

    assert 1.0 == facts(desk, slow, "turn")["per_second"]
    assert 4.0 == facts(desk, quick, "turn")["per_second"]


def test_samples_of_workers_that_do_not_take_it_do_not_count(desk: Desk) -> None:
    urgent, rest = worker(desk, lowest=5), worker(desk)
    for ident, done in ((urgent, 600), (rest, 60)):
        desk.sql(
            "INSERT INTO howdah.sample (at, worker_id, queue, done)"
            " VALUES (howdah.now() - interval '5 minutes', %s, 'q', %s)",
            ident,
            done,
        )

    assert 1.0 == facts(desk, desk.send(priority=1), "turn")["per_second"]


def test_a_worker_that_has_the_task_and_one_that_takes_the_priority_are_not_one(desk: Desk) -> None:
    ident = worker(desk, tasks=["t"], lowest=5)
    worker(desk, tasks=["other"])

    assert (
        "no live worker that has task 't' serves priority 1 of queue 'q':"
        f" worker {ident} on here takes 5 and more"
        == why(desk, desk.send(priority=1))["priority_unserved"]
    )


def test_workers_that_are_paused_or_full_are_those_that_would_take_it(desk: Desk) -> None:
    ident = worker(desk, highest=4, concurrency=1)
    worker(desk, lowest=5)
    desk.send()
    desk.claim(ident)

    assert (
        "all 1 slots of the workers of queue 'q' that would take it are taken"
        == why(desk, desk.send())["workers_busy"]
    )

    desk.sql("UPDATE howdah.worker SET paused_at = howdah.now() WHERE id = %s", ident)
    assert (
        "every live worker of queue 'q' that would take it is paused, or about to leave"
        == why(desk, desk.send())["workers_paused"]
    )
    assert {"turn"} == why(desk, desk.send(priority=5)).keys()


def test_a_worker_of_an_earlier_version_and_a_claim_by_hand_take_all(desk: Desk) -> None:
    # As a worker registers that knows nothing of these columns.
    desk.sql(
        "INSERT INTO howdah.worker (lease, pid, host, concurrency, queues, version)"
        " VALUES ('1 minute', 1, 'here', 1, '{q}', '0')"
    )
    for priority in (-5, 32_767):
        assert {"turn"} == why(desk, desk.send(priority=priority)).keys()

    desk.sql("DELETE FROM howdah.worker")
    desk.sql("SELECT howdah.claim_jobs('q', 2)")
    desk.sql("UPDATE howdah.worker SET concurrency = 9")
    assert {"turn"} == why(desk, desk.send(priority=-5)).keys()


def test_a_queue_of_which_its_worker_runs_no_more_says_so(desk: Desk) -> None:
    ident = worker(desk, queue_concurrency={"q": 2})
    desk.send()
    desk.send()
    desk.claim(ident, limit=2)
    job_id = desk.send()

    assert (
        "2 of 2 handlers of queue 'q' are busy on its worker" == why(desk, job_id)["handlers_busy"]
    )
    assert {"full": 1, "working": 1, "most": 2, "each": 2, "slots": 20, "running": 2} == {
        name: facts(desk, job_id, "handlers_busy")[name]
        for name in ("full", "working", "most", "each", "slots", "running")
    }
    assert "queue's handlers are busy" == desk.run(why_each([job_id]))[job_id].text


def test_all_workers_of_a_queue_have_to_be_full(desk: Desk) -> None:
    first, second = (worker(desk, queue_concurrency={"q": 1, "other": 9}) for _ in range(2))
    desk.send()
    desk.send()
    desk.claim(first)
    assert {"turn"} == why(desk, desk.send()).keys()

    desk.claim(second)
    assert (
        "1 of 1 handlers of queue 'q' are busy on each of its 2 workers"
        == why(desk, desk.send())["handlers_busy"]
    )

    desk.sql("UPDATE howdah.worker SET concurrency = 1 WHERE id = %s", second)
    desk.sql("UPDATE howdah.worker SET queue_concurrency = NULL WHERE id = %s", second)
    assert (
        "1 of 1 handlers of queue 'q' are busy on one of its workers, and all slots of 1 more are"
        " taken" == why(desk, desk.send())["handlers_busy"]
    )


def test_other_queues_of_a_full_one_s_worker_are_not_full(desk: Desk) -> None:
    ident = worker(desk, queues=["q", "other"], queue_concurrency={"q": 1})
    desk.send()
    desk.claim(ident)

    assert {"turn"} == why(desk, desk.send(queue="other")).keys()


def test_the_jobs_of_a_full_batch_are_one_handler_s(desk: Desk) -> None:
    ident = worker(desk, queue_concurrency={"q": 2}, batches={"t": 3})
    for _ in range(6):
        desk.send()
    desk.claim(ident, limit=5)
    assert {"turn"} == why(desk, desk.send()).keys()

    desk.claim(ident)
    assert {"handlers_busy", "turn"} == why(desk, desk.send()).keys()


async def test_a_worker_tells_what_it_takes_when_it_starts(app: Howdah, desk: Desk) -> None:
    @app.task(queue="mail")
    async def welcome() -> None: ...

    @app.task(queue="search", batch=Batch(size=7, wait=timedelta(seconds=1)))
    async def index(jobs: list[BatchJob[int]]) -> None: ...

    settings = WorkerSettings(queue_concurrency={"mail": 2}, min_priority=5, max_priority=9)
    async with working(app, settings):
        (told,) = await app.workers.list()
        assert (5, 9, {"mail": 2}) == (
            told.min_priority,
            told.max_priority,
            told.queue_concurrency,
        )
        assert [told.queue_concurrency] == [
            one.queue_concurrency for one in await asyncio.to_thread(app.sync.workers.list)
        ]
        assert {"index": 7} == desk.value("SELECT w.batches FROM howdah.worker AS w")

        job = await welcome.using(priority=1).send()
        explanation = await job.explain()
        assert (
            f"no live worker serves priority 1 of queue 'mail': worker {told.id} on {told.host}"
            " takes 5 to 9" == explanation.reasons[0].text
        )
        assert explanation == await asyncio.to_thread(app.sync.jobs.explain, job.id)


async def test_a_worker_without_a_range_tells_of_none(app: Howdah, desk: Desk) -> None:
    @app.task
    async def welcome() -> None: ...

    async with working(app, WorkerSettings()):
        (told,) = await app.workers.list()

    assert (None, None, {}) == (told.min_priority, told.max_priority, told.queue_concurrency)


async def test_a_queue_of_which_a_running_worker_is_full_is_explained(app: Howdah) -> None:
    started, gate = asyncio.Event(), asyncio.Event()

    @app.task(queue="mail")
    async def welcome() -> None:
        started.set()
        await gate.wait()

    async with working(app, WorkerSettings(queue_concurrency={"mail": 1})):
        await welcome.send()
        await asyncio.wait_for(started.wait(), 20)
        job = await welcome.send()
        explanation = await job.explain()
        gate.set()

    assert "1 of 1 handlers of queue 'mail' are busy on its worker" in str(explanation)


def test_a_list_says_of_each_job_what_its_own_priority_waits_for(desk: Desk) -> None:
    worker(desk, lowest=5)
    low, high = desk.send(priority=1), desk.send(priority=5)

    found = desk.run(why_each([low, high]))

    assert {low: "no worker takes priority 1", high: "its turn"} == {
        job_id: reason.text for job_id, reason in found.items()
    }


def test_what_is_claimed_by_a_range_is_what_is_explained(desk: Desk) -> None:
    ident = worker(desk, lowest=5)
    low = desk.send(priority=4)

    rows = desk.run(jobs.claim(queues=["q"], limit=1, worker_id=ident, hints=(), lowest=5))

    assert [] == [row for row in rows if row[0] is not None]
    assert "priority_unserved" == explained(desk, low).reasons[0].kind
