"""`app.jobs`: what is found, and what is said of one job and of many."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import assert_type
from uuid import uuid4

from howdah import (
    BulkProgress,
    BulkReport,
    Explanation,
    Howdah,
    JobFilter,
    JobPage,
    JobRecord,
    JobState,
    Reason,
)

app = Howdah()


async def jobs_are_found_by_what_a_job_has() -> None:
    page = await app.jobs.find(state="failed", queue="mail", tags="a", args={"n": 1}, limit=10)
    assert_type(page, JobPage)
    assert_type(page[0], JobRecord)
    assert_type([job.state for job in page], list[JobState])
    await app.jobs.find(state=(JobState.FAILED, "expired"), created_after=datetime.now(UTC))
    await app.jobs.find(order="oldest", after=page.next)
    assert_type(app.sync.jobs.page(JobFilter(key="ann")), JobPage)
    assert_type(await app.jobs.count(JobFilter(error="timed out")), int)

    await app.jobs.find(stat="failed")  # error
    await app.jobs.find(state=7)  # error
    await app.jobs.find(created_after="yesterday")  # error
    await app.jobs.find(order="random")  # error
    await app.jobs.find("failed")  # error
    JobFilter(queue=7)  # error


async def a_verb_is_said_of_one_job_or_of_many() -> None:
    assert_type(await app.jobs.delete(uuid4()), JobState)
    assert_type(await app.jobs.delete_many([uuid4()]), BulkReport)
    assert_type(app.sync.jobs.retry_many(JobFilter(queue="mail")), BulkReport)
    await app.jobs.cancel_many({uuid4()}, reason="enough", progress=tell)

    await app.jobs.delete("a")  # error
    await app.jobs.delete(JobFilter())  # error
    await app.jobs.delete_many()  # error
    await app.jobs.delete_many(uuid4())  # error
    await app.jobs.delete_many(["a"])  # error
    await app.jobs.delete_many([uuid4()], reason="enough")  # error
    app.sync.jobs.resume_many(queue="mail")  # error


def tell(progress: BulkProgress) -> None:
    assert_type(progress.seen / progress.total, float)


async def a_job_explains_itself() -> None:
    explanation = await app.jobs.explain(uuid4())
    assert_type(explanation, Explanation)
    assert_type(explanation.reasons, tuple[Reason, ...])
    assert_type([reason.text for reason in app.sync.jobs.explain(uuid4()).reasons], list[str])
    for reason in explanation.reasons:
        if reason.kind == "limit_full":
            print(reason.facts["holders"])

    await app.jobs.explain("a")  # error
