"""Policies at the send: which jobs a queue takes, and which one stands in another's way."""

from __future__ import annotations

from typing import Any, get_args

import psycopg
import pytest

from howdah import Howdah
from howdah._model.outcome import Verdict
from howdah._model.queue import QueuePolicy
from howdah.errors import KeyTakenError, MissingKeyError
from tests.integration.desk import Claim, Desk


class Queue:
    """A queue `q` with a policy, and a task in it."""

    def __init__(self, app: Howdah, policy: Any) -> None:
        app.queue("q", policy=policy)

        @app.task(name="t", queue="q")
        async def work() -> None: ...

        self.work = work

    async def send(self, key: str | None = None) -> Any:
        """Send a job, of a key where one is given."""
        return await self.work.using(key=key).send()


def activate(desk: Desk, job_id: Any) -> Claim:
    """Make a job active as a claim does, whatever stands before it."""
    worker = desk.worker()
    desk.sql(
        "UPDATE howdah.job SET state = 'active', ready_xid = NULL, fence = fence + 1,"
        " attempt = attempt + 1, worker_id = %s WHERE id = %s::text::uuid",
        worker,
        str(job_id),
    )
    return Claim(str(job_id), desk.row(job_id)["fence"], worker)


@pytest.mark.parametrize("policy", ["short", "stately", "exclusive"])
async def test_a_second_job_is_turned_away_and_answered_with_the_first(
    app: Howdah, policy: str
) -> None:
    queue = Queue(app, policy)

    first, second = await queue.send(), await queue.send()

    assert (True, False, first.id) == (first.is_new, second.is_new, second.id)


@pytest.mark.parametrize("policy", ["short", "stately", "exclusive"])
async def test_each_key_has_a_place_of_its_own(app: Howdah, policy: str) -> None:
    queue = Queue(app, policy)

    sent = [await queue.send(key) for key in (None, "a", "b", "a")]

    assert [True, True, True, False] == [one.is_new for one in sent]


@pytest.mark.parametrize(
    ("policy", "taken"),
    [("short", True), ("stately", True), ("exclusive", False), ("singleton", True)],
)
async def test_while_one_runs(app: Howdah, desk: Desk, policy: str, *, taken: bool) -> None:
    queue = Queue(app, policy)
    activate(desk, (await queue.send()).id)

    assert taken == (await queue.send()).is_new


@pytest.mark.parametrize("policy", ["singleton", "standard", None])
async def test_any_number_may_wait(app: Howdah, policy: str | None) -> None:
    queue = Queue(app, policy)

    assert [True, True] == [(await queue.send()).is_new for _ in range(2)]


async def test_a_key_of_a_policy_is_not_the_key_of_the_task(app: Howdah) -> None:
    queue = Queue(app, "singleton")

    assert [True, True] == [(await queue.send("k")).is_new for _ in range(2)]


@pytest.mark.parametrize("policy", get_args(QueuePolicy))
async def test_a_job_keeps_its_policy_and_its_line(app: Howdah, desk: Desk, policy: str) -> None:
    job = await Queue(app, policy).send("k")

    row = desk.row(job.id)

    stored = None if policy == "standard" else policy
    line = "k" if policy in {"singleton", "stately", "key_strict_fifo"} else None
    assert (stored, line) == (row["policy"], row["line"])


async def test_the_operators_policy_wins(app: Howdah) -> None:
    queue = Queue(app, "short")
    await app.queues.put("q", policy="standard")

    assert [True, True] == [(await queue.send()).is_new for _ in range(2)]


async def test_a_policy_holds_for_jobs_from_sql(app: Howdah, desk: Desk) -> None:
    await app.queues.put("q", policy="exclusive")

    sent = desk.sql("SELECT created FROM howdah.send_receipt('q', 't', '{}', '{}')")
    again = desk.sql("SELECT created FROM howdah.send_receipt('q', 't', '{}', '{}')")

    assert ([(True,)], [(False,)]) == (sent, again)


async def test_of_many_only_what_the_policy_takes_is_stored(app: Howdah, desk: Desk) -> None:
    queue = Queue(app, "short")

    ids = await queue.work.send_many([(), (), ()])

    ((only,),) = desk.sql("SELECT id FROM howdah.job")
    assert [only] * 3 == list(ids)
    assert [True, False, False] == ids.are_new


async def test_many_are_told_apart_across_statements_and_from_what_was_there(
    app: Howdah, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("howdah.bulk.CHUNK", 2)
    queue = Queue(app, "exclusive")
    first = await queue.work.send()
    # Of both ways to send many: the plain one, and that of jobs about which more is said.
    plain = await queue.work.send_many([()] * 5)
    more = app.sync.send_many(queue.work.using(priority=1), [()] * 3)
    desk.sql("DELETE FROM howdah.job")
    anew = app.sync.send_many(queue.work, [()] * 3)

    assert [first.id] * 5 == list(plain)
    assert [False] * 5 == plain.are_new
    assert ([first.id] * 3, [False] * 3) == (list(more), more.are_new)
    assert [True, False, False] == anew.are_new
    assert anew[0] == anew[2]
    assert [False, False] == anew[1:].are_new


async def test_many_to_a_queue_of_which_an_operator_says_the_policy_are_told_apart(
    app: Howdah, desk: Desk
) -> None:
    @app.task(queue="q")
    async def work(n: int) -> None: ...

    await app.queues.put("q", policy="short")

    ids = await work.send_many([(1,), (2,)])

    assert [True, False] == ids.are_new
    assert [ids[1]] == [job_id for (job_id,) in desk.sql("SELECT id FROM howdah.job")]


async def test_a_send_waits_for_the_fate_of_the_one_in_its_way(
    app: Howdah, desk: Desk, database_url: str
) -> None:
    queue = Queue(app, "exclusive")
    with psycopg.connect(database_url) as connection:
        app.sync.send(queue.work.using(conn=connection))
        connection.rollback()

    assert (await queue.send()).is_new


async def test_strict_order_asks_for_a_key(app: Howdah) -> None:
    queue = Queue(app, "key_strict_fifo")

    with pytest.raises(MissingKeyError, match="without a key") as caught:
        await queue.send()

    assert "q" == caught.value.queue


@pytest.mark.parametrize("verdict", [Verdict.FAILED, Verdict.EXPIRED])
async def test_a_job_that_failed_blocks_its_key(app: Howdah, desk: Desk, verdict: Verdict) -> None:
    queue = Queue(app, "key_strict_fifo")
    job = await queue.send("k")
    desk.finish(activate(desk, job.id), verdict=verdict)

    blocked = await app.queues.blocked_keys("q")

    assert [("k", job.id)] == [(one.key, one.job_id) for one in blocked]


@pytest.mark.parametrize("verdict", [Verdict.COMPLETED, Verdict.CANCELLED])
async def test_a_job_that_ended_otherwise_blocks_nothing(
    app: Howdah, desk: Desk, verdict: Verdict
) -> None:
    queue = Queue(app, "key_strict_fifo")
    desk.finish(activate(desk, (await queue.send("k")).id), verdict=verdict)

    assert [] == await app.queues.blocked_keys("q")


async def test_a_job_of_another_policy_blocks_nothing_when_it_fails(
    app: Howdah, desk: Desk
) -> None:
    queue = Queue(app, "singleton")
    desk.finish(activate(desk, (await queue.send("k")).id), verdict=Verdict.FAILED)

    assert [] == await app.queues.blocked_keys("q")


async def test_a_retry_by_hand_unblocks_the_key(app: Howdah, desk: Desk) -> None:
    queue = Queue(app, "key_strict_fifo")
    job = await queue.send("k")
    desk.finish(activate(desk, job.id), verdict=Verdict.FAILED)

    await job.retry()

    assert [] == await app.queues.blocked_keys("q")


async def test_a_key_is_unblocked_by_hand(app: Howdah, desk: Desk) -> None:
    queue = Queue(app, "key_strict_fifo")
    desk.finish(activate(desk, (await queue.send("k")).id), verdict=Verdict.FAILED)

    assert [True, False] == [await app.queues.unblock("q", "k") for _ in range(2)]
    assert [] == await app.queues.blocked_keys("q")


async def test_of_a_stately_queue_one_waits_for_a_retry_and_the_next_fails(
    app: Howdah, desk: Desk
) -> None:
    queue = Queue(app, "stately")
    first = activate(desk, (await queue.send()).id)
    desk.put_back(first, delay=60)
    second = activate(desk, (await queue.send()).id)

    desk.put_back(second, delay=60)

    assert ("retry", "failed") == (desk.state(first.id), desk.state(second.id))


async def test_a_stately_job_that_is_only_given_back_does_not_fail(app: Howdah, desk: Desk) -> None:
    queue = Queue(app, "stately")
    first = activate(desk, (await queue.send()).id)
    desk.put_back(first, delay=60)
    second = activate(desk, (await queue.send()).id)

    desk.put_back(second, verdict=Verdict.RELEASED)

    assert "retry" == desk.state(second.id)


async def test_an_exclusive_job_is_not_brought_back_beside_another(app: Howdah, desk: Desk) -> None:
    queue = Queue(app, "exclusive")
    job = await queue.send()
    desk.finish(activate(desk, job.id), verdict=Verdict.FAILED)
    await queue.send()

    with pytest.raises(KeyTakenError):
        await job.retry()


@pytest.mark.parametrize("policy", ["singleton", "stately", "key_strict_fifo"])
async def test_one_of_a_key_runs_at_a_time(app: Howdah, desk: Desk, policy: str) -> None:
    queue = Queue(app, policy)
    await app.queues.list()
    jobs = [await queue.send(key) for key in ("a", "b")]
    first = desk.claim(limit=10)
    await queue.send("a")

    meanwhile = desk.claim(limit=10)
    desk.finish(*first)

    assert {str(job.id) for job in jobs} == {claim.id for claim in first}
    assert ([], 1) == (meanwhile, len(desk.claim(limit=10)))


async def test_a_retry_holds_back_those_behind_it_in_strict_order(app: Howdah, desk: Desk) -> None:
    queue = Queue(app, "key_strict_fifo")
    await app.queues.list()
    await queue.send("k")
    second = await queue.send("k")
    desk.put_back(*desk.claim(), delay=60)
    waiting = desk.claim(limit=10)
    desk.sql(
        "UPDATE howdah.job SET start_after = NULL, ready_xid = howdah.turn() WHERE state = 'retry'"
    )

    desk.finish(*desk.claim(limit=10))

    assert ([], [str(second.id)]) == (waiting, [claim.id for claim in desk.claim(limit=10)])


@pytest.mark.parametrize("way", ["retry", "delete", "unblock"])
async def test_a_failed_job_holds_back_its_key_until_it_is_dealt_with(
    app: Howdah, desk: Desk, way: str
) -> None:
    queue = Queue(app, "key_strict_fifo")
    await app.queues.list()
    first, second, other = [await queue.send(key) for key in ("k", "k", "other")]
    desk.finish(
        *[one for one in desk.claim(limit=10) if one.id == str(first.id)], verdict=Verdict.FAILED
    )
    blocked = desk.claim(limit=10)

    if way == "retry":
        await first.retry()
    elif way == "delete":
        await app.jobs.delete(first.id)
    else:
        await app.queues.unblock("q", "k")

    expected = first if way == "retry" else second
    assert ([], [str(expected.id)]) == (blocked, [one.id for one in desk.claim(limit=10)])
    assert "active" == desk.state(other.id)
