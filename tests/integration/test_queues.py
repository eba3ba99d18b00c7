"""Queues as rows: what code says, what an operator says, and what a send makes of both."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from howdah import Howdah, Retry
from howdah.errors import QueueInUseError, UnknownQueueError, UsageError
from tests.integration.desk import Desk


def declared(app: Howdah, **options: Any) -> Any:
    """A task `t` in a queue `q` of which the code says this."""
    app.queue("q", **options)

    @app.task(name="t", queue="q")
    async def work() -> None: ...

    return work


async def test_an_operators_word_is_kept_apart_from_the_codes(app: Howdah) -> None:
    declared(app, priority=3, retention=60)

    record = await app.queues.put("q", priority=9)
    record = await app.queues.get("q") if not record.code else record

    assert {"priority": 9} == record.override


async def test_the_operator_wins_and_the_code_says_the_rest(app: Howdah, desk: Desk) -> None:
    work = declared(app, priority=3, retention=60)
    await app.queues.put("q", priority=9)

    row = desk.row((await work.send()).id)

    assert (9, "00:01:00") == (row["priority"], row["retention"])


async def test_task_and_call_are_nearer_than_the_operator(app: Howdah, desk: Desk) -> None:
    app.queue("q", priority=3)

    @app.task(queue="q", priority=4)
    async def nearer() -> None: ...

    await app.queues.put("q", priority=9, expire_in=5)

    row = desk.row((await nearer.using(expire_in=7).send()).id)

    assert (4, "00:00:07") == (row["priority"], row["expire_in"])


async def test_what_an_operator_no_longer_says_is_as_in_code_again(app: Howdah, desk: Desk) -> None:
    work = declared(app, priority=3)
    await app.queues.put("q", priority=9)
    await app.queues.put("q", retention=60)

    assert 3 == desk.row((await work.send()).id)["priority"]


async def test_many_jobs_have_what_the_operator_says(app: Howdah, desk: Desk) -> None:
    work = declared(app)
    await app.queues.put("q", priority=9, retry=Retry(limit=7))

    ids = await work.send_many([(), ()])

    rows = [desk.row(one) for one in ids]
    assert [(9, 7)] * 2 == [(row["priority"], row["retry"]["limit"]) for row in rows]


async def test_a_job_from_sql_has_what_the_queue_says(app: Howdah, desk: Desk) -> None:
    declared(app, priority=3, retention=60)
    await app.queues.list()
    await app.queues.put("q", retention=120, retry=2)

    row = desk.row(desk.value("SELECT howdah.send('q', 't')"))

    assert (3, "00:02:00", 2) == (row["priority"], row["retention"], row["retry"]["limit"])


async def test_a_queue_may_be_named_before_anybody_serves_it(app: Howdah, desk: Desk) -> None:
    await app.queues.put("elsewhere")

    desk.sql("SELECT howdah.send('elsewhere', 't')")

    assert ["elsewhere"] == [one.name for one in await app.queues.list() if one.ready]


def test_sql_to_an_unknown_queue_names_the_nearest(desk: Desk) -> None:
    desk.sql("SELECT howdah.put_queue('mail'), howdah.put_queue('media')")

    with pytest.raises(psycopg.Error, match="no queue named 'mial': did you mean 'mail'") as caught:
        desk.sql("SELECT howdah.send('mial', 't')")

    assert "HW008" == caught.value.sqlstate


def test_sql_to_an_unknown_queue_lists_those_there_are_where_none_is_near(desk: Desk) -> None:
    desk.sql("SELECT howdah.put_queue('mail'), howdah.put_queue('media')")

    with pytest.raises(psycopg.Error, match="no queue named 'zzz': there are mail, media"):
        desk.sql("SELECT howdah.send('zzz', 't')")


async def test_python_sends_first_to_a_queue_that_the_database_does_not_know(
    app: Howdah, desk: Desk
) -> None:
    work = declared(app)

    await work.send()
    desk.sql("SELECT howdah.send('q', 't')")

    assert 2 == (await app.queues.get("q")).ready


async def test_an_unknown_queue_is_named_with_the_nearest(app: Howdah) -> None:
    declared(app)
    await app.queues.put("mail")

    with pytest.raises(UnknownQueueError, match="did you mean 'mail'") as caught:
        await app.queues.get("mial")

    assert ("mial", "mail") == (caught.value.queue, caught.value.nearest)


async def test_a_queue_with_live_jobs_is_not_deleted(app: Howdah) -> None:
    work = declared(app)
    await work.send()

    with pytest.raises(QueueInUseError, match="it has 1 live jobs"):
        await app.queues.delete("q")

    assert "q" in [one.name for one in await app.queues.list()]


async def test_a_queue_is_deleted_with_its_jobs_when_told(app: Howdah, desk: Desk) -> None:
    work = declared(app)
    ids = [(await work.send()).id for _ in range(3)]
    other = Howdah(app.database_url, schema=app.schema)

    assert 3 == await other.queues.delete("q", with_jobs=True)

    assert ["cancelled"] * 3 == [desk.state(one) for one in ids]
    assert "q" not in [one.name for one in await other.queues.list()]
    await other.close()


async def test_sql_does_not_know_a_deleted_queue(app: Howdah, desk: Desk) -> None:
    await app.queues.put("gone")
    desk.finish(*desk.claim(queues=["gone"])) if desk.sql(
        "SELECT howdah.send('gone', 't')"
    ) else None
    other = Howdah(app.database_url, schema=app.schema)
    await other.queues.delete("gone")
    await other.close()

    with pytest.raises(psycopg.Error, match="no queue named 'gone'"):
        desk.sql("SELECT howdah.send('gone', 't')")


@pytest.mark.parametrize(
    "options",
    [
        {"policy": "shrot"},
        {"on_full": "explode"},
        {"max_waiting": 0},
        {"max_waiting": 1.5},
        {"dead_letter": ""},
        {"full_timeout": -1},
        {"priority": 1e6},
    ],
)
async def test_what_makes_no_sense_of_a_queue_is_refused(
    app: Howdah, options: dict[str, Any]
) -> None:
    with pytest.raises(UsageError):
        app.queue("q", **options)
    with pytest.raises(UsageError):
        await app.queues.put("q", **options)


async def test_an_operator_cannot_name_exceptions(app: Howdah) -> None:
    retry = Retry(never=(ValueError,))

    with pytest.raises(UsageError, match="of queue 'q' at run time: exception classes"):
        await app.queues.put("q", retry=retry)
    with pytest.raises(UsageError, match="of queue 'q' at run time: exception classes"):
        app.sync.queues.put("q", retry=retry)


@pytest.mark.parametrize(
    "override",
    [
        "[]",
        '{"polcy": "short"}',
        '{"policy": ["short"]}',
        '{"on_full": 1}',
        '{"max_waiting": 0}',
        '{"priority": 1e6}',
        '{"expire_in": 0}',
    ],
)
def test_what_makes_no_sense_of_a_queue_in_sql_is_hw005(desk: Desk, override: str) -> None:
    with pytest.raises(psycopg.Error) as caught:
        desk.sql("SELECT howdah.put_queue('q', %s::text::jsonb)", override)

    assert "HW005" == caught.value.sqlstate
