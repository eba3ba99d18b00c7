"""`howdah jobs list`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import typer

from howdah._db import job as queries
from howdah._db.record import JobRecord
from howdah._model.filter import JobFilter
from howdah.cli.database import opened
from howdah.cli.jobs.filters import with_filter
from howdah.cli.options import AppOption, AsJson, Schema, Url
from howdah.cli.output import ago, print_json, print_table, say, span
from howdah.cli.target import find_target


class FirstShown(StrEnum):
    """Where a list begins."""

    NEWEST = "newest"
    OLDEST = "oldest"


After = Annotated[UUID | None, typer.Option("--after", help="Go on after this job: the next page.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many.")]


@with_filter
def list_jobs(
    *,
    wanted: JobFilter,
    order: Annotated[
        FirstShown, typer.Option("--order", help="Which come first.")
    ] = FirstShown.NEWEST,
    after: After = None,
    limit: Limit = 20,
    url: Url = None,
    schema: Schema = None,
    app: AppOption = None,
    as_json: AsJson = False,
) -> None:
    """List jobs that fit all that is given, the newest first."""
    query = queries.find(wanted, order=order.value, after=after, limit=limit)
    with opened(find_target(url=url, schema=schema, app=app)) as database:
        page = database.run(query)
    if as_json:
        print_json(page)
        return
    if not page:
        say("no jobs")
        return
    print_table(
        ("id", "state", "task", "queue", "runs", "age", "about"),
        [_row(job) for job in page],
        whole=2,
    )
    if page.next is not None:
        say(f"the next page: --after {page.next}", style="dim")


def _row(job: JobRecord) -> tuple[Any, ...]:
    age = span(max(datetime.now(UTC) - job.created_at, timedelta()))
    return (job.id, job.state, job.task, job.queue, job.attempt, age, _about(job))


def _about(job: JobRecord) -> str | None:
    """The one thing to know about a job in its state."""
    if job.state in ("completed", "cancelled"):
        return job.cancel_reason
    if job.errors:
        last = job.errors[-1]
        return f"{last.get('type')}: {last.get('message')}"
    if job.progress:
        return str(job.progress)
    if job.start_after is not None and not job.ready and job.state in ("created", "retry"):
        return f"due {ago(job.start_after)}"
    return None if job.key is None else f"key {job.key}"
