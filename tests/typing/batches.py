"""A batch task takes a list of jobs; it is sent with what one of them holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_type

from howdah import Batch, BatchJob, Howdah, Job, Outcome, Snooze, SyncJob

app = Howdah()


@dataclass
class Document:
    id: int
    text: str


@app.task(batch=100, queue="search")
async def index(jobs: list[BatchJob[Document]]) -> list[Outcome]:
    assert_type(jobs[0].value, Document)
    assert_type(jobs[0].attempt, int)
    assert_type(jobs[0].tags, tuple[str, ...])
    return [None for _ in jobs]


@app.task(batch=Batch(size=100, wait=timedelta(seconds=1)))
async def measure(jobs: Sequence[BatchJob[str]]) -> list[Outcome[int]]:
    return [len(job.value) if job.value else Snooze(5) for job in jobs]


@app.task(batch=10)
def count(jobs: list[BatchJob[int]]) -> None: ...


@app.task(batch=10, retry=3)
def double(jobs: list[BatchJob[int]]) -> list[int]:
    return [2 * job.value for job in jobs]


async def one_job_is_sent_with_what_it_holds() -> None:
    document = Document(1, "a")
    assert_type(await index.send(document), Job[None])
    assert_type(await measure.send("a"), Job[int])
    assert_type(await (await measure.send("a")).result(), int)
    assert_type(await count.using(priority=3).send(7), Job[None])
    assert_type(app.sync.send(double, 7), SyncJob[int])
    await index.send_many([(document,)])
    await measure.send_many([measure.call("a")])

    await index.send()  # error
    await index.send("a")  # error
    await index.send([document])  # error
    await measure.send(7)  # error
    await count.send_many([("a",)])  # error
    app.sync.send(double, "a")  # error


async def it_is_still_its_function() -> None:
    assert_type(await index([BatchJob.of(Document(1, "a"))]), Sequence[Outcome[None]])
    assert_type(double([BatchJob.of(1, attempt=2)]), Sequence[Outcome[int]])
    assert_type(BatchJob.of(1, scheduled_for=None).scheduled_for, datetime | None)

    await index([Document(1, "a")])  # error
    double([BatchJob.of("a")])  # error: mypy


@app.task(batch=10)  # error
async def takes_one(job: BatchJob[int]) -> None: ...


@app.task(batch=10)  # error
async def takes_two(jobs: list[BatchJob[int]], more: int) -> None: ...


@app.task(batch=10)  # error
async def returns_one(jobs: list[BatchJob[int]]) -> int:
    return len(jobs)


@app.task(batch="many")  # error
async def misread(jobs: list[BatchJob[int]]) -> None: ...


@app.task(batch=10, executor="process")  # error
def in_a_process(jobs: list[BatchJob[int]]) -> None: ...
