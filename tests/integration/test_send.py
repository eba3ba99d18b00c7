"""What each option of a send does, whether it is said in Python or in SQL."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from howdah import Howdah, Retry
from howdah._db import job as jobs
from tests.conftest import Clock
from tests.integration.desk import Desk

Sql = Callable[..., list[tuple[Any, ...]]]
Send = Callable[..., Awaitable[UUID]]

LOWEST, HIGHEST = -32_768, 32_767


@pytest.fixture(params=["python", "sql"])
def send(request: pytest.FixtureRequest, app: Howdah, sql: Sql) -> Send:
    """Sends a job of task `t` to queue `q` in one of the ways there are."""

    @app.task(name="t", queue="q")
    async def work() -> None: ...

    async def python(**options: Any) -> UUID:
        return (await work.using(**options).send()).id

    async def in_sql(**options: Any) -> UUID:
        sql("SELECT howdah.put_queue('q')")
        said = {name: as_json(name, value) for name, value in options.items()}
        if isinstance(options.get("start_after"), timedelta | float):
            said["delay"] = said.pop("start_after")
        [(job_id,)] = sql("SELECT howdah.send('q', 't', '{}', %s::text::jsonb)", json.dumps(said))
        return UUID(str(job_id))

    return {"python": python, "sql": in_sql}[request.param]


def as_json(name: str, value: Any) -> Any:
    """An option as somebody writes it in SQL."""
    match value:
        case UUID():
            return str(value)
        case datetime():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case Retry():
            return value.to_mapping()
        case _:
            return value


def claimed(desk: Desk) -> list[UUID]:
    """Every job that can be claimed now, in the order of the claim."""
    return [claim.job_id for claim in desk.claim(limit=100)]


def promoted(desk: Desk) -> int:
    return desk.run(jobs.promote(limit=100, within=None))[0]


# Which comes first


async def test_the_highest_priority_is_claimed_first(send: Send, desk: Desk) -> None:
    sent = {one: await send(priority=one) for one in (0, LOWEST, 5, HIGHEST, -1)}

    assert [sent[one] for one in (HIGHEST, 5, 0, -1, LOWEST)] == claimed(desk)


async def test_of_one_priority_the_oldest_is_claimed_first(send: Send, desk: Desk) -> None:
    sent = [await send() for _ in range(6)]

    assert sent == claimed(desk)


async def test_jobs_of_one_transaction_keep_their_order(
    app: Howdah, desk: Desk, database_url: str
) -> None:
    @app.task(name="t", queue="q")
    async def work() -> None: ...

    async with await psycopg.AsyncConnection.connect(database_url) as conn:
        sent = [str((await work.using(conn=conn).send()).id) for _ in range(50)]

    assert sent == [claim.id for claim in desk.claim(limit=50)]


def test_what_sql_sends_in_one_statement_keeps_its_order(desk: Desk) -> None:
    desk.sql("SELECT howdah.put_queue('q')")
    rows = desk.sql(
        "SELECT howdah.send('q', 't', '{}')::text FROM pg_catalog.generate_series(1, 50)"
    )

    assert [row[0] for row in rows] == [claim.id for claim in desk.claim(limit=50)]


def test_an_id_made_in_sql_tells_its_time_and_version(desk: Desk) -> None:
    before = time.time()
    made = UUID(desk.value("SELECT howdah.uuid7()::text"))

    assert (7, "specified in RFC 4122") == (made.version, made.variant)
    assert before - 1 <= (made.int >> 80) / 1000 <= time.time() + 1


async def test_a_job_that_says_nothing_has_priority_zero(send: Send, desk: Desk) -> None:
    plain, low, high = await send(), await send(priority=-1), await send(priority=1)

    assert [high, plain, low] == claimed(desk)


# When


async def test_a_job_starts_after_its_moment(send: Send, desk: Desk, clock: Clock) -> None:
    job_id = await send(start_after=datetime.now(UTC) + timedelta(minutes=5))
    before = promoted(desk), claimed(desk)

    clock.advance(301)

    assert (0, []) == before
    assert (1, [job_id]) == (promoted(desk), claimed(desk))


@pytest.mark.parametrize("delay", [timedelta(minutes=5), 300.0])
async def test_a_job_starts_after_its_delay(
    send: Send, desk: Desk, clock: Clock, delay: timedelta | float
) -> None:
    job_id = await send(start_after=delay)
    clock.advance(299)
    before = promoted(desk), claimed(desk)

    clock.advance(2)

    assert (0, []) == before
    assert (1, [job_id]) == (promoted(desk), claimed(desk))


async def test_a_moment_that_is_over_is_now(send: Send, desk: Desk) -> None:
    job_id = await send(start_after=datetime(2020, 1, 1, tzinfo=UTC))

    assert [job_id] == claimed(desk)


async def test_a_moment_keeps_its_time_zone(send: Send, desk: Desk) -> None:
    moment = datetime.fromisoformat("2100-07-01T12:00:00+05:30")

    job_id = await send(start_after=moment)

    assert moment == datetime.fromisoformat(desk.row(job_id)["start_after"])


async def test_no_delay_is_now(send: Send, desk: Desk) -> None:
    job_id = await send(start_after=timedelta(0))

    assert [job_id] == claimed(desk)


# Once


async def test_a_second_send_of_a_key_answers_with_the_first(send: Send, desk: Desk) -> None:
    sent = [await send(key="k") for _ in range(2)]

    assert [sent[0]] * 2 == sent
    assert [sent[0]] == claimed(desk)


async def test_a_key_may_hold_any_character(send: Send, desk: Desk) -> None:
    keys = ["é", "a,b", '"', "\\", "{}", "\x1e", " ", "k" * 500]

    sent = [await send(key=key) for key in keys]

    assert keys == [desk.row(one)["key"] for one in sent]
    assert sent == [await send(key=key) for key in keys]


async def test_a_key_holds_while_its_job_runs(send: Send, desk: Desk) -> None:
    first = await send(key="k")
    desk.claim()

    assert first == await send(key="k")


async def test_a_key_is_free_when_its_job_has_finished(send: Send, desk: Desk) -> None:
    first = await send(key="k")
    desk.finish(*desk.claim())

    second = await send(key="k")

    assert first != second
    assert [second] == claimed(desk)


async def test_other_tasks_have_keys_of_their_own(send: Send, desk: Desk) -> None:
    other = desk.send(task="another", key="k")

    assert other != await send(key="k")


async def test_the_job_has_the_id_it_was_sent_with(send: Send, desk: Desk) -> None:
    job_id = uuid4()

    assert job_id == await send(id=job_id)
    assert [job_id] == claimed(desk)


async def test_a_second_send_of_an_id_stores_nothing(send: Send, desk: Desk) -> None:
    job_id = uuid4()
    await send(id=job_id)

    assert job_id == await send(id=job_id, priority=7)
    assert 0 == desk.row(job_id)["priority"]


async def test_an_id_whose_job_has_run_does_not_run_again(send: Send, desk: Desk) -> None:
    job_id = uuid4()
    await send(id=job_id)
    desk.finish(*desk.claim())

    assert job_id == await send(id=job_id)
    assert ([], "completed") == (claimed(desk), desk.state(job_id))


async def test_an_id_sent_again_answers_with_its_job_though_another_has_its_key(
    send: Send, desk: Desk
) -> None:
    job_id = uuid4()
    await send(id=job_id, key="k")
    desk.finish(*desk.claim())
    await send(key="k")

    assert job_id == await send(id=job_id, key="k")


# The rest


async def test_tags_are_kept(send: Send, desk: Desk) -> None:
    tags = ("red", "a b", 'quote"', "back\\slash", "{x,y}", "NULL", "é")

    job_id = await send(tags=tags)

    assert list(tags) == desk.row(job_id)["tags"]


async def test_retention_says_until_when_the_finished_job_is_kept(send: Send, desk: Desk) -> None:
    job_id = await send(retention=timedelta(days=3))
    desk.finish(*desk.claim())

    today = desk.value("SELECT (now() AT TIME ZONE 'UTC')::date")
    assert str(today + timedelta(days=4)) == desk.row(job_id)["keep_until"]


async def test_expire_in_counts_from_the_claim(send: Send, desk: Desk, clock: Clock) -> None:
    job_id = await send(expire_in=timedelta(seconds=90))
    clock.advance(1000)

    desk.claim()

    assert timedelta(seconds=90) == desk.value(
        "SELECT expire_at - started_at FROM howdah.job WHERE id = %s", job_id
    )


async def test_a_retry_policy_is_kept(send: Send, desk: Desk) -> None:
    retry = Retry(limit=7, delay=2.5, backoff=False, delay_max=60, jitter=0)

    job_id = await send(retry=retry)

    assert retry.to_mapping() == desk.row(job_id)["retry"]


async def test_what_nobody_says_is_null(send: Send, desk: Desk) -> None:
    row = desk.row(await send())

    said = {"key", "tags", "retry", "expire_in", "retention", "start_after"}
    assert dict.fromkeys(said) == {name: row[name] for name in said}
