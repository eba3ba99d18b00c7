"""Claiming and settling by hand: leases, fences, retries, and where no worker runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from howdah import Claim, Howdah, JobState, SyncClaim
from howdah._db import by_hand
from howdah._db import job as jobs
from howdah._db import worker as workers
from howdah.errors import (
    JobLostError,
    PayloadMismatchError,
    ResultError,
    UnknownTaskError,
    UsageError,
)
from tests.conftest import Clock
from tests.integration.desk import Desk

MINUTE = timedelta(minutes=1)


def sweep(desk: Desk) -> int:
    return desk.run(workers.sweep(crash_limit=3))[1]


def leases(desk: Desk) -> int:
    return int(desk.value("SELECT count(*) FROM howdah.worker"))


async def one(app: Howdah, **options: Any) -> Claim:
    (claim,) = await app.claim("q", **options)
    return claim


async def test_jobs_are_claimed_in_order_with_what_they_hold(app: Howdah, desk: Desk) -> None:
    low = desk.send(args='{"n": 1}')
    high = desk.send(priority=5, key="k", tags=["a"])
    desk.send(queue="other")

    claims = await app.claim("q", limit=10)

    assert [high, low] == [claim.id for claim in claims]
    assert ("k", ("a",), 5, "t", 1) == (
        claims[0].key,
        claims[0].tags,
        claims[0].priority,
        claims[0].task,
        claims[0].attempt,
    )
    assert ({"n": 1}, "active") == (claims[1].args, desk.state(low))


async def test_a_claim_that_finds_nothing_leaves_nothing(app: Howdah, desk: Desk) -> None:
    assert [] == await app.claim("q")
    assert 0 == leases(desk)
    assert 0 == desk.value("SELECT count(*) FROM howdah.hand_hint")


async def test_two_who_claim_first_leave_one_hint_where_somebody_keeps_house(
    app: Howdah, desk: Desk, open_desk: Callable[[], Desk]
) -> None:
    other = open_desk()
    for _ in range(3):
        desk.send()
    with other.transaction():
        other.sql("SELECT FROM howdah.claim_jobs('q')")
        desk.sql("SELECT FROM howdah.claim_jobs('q')")
    assert 2 == desk.value("SELECT count(*) FROM howdah.hand_hint")

    assert 1 == len(await app.claim("q"))

    assert 1 == desk.value("SELECT count(*) FROM howdah.hand_hint")


async def test_no_job_is_skipped_while_hints_are_forgotten(
    app: Howdah, desk: Desk, open_desk: Callable[[], Desk]
) -> None:
    other = open_desk()
    sent: set[UUID] = set()
    found: list[UUID] = []
    for _ in range(5):
        with other.transaction():
            # Committed after those behind it were claimed.
            sent.add(other.send())
            sent |= {desk.send() for _ in range(3)}
            desk.sql("INSERT INTO howdah.hand_hint (queue, hints) VALUES ('q', '')")
            desk.sql("UPDATE howdah.hand_hint SET moves = 0")
            found += [claim.id for claim in await app.claim("q", limit=3)]
            desk.run(by_hand.forget_hints())
    found += [claim.id for claim in await app.claim("q", limit=20)]

    assert sent == set(found)
    assert len(sent) == len(found)


async def test_a_job_that_is_settled_is_over_and_so_is_its_lease(app: Howdah, desk: Desk) -> None:
    desk.send()
    desk.send()
    first, second = await app.claim("q", limit=2)

    await first.complete({"pages": 3})
    assert 1 == leases(desk)
    state = await second.fail("no such page", retry=False)

    record = await app.jobs.get(first.id)
    assert (JobState.COMPLETED, {"pages": 3}) == (record.state, record.result)
    error = (await app.jobs.get(second.id)).errors[-1]
    assert (JobState.FAILED, "Failed", "no such page") == (state, error["type"], error["message"])
    assert 0 == leases(desk)


def test_code_that_does_not_await_has_the_same_words(app: Howdah, desk: Desk) -> None:
    job_id = desk.send()
    (claim,) = app.sync.claim("q", lease=MINUTE)
    assert isinstance(claim, SyncClaim)

    claim.progress(0.5, "half way")
    assert claim.touch()
    assert JobState.RETRY == claim.release()
    (again,) = app.sync.claim("q")
    assert JobState.RETRY == again.snooze(60)
    assert JobState.RETRY == app.sync.jobs.update(job_id, start_after=0)
    (third,) = app.sync.claim("q")
    assert JobState.RETRY == third.fail(ValueError("odd"))
    app.sync.jobs.update(job_id, start_after=0)
    (last,) = app.sync.claim("q")
    last.complete()

    record = app.sync.jobs.get(job_id)
    assert (JobState.COMPLETED, 2, 0.5) == (
        record.state,
        record.attempt,
        record.progress["share"],
    )
    assert "ValueError" == record.errors[0]["type"]
    assert "odd" in record.errors[0]["traceback"]


async def test_arguments_and_results_are_those_of_the_task(app: Howdah, desk: Desk) -> None:
    @app.task(queue="q")
    async def count(day: timedelta) -> int:
        return day.days

    await count.send(timedelta(days=2))
    claim = await one(app)
    await claim.complete(await count.fn(**claim.arguments()))
    assert 2 == (await app.jobs.get(claim.id)).result

    desk.send(args="{}")
    stranger = await one(app)
    with pytest.raises(UnknownTaskError, match="no task 't'"):
        stranger.arguments()
    with pytest.raises(ResultError, match="cannot store the result"):
        await stranger.complete(float("nan"))

    desk.send(task="count", args='{"day": "soon"}')
    with pytest.raises(PayloadMismatchError):
        (await one(app)).arguments()


async def test_what_nobody_touches_is_given_back_and_its_late_claim_refused(
    app: Howdah, desk: Desk, clock: Clock
) -> None:
    job_id = desk.send()
    late = await one(app, lease=60)
    clock.advance(61)

    assert 1 == sweep(desk)

    for refused in (late.complete(), late.fail("x"), late.snooze(1), late.release(), late.touch()):
        with pytest.raises(JobLostError, match=r"its claim .* is over"):
            await refused
    with pytest.raises(JobLostError):
        await late.progress(0.1)
    assert ("retry", 1) == (desk.state(job_id), desk.row(job_id)["crash_count"])


async def test_a_late_claim_is_refused_while_another_runs_the_job(
    app: Howdah, desk: Desk, clock: Clock
) -> None:
    desk.send()
    late = await one(app, lease=60)
    clock.advance(61)
    sweep(desk)
    mine = await one(app)

    with pytest.raises(JobLostError):
        await late.complete()
    await mine.complete()


async def test_a_touch_keeps_all_that_was_claimed_together(
    app: Howdah, desk: Desk, clock: Clock
) -> None:
    for _ in range(2):
        desk.send()
    first, second = await app.claim("q", limit=2, lease=60)
    clock.advance(50)
    assert await first.touch()
    clock.advance(50)
    assert 0 == sweep(desk)

    assert await second.touch(lease=600)
    clock.advance(500)
    assert 0 == sweep(desk)


async def test_whoever_touches_a_cancelled_job_is_told(app: Howdah, desk: Desk) -> None:
    desk.send()
    claim = await one(app)
    await app.jobs.cancel(claim.id)

    assert not await claim.touch()
    assert JobState.CANCELLED == await claim.fail("stopped")
    assert 0 == leases(desk)


async def test_a_cancelled_job_that_is_given_back_is_cancelled(app: Howdah, desk: Desk) -> None:
    desk.send()
    claim = await one(app)
    await app.jobs.cancel(claim.id)

    assert JobState.CANCELLED == await claim.release()


@pytest.mark.parametrize(("retry", "state"), [(0, "failed"), (1, "retry"), (None, "retry")])
async def test_the_policy_of_the_job_decides_whether_it_is_tried_again(
    app: Howdah, desk: Desk, retry: int | None, state: str
) -> None:
    desk.send(retry=retry)

    assert state == await (await one(app)).fail("x")


async def test_a_job_settled_in_a_transaction_that_rolls_back_is_not_settled(
    app: Howdah, desk: Desk
) -> None:
    desk.send()
    (claim,) = app.sync.claim("q")

    with desk.connection.transaction(force_rollback=True):
        claim.complete(conn=desk.connection)

    assert "active" == desk.state(claim.id)
    claim.complete()


async def test_a_claim_in_a_transaction_that_rolls_back_is_none(app: Howdah, desk: Desk) -> None:
    job_id = desk.send()
    with desk.connection.transaction(force_rollback=True):
        assert 1 == len(app.sync.claim("q", conn=desk.connection))

    assert ("created", 0) == (desk.state(job_id), leases(desk))


async def test_a_completion_that_is_repeated_is_one(app: Howdah, desk: Desk) -> None:
    desk.send()
    claim = await one(app)
    await claim.complete(1)
    await claim.complete(2)

    assert 1 == (await app.jobs.get(claim.id)).result


async def test_a_worker_claims_nothing_that_was_claimed_by_hand(app: Howdah, desk: Desk) -> None:
    desk.send()
    await one(app)

    assert [] == desk.claim()


async def test_where_no_worker_runs_whoever_claims_keeps_house(
    app: Howdah, desk: Desk, clock: Clock
) -> None:
    due = desk.send(start_after=60)
    late = desk.send(start_after=3600, deadline=60)
    lost = desk.send(priority=-1)
    await one(app, lease=30)
    clock.advance(61)
    app.claiming._tended_at = float("-inf")

    claims = await app.claim("q", limit=5)

    assert {due, lost} == {claim.id for claim in claims}
    assert "expired" == desk.state(late)


async def test_the_lease_of_a_worker_is_not_for_others_to_touch(desk: Desk) -> None:
    job_id = desk.send()
    (claim,) = desk.claim()

    with pytest.raises(psycopg.Error) as refused:
        desk.value("SELECT howdah.touch_job(%s::text::uuid, %s)", str(job_id), claim.fence)

    assert "HW001" == refused.value.sqlstate


@pytest.mark.parametrize("wrong", [{"limit": 0}, {"limit": 10_001}, {"lease": 0}, {"lease": "1"}])
async def test_what_cannot_be_claimed_is_refused(app: Howdah, wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        await app.claim("q", **wrong)


async def test_progress_is_a_share(app: Howdah, desk: Desk) -> None:
    desk.send()
    with pytest.raises(UsageError):
        await (await one(app)).progress(2)


async def test_a_job_fails_with_an_exception_or_a_text(app: Howdah, desk: Desk) -> None:
    job_id = desk.send()
    with pytest.raises(
        UsageError, match="cannot fail a job with None: give an exception or a text"
    ):
        await (await one(app)).fail(None)  # type: ignore[arg-type]

    assert "active" == desk.state(job_id)


def test_other_languages_have_the_same_verbs(
    desk: Desk, sql: Callable[..., list[tuple[Any, ...]]]
) -> None:
    desk.send(args='{"n": 1}')
    ((job_id, fence, args),) = sql(
        "SELECT id, fence, args FROM howdah.claim_jobs('q', p_limit => 5, p_lease => 60)"
    )
    assert {"n": 1} == args
    assert [(True,)] == sql("SELECT howdah.touch_job(%s, %s)", job_id, fence)
    sql("SELECT howdah.progress_job(%s, %s, 0.5)", job_id, fence)
    error = json.dumps({"type": "TimeoutError", "message": "too slow"})
    assert [("retry",)] == sql("SELECT howdah.fail_job(%s, %s, %s)", job_id, fence, error)

    row = desk.run(jobs.get(job_id))
    assert row is not None
    assert ("TimeoutError", "too slow", 1) == tuple(
        row.errors[0][name] for name in ("type", "message", "attempt")
    )


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM howdah.claim_jobs('q', 0)",
        "SELECT * FROM howdah.claim_jobs('q', 1, 0)",
        "SELECT howdah.snooze_job(howdah.uuid7(), 1, -1)",
        "SELECT howdah.touch_job(howdah.uuid7(), 1, 0)",
    ],
)
def test_what_makes_no_sense_in_sql_is_hw005(
    sql: Callable[..., list[tuple[Any, ...]]], statement: str
) -> None:
    with pytest.raises(psycopg.Error) as refused:
        sql(statement)

    assert "HW005" == refused.value.sqlstate
