"""Dead letters: what failed for good leaves a copy in another queue, and can come back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from howdah import DeadLetter, Howdah, JobFilter, JobRecord
from howdah._db import dead_letter
from howdah._db import job as jobs
from howdah._db import queue as queues
from howdah._db.bulk import BulkProgress
from howdah._db.dead_letter import Redriven
from howdah._db.steps import walk
from howdah._model.outcome import Verdict
from howdah.errors import QueueFullError, UsageError
from howdah.testing import Testbed
from tests.conftest import Clock
from tests.integration.desk import Desk

EPOCH, FUTURE = datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def letters(app: Howdah, queue: str = "dead") -> list[JobRecord]:
    """The dead letters of a queue, the oldest first."""
    return list(app.sync.jobs.find(queue=queue, order="oldest").jobs)


def die(desk: Desk, *, verdict: Verdict = Verdict.FAILED) -> str:
    """End the next job, and return its id."""
    (claim,) = desk.claim()
    desk.run(jobs.finish([claim.outcome(verdict, error='{"type": "E", "message": "m"}')]))
    return claim.id


@pytest.mark.parametrize("verdict", [Verdict.FAILED, Verdict.EXPIRED])
def test_a_job_that_ends_badly_leaves_a_copy(desk: Desk, app: Howdah, verdict: Verdict) -> None:
    desk.send(args='{"n": 1}', dead_letter="dead", priority=3, tags=("a",), key="k", retry=7)
    job_id = die(desk, verdict=verdict)

    (copy,) = letters(app)

    assert ("t", {"n": 1}, 3, ("a",), 0) == (
        copy.task, copy.args, copy.priority, copy.tags, copy.attempt,
    )  # fmt: skip
    assert (None, None, True, "m") == (
        copy.key, copy.dead_letter, copy.ready, copy.errors[-1]["message"],
    )  # fmt: skip
    assert copy.source is not None
    assert (job_id, "q", "t", 1, verdict) == tuple(
        copy.source[name] for name in ("id", "queue", "task", "attempts", "state")
    )
    assert UUID(job_id) != copy.id


@pytest.mark.parametrize("verdict", [Verdict.COMPLETED, Verdict.CANCELLED])
def test_a_job_that_ends_otherwise_leaves_none(desk: Desk, app: Howdah, verdict: Verdict) -> None:
    desk.send(dead_letter="dead")
    die(desk, verdict=verdict)

    assert [] == letters(app)


def test_an_attempt_that_is_to_be_repeated_leaves_none(desk: Desk, app: Howdah) -> None:
    desk.send(dead_letter="dead")
    desk.put_back(*desk.claim())

    assert [] == letters(app)


def test_a_copy_that_fails_leaves_no_other(desk: Desk, app: Howdah) -> None:
    desk.send(dead_letter="q")
    die(desk)
    die(desk)

    assert 2 == desk.value("SELECT count(*) FROM howdah.archive")
    assert [] == letters(app, "q")[2:]


def test_a_job_whose_deadline_is_over_leaves_a_copy(desk: Desk, app: Howdah, clock: Clock) -> None:
    desk.send(dead_letter="dead", start_after=7_200, deadline=3_600)
    clock.advance(timedelta(hours=3))
    desk.run(jobs.expire_late(limit=10))

    (copy,) = letters(app)
    assert copy.source is not None
    assert "expired" == copy.source["state"]


def test_the_copy_is_rolled_back_with_the_end_of_the_job(desk: Desk, app: Howdah) -> None:
    desk.send(dead_letter="dead")
    (claim,) = desk.claim()
    desk.sql("BEGIN")
    desk.run(jobs.finish([claim.outcome(Verdict.FAILED)]))
    desk.sql("ROLLBACK")

    assert [] == letters(app)
    assert "active" == desk.state(claim.id)


@pytest.mark.parametrize(
    "said",
    [
        {"max_waiting": 1},
        {"max_waiting": 1, "on_full": "drop_oldest"},
        {"policy": "exclusive"},
        {"policy": "singleton"},
        {"policy": "key_strict_fifo"},
    ],
)
def test_a_copy_is_stored_whatever_its_queue_says(
    desk: Desk, app: Howdah, said: dict[str, object]
) -> None:
    desk.run(queues.put("dead", said))
    for _ in range(3):
        desk.send(dead_letter="dead", key="k")
        die(desk)

    found = letters(app)

    assert [(None, None, True)] * 3 == [(one.policy, one.line, one.ready) for one in found]
    assert 3 == len(desk.claim(limit=10, queues=["dead"]))


@pytest.mark.parametrize("is_deleted", [False, True])
def test_a_copy_is_stored_in_a_queue_that_nobody_knows(
    desk: Desk, app: Howdah, *, is_deleted: bool
) -> None:
    if is_deleted:
        desk.run(queues.put("dead", {}))
        desk.sql("SELECT howdah.delete_queue('dead')")
    desk.send(dead_letter="dead")
    die(desk)

    assert 1 == len(letters(app))
    assert [1] == [one.ready for one in app.sync.queues.list() if one.name == "dead"]
    assert (1, 0) == redrive(desk)


def test_a_full_queue_of_dead_letters_turns_senders_away(desk: Desk) -> None:
    desk.run(queues.put("dead", {"max_waiting": 1}))
    desk.send(dead_letter="dead")
    die(desk)

    with pytest.raises(QueueFullError):
        desk.send(queue="dead")


def test_what_is_dropped_for_want_of_room_is_the_oldest_and_no_dead_letter(
    desk: Desk, app: Howdah
) -> None:
    desk.run(queues.put("dead", {"max_waiting": 2, "on_full": "drop_oldest"}))
    desk.send(dead_letter="dead")
    die(desk)
    sent = [desk.send(queue="dead", id=UUID(int=number)) for number in (2, 1)]

    assert ["cancelled", "created"] == [desk.state(one) for one in sent]
    assert 1 == sum(one.source is not None for one in letters(app))


def test_the_nearest_who_names_a_queue_decides(database_url: str, schema: str) -> None:
    app = Howdah(database_url, schema=schema, dead_letter="of-app")
    app.queue("mail", dead_letter="of-queue")

    @app.task
    async def a() -> None: ...

    @app.task(queue="mail")
    async def b() -> None: ...

    @app.task(queue="mail", dead_letter="of-task")
    async def c() -> None: ...

    sent = [app.sync.send(one) for one in (a, b, c, c.using(dead_letter="of-call"))]
    (many,) = app.sync.send_many(b, [()])
    found = [app.sync.jobs.get(one).dead_letter for one in (*(job.id for job in sent), many)]
    app.sync.close()

    assert ["of-app", "of-queue", "of-task", "of-call", "of-queue"] == found
    with pytest.raises(UsageError, match="as dead_letter"):
        c.using(dead_letter="")


# Back again.


def redrive(
    desk: Desk, *, destination: str | None = None, limit: int | None = None
) -> tuple[int, int]:
    """Move dead letters back."""
    steps = dead_letter.redrive("dead", destination=destination, limit=limit, progress=None)
    done = walk(steps, desk.run)
    return done.moved, done.kept


def dead(desk: Desk, count: int, **options: Any) -> None:
    """Let some jobs fail for good."""
    for number in range(count):
        desk.send(args=f'{{"n": {number}}}', dead_letter="dead", **options)
        die(desk)


def test_dead_letters_go_back_where_they_came_from(desk: Desk, app: Howdah) -> None:
    dead(desk, 1, key="k")

    assert (1, 0) == redrive(desk)

    (job,) = app.sync.jobs.find(queue="q", state="created").jobs  # type: ignore[arg-type]
    assert ("k", "dead", None, 0, True) == (
        job.key, job.dead_letter, job.source, job.attempt, job.ready,
    )  # fmt: skip
    die(desk)
    assert 1 == len(letters(app))


def test_the_oldest_go_first_and_so_many_as_are_asked_for(desk: Desk, app: Howdah) -> None:
    dead(desk, 3)

    assert (2, 0) == redrive(desk, limit=2)

    assert [{"n": 2}] == [letter.args for letter in letters(app)]


def test_dead_letters_may_go_elsewhere(desk: Desk, app: Howdah) -> None:
    dead(desk, 1)

    assert (1, 0) == redrive(desk, destination="slow")

    assert 1 == len(letters(app, "slow"))


def test_one_whose_key_is_taken_is_kept_and_holds_up_no_other(desk: Desk, app: Howdah) -> None:
    dead(desk, 1, key="k")
    dead(desk, 1)
    desk.send(key="k")

    assert (1, 1) == redrive(desk)
    assert [{"n": 0}] == [letter.args for letter in letters(app)]


def test_other_jobs_of_the_queue_stay(desk: Desk, app: Howdah) -> None:
    dead(desk, 1)
    desk.send(queue="dead", args='{"mine": true}')

    assert (1, 0) == redrive(desk)
    assert [{"mine": True}] == [letter.args for letter in letters(app)]


def test_a_dead_letter_that_is_running_stays(desk: Desk) -> None:
    dead(desk, 1)
    desk.claim(queues=["dead"])

    assert (0, 0) == redrive(desk)


def test_one_that_somebody_moves_already_is_passed_over(
    desk: Desk, open_desk: Callable[[], Desk]
) -> None:
    dead(desk, 2)
    with desk.transaction():
        redrive(desk, limit=1)

        assert (1, 0) == redrive(open_desk())


def test_a_group_and_limits_come_back(desk: Desk, app: Howdah) -> None:
    dead(desk, 1, group="tenant")
    (letter,) = letters(app)
    assert letter.line is None

    redrive(desk)

    (job,) = app.sync.jobs.find(queue="q", state="created").jobs  # type: ignore[arg-type]
    assert "tenant" == job.line


async def test_batches_go_on_to_the_end_and_say_how_far_they_are(desk: Desk, app: Howdah) -> None:
    desk.sql(
        "INSERT INTO howdah.job (id, queue, task, args, ready_xid, source)"
        " SELECT howdah.uuid7(), 'dead', 't', '{}', howdah.turn(), '{\"queue\": \"q\"}'"
        " FROM generate_series(1, 1200)"
    )
    told: list[BulkProgress] = []

    done = await app.jobs.redrive("dead", progress=told.append)

    assert (1_200, 0) == (done.moved, done.kept)
    assert [500, 1_000, 1_200] == [far.seen for far in told]
    assert {1_200} == {far.total for far in told}


# Some of them.


FITTING: list[dict[str, Any]] = [
    {"task": "u"},
    {"key": "k"},
    {"tags": ("a", "b")},
    {"args": {"n": 1}},
    {"error": "e: m"},
    {"created_after": EPOCH},
    {"created_before": FUTURE},
    {"finished_after": EPOCH, "created_after": EPOCH},
    {"finished_before": FUTURE},
    {"state": "created"},
    {"queue": "dead"},
]
OTHERS: list[dict[str, Any]] = [
    {"task": "t"},
    {"key": "other"},
    {"tags": ("a", "c")},
    {"args": {"n": 2}},
    {"error": "another"},
    {"created_after": FUTURE},
    {"created_before": EPOCH},
    {"finished_after": FUTURE},
    {"finished_before": EPOCH, "created_after": EPOCH},
    {"state": "retry"},
]


@pytest.mark.parametrize("said", FITTING, ids=str)
async def test_those_that_fit_a_filter_go_back(
    desk: Desk, app: Howdah, said: dict[str, Any]
) -> None:
    desk.send(task="u", key="k", tags=("a", "b"), args='{"n": 1}', dead_letter="dead")
    die(desk)

    assert 1 == desk.run(dead_letter.count("dead", JobFilter(**said)))
    assert 1 == (await app.jobs.redrive("dead", JobFilter(**said))).moved


@pytest.mark.parametrize("said", OTHERS, ids=str)
async def test_those_that_do_not_fit_stay(desk: Desk, app: Howdah, said: dict[str, Any]) -> None:
    desk.send(task="u", key="k", tags=("a", "b"), args='{"n": 1}', dead_letter="dead")
    die(desk)

    assert 0 == desk.run(dead_letter.count("dead", JobFilter(**said)))
    assert Redriven() == await app.jobs.redrive("dead", JobFilter(**said))


def test_of_those_that_fit_the_oldest_go_first_in_batches(
    desk: Desk, app: Howdah, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letter, "BATCH", 2)
    for tag in "aabaaba":
        dead(desk, 1, tags=(tag,))
    told: list[BulkProgress] = []
    fitting = [letter.id for letter in letters(app) if letter.tags == ("a",)]

    done = app.sync.jobs.redrive("dead", JobFilter(tags="a"), limit=3, progress=told.append)

    assert Redriven(moved=3) == done
    assert [BulkProgress(2, 3), BulkProgress(3, 3)] == told
    assert fitting[3:] == [letter.id for letter in letters(app) if letter.tags == ("a",)]
    assert 4 == len(letters(app))


async def test_those_that_are_named_go_back_and_what_is_not_there_is_told(
    desk: Desk, app: Howdah, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letter, "BATCH", 2)
    dead(desk, 4)
    first, second, third, fourth = (letter.id for letter in letters(app))
    own = desk.send(queue="dead")
    told: list[BulkProgress] = []

    done = await app.jobs.redrive("dead", [third, own, first, third, fourth], progress=told.append)

    assert Redriven(moved=3, missing=(own,)) == done
    assert [BulkProgress(2, 3), BulkProgress(3, 3)] == told
    assert [second, own] == [letter.id for letter in letters(app)]
    assert Redriven(missing=(first,)) == app.sync.jobs.redrive("dead", [first])


async def test_of_those_that_are_named_so_many_go_back_as_are_asked_for(
    desk: Desk, app: Howdah
) -> None:
    dead(desk, 3)
    ids = [letter.id for letter in letters(app)]

    assert Redriven(moved=2) == await app.jobs.redrive("dead", reversed(ids), limit=2)
    assert ids[2:] == [letter.id for letter in letters(app)]


@pytest.mark.parametrize(
    ("jobs", "why"),
    [
        (JobFilter(queue="q"), "cannot redrive jobs of queue 'q' from 'dead'"),
        (JobFilter(state="failed"), "cannot redrive jobs that are failed: choose among created"),
        ("all", "cannot redrive 'all': give ids"),
    ],
)
async def test_what_no_dead_letter_can_be_is_refused(app: Howdah, jobs: Any, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        await app.jobs.redrive("dead", jobs)


@pytest.mark.parametrize("wrong", ["[]", "3", '{"colour": "red"}'])
def test_a_filter_in_sql_that_makes_no_sense_is_refused(desk: Desk, wrong: str) -> None:
    with pytest.raises(psycopg.Error, match=r"cannot find jobs by|there is no filter") as refused:
        desk.sql("SELECT howdah.redrive('dead', p_filter => %s)", wrong)

    assert "HW005" == refused.value.sqlstate


# Giving up.


@pytest.mark.parametrize("queue", ["dead", None])
async def test_a_handler_may_give_up_at_once(
    database_url: str, schema: str, desk: Desk, queue: str | None
) -> None:
    app = Howdah()
    with Testbed.open(app, url=database_url) as bed:

        @app.task(retry=5, dead_letter=queue)
        async def hopeless() -> None:
            try:
                raise DeadLetter("no such address")
            except Exception as error:
                raise AssertionError from error

        job = await hopeless.send()
        await bed.drain(queues=["default"])

        record = await job.get()
        assert ("failed", 1, "DeadLetter", "no such address") == (
            record.state, record.attempt, record.errors[-1]["type"], record.errors[-1]["message"],
        )  # fmt: skip
        assert (queue is not None) == bool(letters(app))
        await app.close()
