"""Finding jobs: what each filter lets through, pages, and which tables are looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from howdah import Howdah, JobFilter, JobPage, JobState
from howdah._db import bulk
from howdah._db import job as queries
from howdah._db.migrate import migrate
from howdah._db.query import Query
from howdah._db.statements import quote_name
from howdah._model.identity import uuid7s
from howdah._model.outcome import Verdict
from howdah.errors import NaiveDatetimeError, UnknownOptionError, UsageError
from tests.conftest import Clock
from tests.integration.desk import Desk

Sql = Callable[..., list[tuple[Any, ...]]]
HOUR = timedelta(hours=1)
NEWEST = UUID(int=2**128 - 1)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def ids(page: JobPage) -> list[UUID]:
    return [job.id for job in page]


def in_order(desk: Desk, count: int) -> list[UUID]:
    """Jobs whose ids rise, also when they are sent in the same millisecond."""
    return [desk.send(id=UUID(job_id)) for job_id in uuid7s(count)]


def ended(desk: Desk, *, error: str | None = None, **options: Any) -> UUID:
    """A job that has finished, failed where an error is given."""
    job_id = desk.send(queue=(queue := uuid4().hex), **options)
    (claim,) = desk.claim(queues=[queue])
    verdict = Verdict.COMPLETED if error is None else Verdict.FAILED
    said = None if error is None else f'{{"type": "ValueError", "message": "{error}"}}'
    outcome = claim.outcome(verdict, error=said)
    desk.run(queries.finish([outcome]))
    return job_id


@pytest.mark.parametrize("archived", [False, True])
@pytest.mark.parametrize(
    ("options", "found_by", "missed_by"),
    [
        ({"task": "welcome"}, {"task": "welcome"}, {"task": "welcom"}),
        ({"key": "it's %s"}, {"key": "it's %s"}, {"key": "it"}),
        ({"tags": ("a", "b,c")}, {"tags": "b,c"}, {"tags": "b"}),
        ({"tags": ("a", "b")}, {"tags": ("b", "a")}, {"tags": ("a", "c")}),
        (
            {"args": '{"user": {"id": 7, "name": "A"}, "n": null}'},
            {"args": {"user": {"id": 7}, "n": None}},
            {"args": {"user": {"id": 8}}},
        ),
        ({}, {"created_after": LONG_AGO}, {"created_before": LONG_AGO}),
    ],
)
async def test_a_filter_lets_through_what_fits_and_nothing_else(
    app: Howdah,
    desk: Desk,
    archived: bool,
    options: dict[str, Any],
    found_by: dict[str, Any],
    missed_by: dict[str, Any],
) -> None:
    job_id = ended(desk, **options) if archived else desk.send(**options)

    assert [job_id] == ids(await app.jobs.find(**found_by))
    assert [] == ids(await app.jobs.find(**missed_by))


async def test_all_that_is_given_has_to_fit(app: Howdah, desk: Desk) -> None:
    wanted = desk.send(queue="mail", task="welcome", key="k", tags=("a",))
    desk.send(queue="mail", task="welcome", tags=("a",))
    desk.send(queue="mail", task="other", key="k", tags=("a",))

    page = await app.jobs.find(queue="mail", task="welcome", key="k", tags="a", state="created")

    assert [wanted] == ids(page)


async def test_an_error_is_found_by_any_part_of_its_type_and_message(
    app: Howdah, desk: Desk
) -> None:
    job_id = ended(desk, error="100% of it timed out")
    ended(desk, error="other")

    for said in ("TIMED", "100% of", "valueerror: 100"):
        assert [job_id] == ids(await app.jobs.find(error=said))
    assert [] == ids(await app.jobs.find(error="100_"))


async def test_a_moment_of_finishing_counts_from_itself_on_and_up_to_the_next(
    app: Howdah, desk: Desk, clock: Clock
) -> None:
    early = ended(desk)
    clock.advance(HOUR)
    late = ended(desk)
    desk.send()
    moment = (await app.jobs.get(late)).finished_at

    assert [late] == ids(await app.jobs.find(finished_after=moment))
    assert [early] == ids(await app.jobs.find(finished_before=moment))


async def test_several_states_are_found_in_both_tables(app: Howdah, desk: Desk) -> None:
    failed, completed, created = ended(desk, error="x"), ended(desk), desk.send()

    page = await app.jobs.find(state=(JobState.FAILED, "created"))

    assert {created, failed} == {*ids(page)}
    assert completed not in ids(page)


async def test_pages_go_on_where_the_last_one_ended_while_jobs_come_and_go(
    app: Howdah, desk: Desk
) -> None:
    sent = in_order(desk, 5)

    first = await app.jobs.find(limit=2)
    desk.send(id=NEWEST)
    for claim in desk.claim(limit=3):
        desk.finish(claim)
    second = await app.jobs.find(limit=2, after=first.next)
    third = await app.jobs.find(limit=2, after=second.next)

    assert sent[::-1] == [*ids(first), *ids(second), *ids(third)]
    assert third.next is None


async def test_the_oldest_come_first_when_asked_for(app: Howdah, desk: Desk) -> None:
    sent = in_order(desk, 3)

    first = await app.jobs.find(order="oldest", limit=2)
    rest = await app.jobs.find(order="oldest", limit=2, after=first.next)

    assert (sent[:2], sent[2:]) == (ids(first), ids(rest))


async def test_a_page_that_is_full_and_the_last_says_so(app: Howdah, desk: Desk) -> None:
    desk.send()

    assert (await app.jobs.find(limit=1)).next is None


async def test_a_filter_as_a_value_finds_and_counts_the_same(app: Howdah, desk: Desk) -> None:
    job_id = desk.send(queue="mail")
    desk.send(queue="other")
    wanted = JobFilter(queue="mail")

    assert ([job_id], 1) == (ids(await app.jobs.page(wanted)), await app.jobs.count(wanted))
    assert [job_id] == ids(app.sync.jobs.page(wanted))
    assert [job_id] == ids(app.sync.jobs.find(queue="mail"))
    assert 1 == app.sync.jobs.count(wanted)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"state": "done"}, UsageError),
        ({"queue": 7}, UsageError),
        ({"key": "a\x00"}, UsageError),
        ({"tags": (7,)}, UsageError),
        ({"args": {"id": uuid4()}}, UsageError),
        ({"args": {"n": float("nan")}}, UsageError),
        ({"args": "x"}, UsageError),
        ({"order": "new"}, UsageError),
        ({"limit": 0}, UsageError),
        ({"limit": "5"}, UsageError),
        ({"created_after": "yesterday"}, UsageError),
        ({"created_after": datetime(2026, 1, 1)}, NaiveDatetimeError),
    ],
)
async def test_what_no_job_can_be_is_refused_with_its_name(
    app: Howdah, wrong: dict[str, Any], error: type[Exception]
) -> None:
    (name,) = wrong

    with pytest.raises(error, match=f"cannot find jobs by {name}="):
        await app.jobs.find(**wrong)


async def test_what_is_no_id_is_refused(app: Howdah) -> None:
    for verb in (app.jobs.get, app.jobs.cancel, app.jobs.explain, app.jobs.dependencies):
        with pytest.raises(UsageError, match="cannot find job 'x': the id of a job is a UUID"):
            await verb("x")  # type: ignore[operator]
    with pytest.raises(UsageError, match="cannot find job 7"):
        await app.jobs.find(after=7)  # type: ignore[arg-type]


def test_a_filter_that_does_not_exist_is_named_in_sql_as_well(sql: Sql) -> None:
    with pytest.raises(psycopg.Error, match="there is no filter 'stat': the filters are state"):
        sql("""SELECT howdah.find('{"stat": "failed"}')""")


def test_a_filter_that_does_not_exist_is_an_unknown_option(desk: Desk) -> None:
    query = Query("job/count_found", {"filter": '{"stat": 1}'}, list)
    with pytest.raises(UnknownOptionError):
        desk.run(query)


def test_sql_finds_the_same(sql: Sql, desk: Desk) -> None:
    job_id = desk.send(queue="mail", tags=("a",))
    desk.send()

    said = """'{"queue": "mail", "state": ["created", "retry"], "tags": "a", "key": null}'"""

    assert [(job_id,)] == sql(f"SELECT id FROM howdah.find({said})")


@pytest.fixture(scope="module")
def crowded(database_url: str) -> Iterator[Desk]:
    """A schema with few live jobs and many archived ones, counted rightly."""
    migrate(database_url, schema="crowded")
    desk = Desk(database_url, "crowded")
    desk.sql(
        "INSERT INTO howdah.archive (keep_until, finished_at, fence, created_at, id, attempt,"
        " priority, crash_count, state, queue, task, args)"
        " SELECT '2100-01-01', '2099-01-01Z'::timestamptz + n * interval '1 s', 1, '2099-01-01Z',"
        " pg_catalog.gen_random_uuid(), 1, 0, 0,"
        " CASE pg_catalog.mod(n, 500) WHEN 0 THEN 'failed' ELSE 'completed' END, 'q', 't', '{}'"
        " FROM pg_catalog.generate_series(1, 20000) AS n"
    )
    desk.sql("ANALYZE howdah.archive")
    yield desk
    desk.close()
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA {quote_name('crowded')} CASCADE".encode())


def plan_of(desk: Desk, wanted: JobFilter) -> str:
    """The plan of the statement that `howdah.find` makes for a page."""
    search = desk.value(
        "SELECT howdah.search('v.*', %s::text::jsonb, NULL, true, 51)", wanted.to_json()
    )
    return "\n".join(row[0] for row in desk.sql(f"EXPLAIN {search}".replace("%", "%%")))


@pytest.mark.parametrize(
    ("wanted", "job", "archive"),
    [
        (JobFilter(state=("created", "retry")), True, False),
        (JobFilter(state="failed"), False, True),
        (JobFilter(finished_after=datetime(2026, 1, 1, tzinfo=UTC)), False, True),
        (JobFilter(), True, True),
    ],
)
def test_only_the_table_that_can_hold_the_state_is_looked_at(
    crowded: Desk, wanted: JobFilter, job: bool, archive: bool
) -> None:
    plan = plan_of(crowded, wanted)

    assert (job, archive) == ("on job" in plan, "on archive_default" in plan)


@pytest.mark.parametrize("name", ["finished_after", "created_after"])
def test_days_that_have_nothing_of_a_time_are_not_looked_at(desk: Desk, name: str) -> None:
    for day in ("2099-02-01", "2099-02-02"):
        desk.sql("SELECT howdah.make_partition('archive', 'keep_until', %s::text::date)", day)
        desk.sql(
            "INSERT INTO howdah.archive (keep_until, finished_at, fence, created_at, id, attempt,"
            " priority, crash_count, state, queue, task, args)"
            " SELECT %s::text::date, at, 1, at, pg_catalog.gen_random_uuid(), 1, 0, 0, 'completed',"
            " 'q', 't', '{}' FROM (SELECT %s::text::timestamptz) AS x (at)",
            day,
            day,
        )

    plan = plan_of(desk, JobFilter(**{name: datetime(2099, 2, 2, tzinfo=UTC)}))

    assert ("archive_20990202" in plan, "archive_20990201" in plan) == (True, False)


def test_days_that_have_nothing_are_left_out_without_losing_what_has_no_day_yet(
    desk: Desk,
) -> None:
    desk.sql("SELECT howdah.make_partition('archive', 'keep_until', '2099-02-01'::date)")
    desk.sql("SELECT howdah.make_partition('archive', 'keep_until', 'infinity'::date)")
    for keep_until in ("2099-02-01", "2099-02-02", "infinity"):
        desk.sql(
            "UPDATE howdah.archive SET keep_until = %s::text::date WHERE id = %s",
            keep_until,
            ended(desk),
        )

    assert 3 == desk.run(bulk.count(JobFilter(finished_after=LONG_AGO)))
    assert 0 == desk.run(bulk.count(JobFilter(finished_before=LONG_AGO)))


def test_what_failed_is_found_by_its_own_index(crowded: Desk) -> None:
    assert "archive_default_finished_at_idx" in plan_of(crowded, JobFilter(state="failed"))


def test_a_page_of_all_reads_no_more_than_the_page(crowded: Desk) -> None:
    plan = plan_of(crowded, JobFilter(task="t"))

    assert "archive_default_id_idx" in plan
    assert "Sort" not in plan.replace("Sort Key", "")
