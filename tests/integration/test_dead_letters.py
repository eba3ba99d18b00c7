"""Dead letters: what failed for good leaves a copy in another queue, and can come back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

from howdah import DeadLetter, Howdah, JobRecord
from howdah._db import dead_letter
from howdah._db import job as jobs
from howdah._db import queue as queues
from howdah._db.bulk import BulkProgress
from howdah._db.steps import walk
from howdah._model.outcome import Verdict
from howdah.errors import QueueFullError, UsageError
from howdah.testing import Testbed
from tests.conftest import Clock
from tests.integration.desk import Desk


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


def dead(desk: Desk, count: int, **options: object) -> None:
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
