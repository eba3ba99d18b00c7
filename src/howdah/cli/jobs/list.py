"""`howdah jobs list`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from howdah._db import job as queries
from howdah._db.record import JobRecord, Page
from howdah.cli.database import opened
from howdah.cli.jobs.filters import Before, Key, Queue, State, TaskName
from howdah.cli.options import AppOption, AsJson, Schema, Url
from howdah.cli.output import ago, print_json, print_table, say, span
from howdah.cli.target import find_target


def list_jobs(
    state: State = None,
    queue: Queue = None,
    task: TaskName = None,
    key: Key = None,
    before: Before = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many.")] = 20,
    url: Url = None,
    schema: Schema = None,
    app: AppOption = None,
    as_json: AsJson = False,
) -> None:
    """List jobs, the newest first."""
    page = Page(tuple(state or ()), queue, task, key, before, limit)
    with opened(find_target(url=url, schema=schema, app=app)) as database:
        found = database.run(queries.find(page))
    if as_json:
        print_json(found)
        return
    if not found:
        say("no jobs")
        return
    print_table(
        ("id", "state", "task", "queue", "runs", "age", "about"),
        [_row(job) for job in found],
        whole=2,
    )
    if len(found) == limit:
        say(f"older ones: --before {found[-1].id}", style="dim")


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
