"""`howdah jobs list`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import typer

from howdah._db import job as queries
from howdah._db.explain import why
from howdah._db.record import JobRecord
from howdah._model.filter import JobFilter
from howdah._model.reason import Reason
from howdah.cli.database import opened
from howdah.cli.jobs.filters import with_filter
from howdah.cli.jobs.show import document, progress_text
from howdah.cli.options import AppOption, AsJson, Schema, Url
from howdah.cli.output import print_json, print_table, say, span
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
    """List jobs that fit all that is given, the newest first.

    `why` says what a job waits for, nearest first, or what went wrong. `howdah jobs explain` tells
    all that is in the way of one.
    """
    query = queries.find(wanted, order=order.value, after=after, limit=limit)
    with opened(find_target(url=url, schema=schema, app=app)) as database:
        page = database.run(query)
        reasons = database.run(why([job.id for job in page])) if page else {}
    if as_json:
        jobs = [{**document(job), "why": reasons.get(job.id)} for job in page]
        print_json({"jobs": jobs, "next": page.next})
        return
    if not page:
        say("no jobs")
        return
    print_table(
        ("id", "state", "task", "queue", "runs", "age", "why"),
        [_row(job, reasons.get(job.id)) for job in page],
        whole=2,
        spare=("runs", "queue"),
    )
    if page.next is not None:
        say(f"the next page: --after {page.next}", style="dim")


def _row(job: JobRecord, reason: Reason | None) -> tuple[Any, ...]:
    age = span(max(datetime.now(UTC) - job.created_at, timedelta()))
    why = "; ".join(_why(job, reason)) or None
    return (job.id, job.state, job.task, job.queue, job.attempt, age, why)


def _why(job: JobRecord, reason: Reason | None) -> Iterator[str]:
    """What to know of a job in its state, in a few words."""
    if reason is not None:
        # Nobody needs to serve a queue of dead letters.
        is_kept = job.source is not None and reason.kind == "no_worker"
        yield "dead letter" if is_kept else reason.text
    if job.state in ("completed", "cancelled"):
        yield from [job.cancel_reason] if job.cancel_reason else []
    elif job.state == "active" and job.progress is not None:
        yield progress_text(job.progress)
    elif job.errors:
        last = job.errors[-1]
        yield f"{last.get('type')}: {last.get('message')}"
    elif job.key is not None and (reason is None or reason.kind != "policy"):
        yield f"key {job.key}"
