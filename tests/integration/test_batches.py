"""A batch task gets many jobs at once, and each is settled on its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from howdah import (
    Batch,
    BatchJob,
    Cancel,
    Howdah,
    JobState,
    Outcome,
    Retry,
    Snooze,
    WorkerSettings,
)
from howdah._model.signals import JobEnded, JobStarted
from howdah._worker.context import read_array
from howdah.errors import JobCancelledError, PayloadMismatchError, UsageError
from howdah.lifespan import working

Sql = Callable[..., list[tuple]]
QUICK = WorkerSettings(concurrency=2, lease=3.0)
LONG = timedelta(minutes=10)


@dataclass
class Document:
    id: int
    text: str


class Sizes:
    """A batch task that notes how many jobs it got each time, and doubles them."""

    def __init__(self, app: Howdah, batch: Batch | int, **options: Any) -> None:
        self.found: list[int] = []
        self.began = asyncio.Event()

        @app.task(batch=batch, **options)
        async def double(jobs: list[BatchJob[int]]) -> list[Outcome[int]]:
            self.found.append(len(jobs))
            self.began.set()
            return [2 * job.value for job in jobs]

        self.task = double


async def test_jobs_come_together_and_each_has_its_own_result(app: Howdah) -> None:
    sizes = Sizes(app, Batch(size=10, wait=LONG))
    ids = await sizes.task.send_many([(n,) for n in range(20)])

    async with working(app, QUICK):
        endings = [await app.jobs.ending(job, timeout=20) for job in ids]

    assert [10, 10] == sizes.found
    assert [str(2 * n) for n in range(20)] == [one.result for one in endings]


async def test_what_was_sent_comes_back_as_its_type_with_what_is_known_of_the_job(
    app: Howdah,
) -> None:
    seen: list[BatchJob[Document]] = []

    @app.task(batch=10, queue="search")
    async def index(jobs: list[BatchJob[Document]]) -> None:
        for job in jobs:
            seen.append(job)
            job.log.info("indexing", id=job.value.id)

    job = await index.using(tags=("a", 'b "c"'), priority=3).send(Document(7, "text"))
    async with working(app, QUICK):
        result = await job.result(timeout=20)
    record = await job.get()

    assert result is None
    (one,) = seen
    assert (Document(7, "text"), job.id, 1, ("a", 'b "c"'), 3, "search") == (
        one.value,
        one.job_id,
        one.attempt,
        one.tags,
        one.priority,
        one.queue,
    )
    assert {"value": {"id": 7, "text": "text"}} == record.args


async def test_a_smaller_batch_begins_when_its_first_job_has_waited(app: Howdah) -> None:
    sizes = Sizes(app, Batch(size=100, wait=1.5))

    async with working(app, QUICK):
        first, second = await sizes.task.send(1), await sizes.task.send(2)
        results = [await first.result(timeout=20), await second.result(timeout=20)]

    assert [2, 4] == results
    assert [2] == sizes.found


async def test_without_a_wait_a_batch_is_what_is_there(app: Howdah) -> None:
    sizes = Sizes(app, Batch(size=100, wait=0))
    ids = await sizes.task.send_many([(n,) for n in range(30)])

    async with working(app, QUICK):
        for job in ids:
            await app.jobs.ending(job, timeout=20)

    assert [30] == sizes.found


async def test_each_job_is_steered_by_what_is_returned_for_it(app: Howdah) -> None:
    @app.task(batch=Batch(size=6, wait=LONG), retry=0)
    async def judge(jobs: list[BatchJob[str]]) -> list[Outcome[str]]:
        said: dict[str, Outcome[str]] = {
            "ok": "fine",
            "fail": ValueError("bad"),
            "snooze": Snooze(3600),
            "cancel": Cancel("unwanted"),
            "odd": object(),  # type: ignore[dict-item]
            "number": "5",
        }
        return [said[job.value] for job in jobs]

    jobs = [await judge.send(word) for word in ("ok", "fail", "snooze", "cancel", "odd", "number")]
    async with working(app, QUICK):
        for job in [*jobs[:2], *jobs[3:]]:
            await app.jobs.ending(job.id, timeout=20)
    records = [await job.get() for job in jobs]

    assert ["completed", "failed", "retry", "cancelled", "failed", "completed"] == [
        record.state.value for record in records
    ]
    assert ["ValueError", "Cancel", "ResultError"] == [
        records[at].errors[0]["type"] for at in (1, 3, 4)
    ]
    assert (0, "fine") == (records[2].attempt, records[0].result)


async def test_an_exception_that_is_returned_is_retried_by_the_policy_and_the_others_are_done(
    app: Howdah,
) -> None:
    seen: list[list[tuple[int, int]]] = []

    @app.task(batch=Batch(size=3, wait=0.5), retry=Retry(limit=2, delay=0))
    async def flaky(jobs: list[BatchJob[int]]) -> list[Outcome[int]]:
        seen.append([(job.value, job.attempt) for job in jobs])
        return [ValueError("again") if job.value == job.attempt else job.value for job in jobs]

    jobs = [await flaky.send(n) for n in range(3)]
    async with working(app, QUICK):
        results = [await job.result(timeout=20) for job in jobs]

    assert [0, 1, 2] == results
    assert [(0, 1), (1, 1), (2, 1)] == seen[0]
    assert [(1, 2)] == [one for batch in seen[1:] for one in batch]


async def test_an_exception_that_is_raised_is_that_of_all(app: Howdah) -> None:
    runs: list[int] = []

    @app.task(batch=Batch(size=3, wait=LONG), retry=Retry(limit=1, delay=0))
    async def broken(jobs: list[BatchJob[int]]) -> None:
        runs.append(len(jobs))
        if len(runs) == 1:
            raise RuntimeError("all of them")

    ids = await broken.send_many([(n,) for n in range(3)])
    async with working(app, QUICK):
        for job in ids:
            await app.jobs.ending(job, timeout=20)
    records = [await app.jobs.get(job) for job in ids]

    assert [3, 3] == runs
    assert {("completed", 2, "RuntimeError")} == {
        (one.state.value, one.attempt, one.errors[0]["type"]) for one in records
    }


async def test_a_list_of_another_length_fails_all_and_says_why(app: Howdah) -> None:
    @app.task(batch=Batch(size=2, wait=LONG), retry=5)
    async def forgetful(jobs: list[BatchJob[int]]) -> list[int]:
        return [1]

    ids = await forgetful.send_many([(1,), (2,)])
    async with working(app, QUICK):
        for job in ids:
            await app.jobs.ending(job, timeout=20)
    records = [await app.jobs.get(job) for job in ids]

    assert {"failed"} == {one.state.value for one in records}
    assert "was given 2 jobs and returned 1 outcomes" in records[0].errors[0]["message"]


async def test_one_whose_arguments_do_not_fit_fails_alone(app: Howdah, sql: Sql) -> None:
    sizes = Sizes(app, Batch(size=3, wait=LONG), retry=0)
    good = [await sizes.task.send(n) for n in (1, 2)]
    ((bad,),) = sql("""SELECT howdah.send('default', 'double', '{"value": "seven"}')""")

    async with working(app, QUICK):
        ending = await app.jobs.ending(bad, timeout=20)
        results = [await job.result(timeout=20) for job in good]

    assert ("failed", [2, 4], [2]) == (ending.state, results, sizes.found)


async def test_a_handler_in_a_thread_is_given_batches_too(app: Howdah) -> None:
    threads: list[str] = []

    @app.task(batch=Batch(size=2, wait=LONG))
    def square(jobs: list[BatchJob[int]]) -> list[int]:
        threads.append(threading.current_thread().name)
        return [job.value**2 for job in jobs]

    jobs = [await square.send(n) for n in (3, 4)]
    async with working(app, QUICK):
        results = [await job.result(timeout=20) for job in jobs]

    assert ([9, 16], ["howdah handler"]) == (results, threads)


async def test_batch_tasks_and_plain_ones_may_share_a_queue(app: Howdah) -> None:
    sizes = Sizes(app, Batch(size=50, wait=1.5))

    @app.task
    async def plain(number: int) -> int:
        return number

    batched = await sizes.task.send_many([(n,) for n in range(60)])
    others = await plain.send_many([(n,) for n in range(60)])
    async with working(app, QUICK):
        for job in [*batched, *others]:
            assert "completed" == (await app.jobs.ending(job, timeout=20)).state

    assert (60, 50) == (sum(sizes.found), sizes.found[0])


async def test_every_job_is_told_of_when_it_starts_and_ends(app: Howdah) -> None:
    started: list[JobStarted] = []
    ended: list[JobEnded] = []
    app.signals.on(JobStarted, started.append)
    app.signals.on(JobEnded, ended.append)
    sizes = Sizes(app, Batch(size=2, wait=LONG))
    ids = await sizes.task.send_many([(1,), (2,)])

    async with working(app, QUICK):
        for job in ids:
            await app.jobs.ending(job, timeout=20)

    assert {str(job) for job in ids} == {one.job_id for one in started}
    assert {(str(job), "completed") for job in ids} == {(one.job_id, one.verdict) for one in ended}


class Gate:
    """A batch task whose handler waits until it is let go, or interrupted."""

    def __init__(self, app: Howdah, **options: Any) -> None:
        self.gate = asyncio.Event()
        self.began = asyncio.Event()
        self.batches: list[list[BatchJob[int]]] = []
        self.interrupted = 0

        @app.task(**{"batch": Batch(size=2, wait=LONG), "retry": 0, **options})
        async def hold(jobs: list[BatchJob[int]]) -> list[Outcome[int]]:
            self.batches.append(jobs)
            self.began.set()
            try:
                await self.gate.wait()
            except asyncio.CancelledError:
                self.interrupted += 1
                raise
            return [ValueError("stopped") if job.is_cancelled else job.value for job in jobs]

        self.hold: Any = hold


async def test_one_job_of_a_batch_is_cancelled_and_the_others_go_on(app: Howdah) -> None:
    gate = Gate(app)
    jobs = [await gate.hold.send(n) for n in (1, 2)]
    async with working(app, QUICK):
        await gate.began.wait()
        first = gate.batches[0][0]
        await app.jobs.cancel(first.job_id)
        async with asyncio.timeout(20):
            while not first.is_cancelled:
                await _turn()
        gate.gate.set()
        result = await jobs[1].result(timeout=20)
        with pytest.raises(JobCancelledError):
            await jobs[0].result(timeout=20)

    assert (2, 0) == (result, gate.interrupted)


async def _turn() -> None:
    await asyncio.sleep(0.01)


async def test_a_handler_is_interrupted_when_all_of_its_jobs_are_cancelled(app: Howdah) -> None:
    gate = Gate(app)
    jobs = [await gate.hold.send(n) for n in (1, 2)]
    async with working(app, QUICK):
        await gate.began.wait()
        for job in jobs:
            await job.cancel()
        for job in jobs:
            with pytest.raises(JobCancelledError):
                await job.result(timeout=20)

    assert 1 == gate.interrupted


async def test_a_job_that_is_gathered_is_cancelled_without_being_run(app: Howdah) -> None:
    sizes = Sizes(app, Batch(size=2, wait=LONG))
    job = await sizes.task.send(1)
    async with working(app, QUICK):
        await _until(app, job.id, JobState.ACTIVE)
        await job.cancel()
        with pytest.raises(JobCancelledError):
            await job.result(timeout=20)

    assert [] == sizes.found


async def test_a_partial_batch_is_given_back_at_once_when_its_worker_leaves_or_pauses(
    app: Howdah,
) -> None:
    sizes = Sizes(app, Batch(size=2, wait=LONG))
    job = await sizes.task.send(1)
    async with working(app, QUICK):
        await _until(app, job.id, JobState.ACTIVE)
        await app.workers.pause("all")
        await _until(app, job.id, JobState.RETRY)
        await app.workers.resume("all")
        await _until(app, job.id, JobState.ACTIVE)
    record = await job.get()

    assert (JobState.RETRY, 0, []) == (record.state, record.attempt, sizes.found)


async def test_what_runs_when_its_worker_must_leave_is_given_back_job_by_job(app: Howdah) -> None:
    gate = Gate(app)
    jobs = [await gate.hold.send(n) for n in (1, 2)]
    async with working(app, WorkerSettings(concurrency=1, lease=3.0, grace=0.05)):
        await gate.began.wait()
    records = [await job.get() for job in jobs]

    assert [(JobState.RETRY, 0)] * 2 == [(one.state, one.attempt) for one in records]
    assert 1 == gate.interrupted


async def test_who_is_over_its_time_expires_and_the_others_are_run_again(app: Howdah) -> None:
    gate = Gate(app, batch=Batch(size=2, wait=0.5))
    slow = await gate.hold.using(expire_in=2).send(1)
    other = await gate.hold.send(2)
    async with working(app, QUICK):
        await gate.began.wait()
        ending = await app.jobs.ending(slow.id, timeout=20)
        gate.gate.set()
        result = await other.result(timeout=20)
    record = await other.get()

    assert ("expired", 2, 1, 1) == (ending.state, result, record.attempt, gate.interrupted)


async def test_gathering_takes_at_most_half_of_a_time_limit(app: Howdah) -> None:
    sizes = Sizes(app, Batch(size=100, wait=LONG), expire_in=4.0)
    job = await sizes.task.send(1)
    async with working(app, QUICK):
        result = await job.result(timeout=20)

    assert (2, [1]) == (result, sizes.found)


async def test_a_job_that_has_crashed_before_is_run_alone(app: Howdah, sql: Sql) -> None:
    sizes = Sizes(app, Batch(size=3, wait=0.3))
    ids = await sizes.task.send_many([(n,) for n in range(3)])
    sql("UPDATE howdah.job AS j SET crash_count = 1 WHERE j.id = %s", ids[1])

    async with working(app, QUICK):
        for job in ids:
            assert "completed" == (await app.jobs.ending(job, timeout=20)).state

    assert [1, 2] == sorted(sizes.found)


async def test_more_suspects_than_one_take_turns(app: Howdah, sql: Sql) -> None:
    sizes = Sizes(app, Batch(size=3, wait=0))
    ids = await sizes.task.send_many([(n,) for n in range(2)])
    sql("UPDATE howdah.job AS j SET crash_count = 2")

    async with working(app, QUICK):
        for job in ids:
            assert "completed" == (await app.jobs.ending(job, timeout=20)).state

    assert [1, 1] == sizes.found


async def test_a_job_of_a_batch_is_completed_in_the_transaction_of_its_effects(
    app: Howdah, database_url: str
) -> None:
    @app.task(batch=Batch(size=2, wait=LONG), retry=0)
    async def settle(jobs: list[BatchJob[int]]) -> list[Outcome[str]]:
        async with await psycopg.AsyncConnection.connect(database_url) as conn:
            await jobs[0].complete("mine", conn=conn)
        return ["ignored", "other"]

    first, second = await settle.send(1), await settle.send(2)
    async with working(app, QUICK):
        results = [await first.result(timeout=20), await second.result(timeout=20)]

    assert ["mine", "other"] == results


async def test_a_handler_is_called_by_hand_with_jobs_that_are_made_for_it(app: Howdah) -> None:
    sizes = Sizes(app, 10)

    results = await sizes.task([BatchJob.of(1), BatchJob.of(2, attempt=2, tags=["a b"])])

    assert [2, 4] == results
    assert (2, ("a b",)) == (BatchJob.of(1, attempt=2).attempt, BatchJob.of(1, tags=["a b"]).tags)


async def test_a_value_that_does_not_fit_is_refused_at_the_send(app: Howdah) -> None:
    sizes = Sizes(app, 10)

    with pytest.raises(PayloadMismatchError, match="value: input should be a valid integer"):
        await sizes.task.send("seven")  # type: ignore[arg-type]


def test_a_handler_that_takes_something_else_is_no_batch_task(app: Howdah) -> None:
    async def one(job: BatchJob[int]) -> None: ...
    async def two(jobs: list[BatchJob[int]], more: int) -> None: ...
    async def plain(jobs: list[int]) -> None: ...
    async def number(jobs: list[BatchJob[int]]) -> int: ...  # type: ignore[empty-body]

    batch: Any = app.task(batch=10)
    for wrong in (one, plain):
        with pytest.raises(UsageError, match="must be one parameter, annotated list"):
            batch(wrong)
    with pytest.raises(UsageError, match="takes one parameter"):
        batch(two)
    with pytest.raises(UsageError, match="must return None or a list"):
        batch(number)
    with pytest.raises(UsageError, match="from 1 to 10,000"):
        Batch("10")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="from 1 to 10,000"):
        Batch(0)
    with pytest.raises(UsageError, match="wait=-1"):
        Batch(5, wait=-1)


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        (None, ()),
        ("{}", ()),
        ("{a,b}", ("a", "b")),
        ('{"a b","c,d","e\\"f\\\\g",h}', ("a b", "c,d", 'e"f\\g', "h")),
        ('{""}', ("",)),
    ],
)
def test_tags_are_read_as_postgres_writes_them(text: str | None, tags: tuple[str, ...]) -> None:
    assert tags == read_array(text)


async def _until(app: Howdah, job: Any, state: JobState) -> None:
    async with asyncio.timeout(20):
        while True:
            if (await app.jobs.get(job)).state is state:
                return
            await _turn()
