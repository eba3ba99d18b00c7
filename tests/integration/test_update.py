"""`update`: a job that waits takes other arguments and options, and keeps the rest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from howdah import Howdah, Limit, Retry
from howdah.errors import (
    IllegalTransitionError,
    JobNotFoundError,
    NaiveDatetimeError,
    PayloadMismatchError,
    PayloadValueError,
    UsageError,
)
from howdah.task import Task
from tests.integration.desk import Desk

Index = Task[[int], None, ..., Any]


@pytest.fixture
def index(app: Howdah) -> Any:
    @app.task(queue="q", name="t")
    async def index(page: int) -> None: ...

    return index


async def test_what_is_said_changes_and_the_rest_stays(
    app: Howdah, index: Index, desk: Desk
) -> None:
    job = await index.using(key="k", priority=1, tags=["a"], retry=7).send(1)

    state = await app.jobs.update(
        job.id, args=index.call(2), priority=5, expire_in=timedelta(minutes=1), retention=60
    )

    record = await job.get()
    assert ("created", {"page": 2}, 5) == (state, record.args, record.priority)
    assert (timedelta(minutes=1), timedelta(minutes=1)) == (record.expire_in, record.retention)
    assert ("k", ("a",)) == (record.key, record.tags)
    assert Retry(limit=7).to_mapping() == record.retry


def test_code_that_does_not_await_has_the_same_words(app: Howdah, index: Index) -> None:
    job = app.sync.send(index.using(key="k"), 1)

    assert "created" == app.sync.jobs.update(job.id, args=index.call(2), tags=["a", "b"])
    assert [job.id] == app.sync.jobs.update_key(index, "k", retry=0)

    record = job.get()
    assert ({"page": 2}, ("a", "b")) == (record.args, record.tags)
    assert Retry(limit=0).to_mapping() == record.retry


async def test_a_job_in_its_back_off_can_be_let_go_and_keeps_its_attempts(
    app: Howdah, desk: Desk
) -> None:
    job_id = desk.send()
    desk.put_back(*desk.claim(), delay=3600)

    assert "retry" == await app.jobs.update(job_id, start_after=0)

    (claim,) = desk.claim()
    assert (job_id, 2) == (claim.job_id, claim.attempt)


async def test_a_job_is_put_off_to_a_moment(app: Howdah, desk: Desk) -> None:
    job_id = desk.send()
    moment = datetime(2100, 1, 1, tzinfo=UTC)

    await app.jobs.update(job_id, start_after=moment)

    assert [] == desk.claim()
    assert moment == (await app.jobs.get(job_id)).start_after


async def test_all_waiting_jobs_of_a_key_are_changed_and_no_others(
    app: Howdah, index: Index, desk: Desk
) -> None:
    runs = (await index.using(key="k", replace=["args"], priority=9).send(1)).id
    desk.claim()
    waits = (await index.using(key="k", replace=["args"]).send(1)).id
    plain = (await index.using(key="k").send(1)).id
    other = (await index.using(key="other").send(1)).id

    ids = await app.jobs.update_key(index, "k", args=index.call(2))

    assert sorted([waits, plain]) == ids
    assert {"page": 1} == desk.row(runs)["args"] == desk.row(other)["args"]
    assert [] == await app.jobs.update_key(index, "nobody", priority=1)


async def test_an_update_can_be_rolled_back(app: Howdah, index: Index, desk: Desk) -> None:
    job = await index.send(1)

    with desk.connection.transaction(force_rollback=True):
        app.sync.jobs.update(job.id, priority=9, conn=desk.connection)

    assert 0 == (await job.get()).priority


async def test_the_arguments_of_another_task_are_refused(app: Howdah, index: Index) -> None:
    @app.task
    async def other(word: str) -> None: ...

    job = await index.using(key="k").send(1)

    with pytest.raises(PayloadValueError, match="the arguments are for task 'other'"):
        await app.jobs.update(job.id, args=other.call("x"))
    with pytest.raises(UsageError, match=r"make them with t\.call"):
        await app.jobs.update_key(index, "k", args=other.call("x"))
    with pytest.raises(PayloadMismatchError, match="page"):
        index.call("x")  # type: ignore[arg-type]


async def test_a_job_that_does_not_wait_is_refused(app: Howdah, desk: Desk) -> None:
    job_id = desk.send()
    desk.claim()

    with pytest.raises(IllegalTransitionError, match="only created or retry jobs can") as caught:
        await app.jobs.update(job_id, priority=1)

    assert ("update", "active") == (caught.value.verb, caught.value.state)
    with pytest.raises(JobNotFoundError):
        await app.jobs.update(uuid4(), priority=1)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({}, UsageError),
        ({"priority": 40_000}, UsageError),
        ({"retry": Retry(never=(ValueError,))}, UsageError),
        ({"deadline": datetime(2030, 1, 1)}, NaiveDatetimeError),
        ({"args": {"page": 1}}, UsageError),
    ],
)
async def test_what_makes_no_sense_is_refused(
    app: Howdah, changes: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        await app.jobs.update(UUID(int=0), **changes)


async def test_the_name_of_a_task_is_no_task(app: Howdah) -> None:
    with pytest.raises(UsageError, match="cannot update jobs of task 't': give the task itself"):
        await app.jobs.update_key("t", "k", priority=1)  # type: ignore[arg-type]


def test_a_held_job_that_is_let_go_stays_held(desk: Desk, app: Howdah) -> None:
    job_id = desk.send(start_after=60)
    desk.sql("UPDATE howdah.job SET held = 'task'")

    app.sync.jobs.update(job_id, start_after=0)

    assert [] == desk.claim()
    assert desk.row(job_id)["ready_xid"] is None


async def test_other_arguments_draw_from_the_limits_of_other_keys(app: Howdah, desk: Desk) -> None:
    @app.task(queue="q", limits=[Limit(per_key=1, key="tenant")])
    async def work(tenant: str) -> None: ...

    job = await work.using(group="g").send("a")
    await app.jobs.update(job.id, args=work.call("b"))

    row = desk.row(job.id)
    assert (["work:b"], "g|work:b") == (row["limits"], row["line"])


async def test_a_job_of_a_group_is_claimed_with_its_new_priority(app: Howdah, desk: Desk) -> None:
    job_id = desk.send(group="g")
    await app.jobs.update(job_id, priority=3)

    assert [job_id] == [claim.job_id for claim in desk.claim()]


async def test_a_debounced_job_draws_from_the_limits_of_its_last_arguments(
    app: Howdah, desk: Desk
) -> None:
    @app.task(queue="q", limits=[Limit(per_key=1, key="tenant")], debounce=60)
    async def work(tenant: str) -> None: ...

    job = await work.send("a")
    await work.send("b")

    row = desk.row(job.id)
    assert (["work:b"], "|work:b") == (row["limits"], row["line"])
