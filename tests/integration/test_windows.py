"""Throttle, debounce and replace: which sends are one job, and what that job takes of each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from howdah import Debounce, Howdah, JobState, Throttle
from howdah._db import job as jobs
from howdah._db import worker as workers
from howdah._model.options import SendOptions
from howdah._model.outcome import Verdict
from howdah.errors import UsageError
from tests.conftest import Clock
from tests.integration.desk import Desk, wait_until_blocked

MINUTE = timedelta(minutes=1)
# No test may begin in one window and end in another.
EVER = timedelta(days=30_000)


def args_of(desk: Desk, job_id: Any) -> Any:
    return desk.row(job_id)["args"]


def starts_in(desk: Desk, job_id: Any) -> float:
    """Seconds until it may start."""
    return float(
        desk.value(
            "SELECT extract(epoch FROM start_after - howdah.now())::float8 FROM howdah.job"
            " WHERE id = %s::text::uuid",
            str(job_id),
        )
    )


# Throttle


async def test_a_second_send_in_a_window_is_answered_with_the_first(app: Howdah) -> None:
    @app.task
    async def work(value: int) -> None: ...

    first = await work.using(throttle=EVER).send(1)
    second = await work.using(throttle=EVER).send(2)

    assert (first.id, True, False) == (second.id, first.is_new, second.is_new)


def test_a_window_is_taken_also_when_its_job_has_finished(desk: Desk) -> None:
    first = desk.send(throttle=EVER)
    desk.finish(*desk.claim())

    assert first == desk.send(throttle=EVER)
    assert [] == desk.claim()


def test_each_key_and_each_task_has_windows_of_its_own(desk: Desk) -> None:
    sent = [
        desk.send(task=task, throttle=EVER, key=key) for task in "ab" for key in ("x", "y", None)
    ]

    assert 6 == len(set(sent))


def test_the_next_window_takes_another_job_while_the_first_is_live(
    desk: Desk, clock: Clock
) -> None:
    first = desk.send(throttle=60, key="k")
    clock.advance(60)

    assert first != desk.send(throttle=60, key="k")


def test_a_send_that_comes_too_early_makes_one_job_for_the_next_window(
    desk: Desk, clock: Clock
) -> None:
    per = timedelta(hours=12)
    sent = [desk.send_receipt(throttle=Throttle(per, next_slot=True), key="k") for _ in range(3)]

    assert [True, True, False] == [one.created for one in sent]
    assert sent[1].id == sent[2].id
    row = desk.row(sent[1].id)
    start = datetime.fromisoformat(row["start_after"])
    assert 0 == start.timestamp() % per.total_seconds()
    assert datetime.now(UTC) < start <= datetime.now(UTC) + per


def test_a_job_for_the_next_window_is_not_put_before_its_own_time(desk: Desk) -> None:
    paced = Throttle(60, next_slot=True)
    desk.send(throttle=paced)
    far = datetime.now(UTC) + timedelta(days=1)

    late = desk.send(throttle=paced, start_after=far)

    assert far == datetime.fromisoformat(desk.row(late)["start_after"])


@pytest.mark.parametrize("throttle", [EVER, Throttle(EVER, next_slot=True)])
def test_a_throttled_send_that_is_repeated_is_one_job(desk: Desk, throttle: Any) -> None:
    job_id = uuid4()

    assert [job_id, job_id] == [desk.send(id=job_id, throttle=throttle) for _ in range(2)]
    assert 1 == desk.value("SELECT count(*) FROM howdah.job")


def test_a_repeated_send_does_not_take_a_later_window(desk: Desk, clock: Clock) -> None:
    job_id = uuid4()
    desk.send(id=job_id, throttle=60)
    clock.advance(60)
    desk.send(id=job_id, throttle=60)

    assert job_id != desk.send(throttle=60)


# Debounce


async def test_sends_that_follow_each_other_are_one_job_with_the_last_arguments(
    app: Howdah, desk: Desk, clock: Clock
) -> None:
    @app.task
    async def index(page: int) -> None: ...

    debounced = index.using(debounce=timedelta(seconds=5), key="doc-42")
    first = await debounced.send(1)
    clock.advance(4)
    second = await debounced.send(2)

    assert (first.id, True, False) == (second.id, first.is_new, second.is_new)
    assert {"page": 2} == args_of(desk, first.id)
    assert 5 == pytest.approx(starts_in(desk, first.id), abs=1)


def test_a_debounced_job_waits_no_longer_than_max_wait(desk: Desk, clock: Clock) -> None:
    debounce = Debounce(5, max_wait=12)
    job_id = desk.send(debounce=debounce)
    for _ in range(2):
        clock.advance(4)
        desk.send(debounce=debounce)

    assert 4 == pytest.approx(starts_in(desk, job_id), abs=1)


def test_a_job_whose_time_has_come_is_put_off_again_by_a_send(desk: Desk, clock: Clock) -> None:
    job_id = desk.send(debounce=5)
    clock.advance(6)
    desk.sql("SELECT howdah.promote(10)")

    assert job_id == desk.send(debounce=5)
    assert [] == desk.claim()


def test_past_max_wait_a_send_changes_the_arguments_and_the_job_stays_claimable(
    desk: Desk, clock: Clock
) -> None:
    debounce = Debounce(5, max_wait=5)
    job_id = desk.send(debounce=debounce)
    clock.advance(6)
    desk.sql("SELECT howdah.promote(10)")
    desk.send(debounce=debounce, args='{"n": 2}')

    (claim,) = desk.claim()

    assert ({"n": 2}, job_id) == (args_of(desk, job_id), claim.job_id)


def test_what_is_sent_while_the_job_runs_makes_another(desk: Desk, clock: Clock) -> None:
    first = desk.send(debounce=5, key="k")
    clock.advance(6)
    desk.sql("SELECT howdah.promote(10)")
    (claim,) = desk.claim()

    second = desk.send(debounce=5, key="k", args='{"n": 2}')

    assert first != second
    assert {} == args_of(desk, first)
    assert 1 == desk.put_back(claim, verdict=Verdict.RETRY)


def test_a_job_that_waits_for_its_retry_takes_the_arguments_and_all_its_attempts_again(
    desk: Desk, clock: Clock
) -> None:
    job_id = desk.send(debounce=5)
    clock.advance(6)
    desk.sql("SELECT howdah.promote(10)")
    desk.put_back(*desk.claim(), verdict=Verdict.RETRY, delay=3600)

    assert job_id == desk.send(debounce=5, args='{"n": 2}')
    row = desk.row(job_id)
    assert ({"n": 2}, 0) == (row["args"], row["attempt"])
    assert 5 == pytest.approx(starts_in(desk, job_id), abs=1)


def test_a_repeated_send_does_not_undo_a_later_one(desk: Desk) -> None:
    first, second = sorted((uuid4(), uuid4()))
    desk.send(id=first, debounce=5, args='{"n": 1}')
    desk.send(id=second, debounce=5, args='{"n": 2}')

    assert first == desk.send(id=first, debounce=5, args='{"n": 1}')
    assert {"n": 2} == args_of(desk, first)


# Replace


async def test_a_waiting_job_takes_what_is_named_and_keeps_the_rest(
    app: Howdah, desk: Desk
) -> None:
    @app.task
    async def index(page: int) -> None: ...

    first = await index.using(key="k", priority=1, tags=["a"]).using(replace=["args"]).send(1)
    second = await index.using(key="k", priority=2, tags=["b"], replace=["args", "priority"]).send(
        2
    )

    row = desk.row(first.id)
    assert (first.id, False) == (second.id, second.is_new)
    assert ({"page": 2}, 2, ["a"]) == (row["args"], row["priority"], row["tags"])


def test_what_is_sent_while_the_replaceable_job_runs_makes_another(desk: Desk) -> None:
    first = desk.send(replace=["args"], key="k")
    desk.claim()

    assert first != desk.send(replace=["args"], key="k")


def test_a_job_of_a_plain_key_is_no_window(desk: Desk) -> None:
    plain = desk.send(key="k")

    assert plain != desk.send(key="k", replace=["args"])
    assert plain == desk.send(key="k")


@pytest.mark.parametrize("start_after", [3600, datetime(2100, 1, 1, tzinfo=UTC)])
def test_a_replaced_start_takes_the_job_from_those_that_can_be_claimed(
    desk: Desk, start_after: Any
) -> None:
    desk.send(replace=["start_after"])
    desk.send(replace=["start_after"], start_after=start_after)

    assert [] == desk.claim()


def test_a_new_priority_is_found_by_a_worker_that_has_looked_past_the_job(desk: Desk) -> None:
    job_id = desk.send(replace=["priority"], priority=1)
    # The hints of this worker are past everything that was ready before in the lane of 2.
    for _ in range(3):
        desk.send(priority=2)
    desk.claim(limit=3)
    worker = desk.worker()
    hints = desk.hints(worker)

    desk.send(replace=["priority"], priority=2)

    assert [job_id] == [claim.job_id for claim in desk.claim(worker, hints=hints, limit=5)]


# Transactions


@pytest.mark.parametrize(
    "options", [{"throttle": EVER}, {"debounce": 5}, {"replace": ["args"]}], ids=str
)
def test_a_send_that_is_rolled_back_takes_nothing(desk: Desk, options: dict[str, Any]) -> None:
    with desk.connection.transaction(force_rollback=True):
        gone = desk.send(**options)

    receipt = desk.send_receipt(**options)

    assert (True, True) == (receipt.created, receipt.id != gone)


@pytest.mark.parametrize(
    "options", [{"throttle": EVER}, {"debounce": 5}, {"replace": ["args"]}], ids=str
)
def test_of_two_at_once_the_second_waits_for_the_first_and_for_no_other_key(
    desk: Desk, open_desk: Any, options: dict[str, Any]
) -> None:
    other = open_desk()
    with desk.transaction():
        first = desk.send(key="k", **options)
        open_desk().send(key="another", **options)
        said = SendOptions(key="k", **options).to_json()
        query = jobs.send(queue="q", task="t", args="{}", options=said)
        waiting = other.start(query)
        wait_until_blocked(open_desk(), other, waiting)

    assert (first, False) == (waiting.result().id, waiting.result().created)


# Forgetting


def test_windows_that_are_over_are_forgotten_and_jobs_that_wait_are_not(
    desk: Desk, clock: Clock
) -> None:
    desk.send(throttle=60)
    waits = desk.send(replace=["args"], key="waits")
    desk.send(replace=["args"], key="ran", priority=1)
    desk.claim()
    clock.advance(2 * 3600)

    assert 3 == desk.run(workers.prune_windows(limit=10))

    assert [("waits",)] == desk.sql("SELECT key FROM howdah.throttle")
    assert waits == desk.send(replace=["args"], key="waits")
    assert 0 == desk.run(workers.prune_windows(limit=10))


# What makes no sense


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"throttle": 1, "debounce": 1}, "throttle and debounce together"),
        ({"throttle": 1, "replace": ["args"]}, "throttle and replace together"),
        ({"debounce": 1, "start_after": 1}, "debounce and start_after together"),
        ({"throttle": 0}, "over 0 seconds"),
        ({"debounce": "soon"}, "must be a timedelta"),
        ({"replace": ["key"]}, "'key' cannot be replaced"),
        ({"replace": "args"}, "must be a list of names"),
        ({"replace": []}, "name what is to be replaced"),
    ],
)
async def test_options_that_make_no_sense_are_refused(
    app: Howdah, options: dict[str, Any], why: str
) -> None:
    @app.task
    async def work() -> None: ...

    with pytest.raises(UsageError, match=why):
        await work.using(**options).send()


async def test_the_nearest_of_two_that_exclude_each_other_decides(app: Howdah) -> None:
    @app.task(throttle=EVER)
    async def work() -> None: ...

    sent = [await work.using(debounce=60).send() for _ in range(2)]

    assert sent[0].id == sent[1].id
    assert JobState.CREATED == await sent[0].state()
    assert (await work.send()).is_new


@pytest.mark.parametrize(
    "options",
    [
        '{"throttle": 0}',
        '{"throttle": {"per": 1, "next": true}}',
        '{"throttle": {"per": 1, "next_slot": 1}}',
        '{"throttle": "1 minute"}',
        '{"throttle": 1, "debounce": 1}',
        '{"debounce": {"max_wait": 1}}',
        '{"debounce": {"wait": 1, "max_wait": "2"}}',
        '{"debounce": 1, "delay": 1}',
        '{"replace": "args"}',
        '{"replace": ["key"]}',
    ],
)
def test_sql_refuses_them_too(desk: Desk, options: str) -> None:
    with pytest.raises(UsageError):
        desk.run(jobs.send(queue="q", task="t", args="{}", options=options))


def test_bare_seconds_will_do_in_sql(desk: Desk) -> None:
    desk.sql("SELECT howdah.put_queue('q')")
    for option in ("throttle", "debounce"):
        ids = {
            desk.value("SELECT howdah.send('q', %s, '{}', %s::text::jsonb)", option, said)
            for said in [f'{{"{option}": 1e9}}'] * 2
        }
        assert 1 == len(ids)
