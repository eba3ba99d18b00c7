"""`howdah jobs show`: all about one job."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import typer

from howdah._db import flow as flows
from howdah._db import job as queries
from howdah._db import log
from howdah._db.flow import Dependency
from howdah._db.log import LogLine
from howdah._db.record import JobRecord
from howdah.cli.database import opened
from howdah.cli.options import AppOption, AsJson, Schema, Url
from howdah.cli.output import (
    STATE_STYLES,
    ago,
    print_json,
    print_pairs,
    print_table,
    say,
    settings_of,
    span,
    value_of,
)
from howdah.cli.target import find_target
from howdah.job import found

_HOLDERS = {"flow": "its parents", "task": "a pause of its task"}


def show(
    job_id: Annotated[UUID, typer.Argument(metavar="ID", help="The job.")],
    log_lines: Annotated[
        int, typer.Option("--log-lines", metavar="N", min=0, help="At most so many log lines.")
    ] = 200,
    url: Url = None,
    schema: Schema = None,
    app: AppOption = None,
    as_json: AsJson = False,
) -> None:
    """Show one job: its arguments, attempts, errors with traceback, log and result."""
    with opened(find_target(url=url, schema=schema, app=app)) as database:
        job: JobRecord = found(job_id, database.run(queries.get(job_id)))
        logged = database.run(log.read(job_id, limit=log_lines))
        around = database.run(flows.dependencies(job_id))
    if as_json:
        kin = {"parents": around.parents, "children": around.children}
        print_json({**document(job), **kin, "log": logged})
        return
    say(f"{job.task}  {job.state}", style=f"bold {STATE_STYLES[job.state]}")
    print_pairs(_facts(job))
    _kin("parents", around.parents)
    _kin("children", around.children)
    _block("arguments", job.args)
    if job.result is not None:
        _block("result", job.result)
    for error in job.errors:
        _error(error)
    if logged:
        say("\nlog", style="bold")
        for line in logged:
            say(_logged(line))


def document(job: JobRecord) -> dict[str, Any]:
    """A job as programs read it."""
    return {field.name: getattr(job, field.name) for field in dataclasses.fields(job)}


def progress_text(progress: Any) -> str:
    """How far a job is, as people say it."""
    if not isinstance(progress, dict) or not isinstance(progress.get("share"), int | float):
        return json.dumps(progress, ensure_ascii=False)
    note = f" - {progress['note']}" if progress.get("note") else ""
    return f"{progress['share']:.0%}{note}"


def _facts(job: JobRecord) -> Iterator[tuple[str, Any]]:
    yield "id", job.id
    yield "queue", job.queue
    yield "priority", job.priority or None
    yield "key", job.key
    yield "tags", ", ".join(job.tags)
    yield "sent", _when(job.created_at)
    if job.scheduled_for is not None:
        yield "scheduled for", _when(job.scheduled_for)
    if job.start_after is not None:
        yield "not before", _when(job.start_after)
    if job.deadline is not None:
        yield "not after", _when(job.deadline)
    yield "held by", None if job.held is None else _HOLDERS.get(job.held, job.held)
    yield "waits for", None if job.blockers is None else f"{job.blockers} of its parents"
    yield "line", job.line
    yield "limits", ", ".join(job.limits)
    yield "policy", job.policy
    yield "flow", job.flow_id
    yield "dead letters to", job.dead_letter
    if job.source is not None:
        source = job.source
        yield "dead letter of", f"{source.get('id')} ({source.get('task')}, {source.get('state')})"
        yield "from queue", source.get("queue")
    yield "started", _when(job.started_at)
    yield "finished", _when(job.finished_at)
    if job.started_at is not None and job.finished_at is not None:
        yield "took", span(job.finished_at - job.started_at)
    yield "attempts", job.attempt
    yield "crashes", job.crash_count or None
    yield "worker", job.worker_id
    if job.retry is not None:
        yield "retry", settings_of(job.retry)
    yield "time limit", None if job.expire_in is None else span(job.expire_in)
    yield "progress", None if job.progress is None else progress_text(job.progress)
    if job.cancel_requested_at is not None:
        yield "asked to stop", _when(job.cancel_requested_at)
    yield "reason", job.cancel_reason


def _when(moment: Any) -> str | None:
    return None if moment is None else f"{_exactly(moment)} UTC ({ago(moment)})"


def _exactly(moment: datetime) -> str:
    """A moment to the millisecond."""
    return f"{moment:%Y-%m-%d %H:%M:%S.%f}"[:-3]


def _kin(title: str, jobs: Sequence[Dependency]) -> None:
    if not jobs:
        return
    say(f"\n{title}", style="bold")
    columns = ("id", "state", "task", "if it fails", "over")
    rows = [
        (d.id, d.state or "gone", d.task, d.on_failure, "yes" if d.is_settled else "no")
        for d in jobs
    ]
    print_table(columns, rows, whole=2)


def _block(title: str, value: Any) -> None:
    say(f"\n{title}", style="bold")
    say(json.dumps(value, indent=2, ensure_ascii=False))


def _error(error: Any) -> None:
    say(f"\nattempt {error.get('attempt')}, {_since(error.get('at'))}", style="bold")
    if error.get("traceback"):
        say(str(error["traceback"]).rstrip())
    else:
        say(f"{error.get('type')}: {error.get('message')}")


def _since(text: Any) -> str:
    try:
        return str(_when(datetime.fromisoformat(text).astimezone(UTC)))
    except (TypeError, ValueError):
        # Somebody else wrote it.
        return str(text)


def _logged(line: LogLine) -> str:
    fields = "".join(f" {key}={value_of(value)}" for key, value in line.fields.items())
    return f"{_exactly(line.at)} {line.level:<7} {line.message}{fields}"
