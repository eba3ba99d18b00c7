"""`howdah schedules list`, `show` and `next`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

import typer

from howdah._db import schedule as queries
from howdah._db import scheduling
from howdah._db.schedule import ScheduleRecord
from howdah._db.steps import walk
from howdah.cli.database import opened
from howdah.cli.options import AppOption, AsJson, Schema, Url
from howdah.cli.output import (
    ago,
    print_json,
    print_pairs,
    print_table,
    say,
    settings_of,
    span,
    whole_span,
)
from howdah.cli.target import find_target

Name = Annotated[str, typer.Argument(metavar="NAME", help="The schedule.")]


def list_schedules(
    url: Url = None, schema: Schema = None, app: AppOption = None, as_json: AsJson = False
) -> None:
    """List schedules by name.

    `from` says who defined it: `code` is `@app.schedule`, `runtime` is `app.schedules.put`.
    """
    with opened(find_target(url=url, schema=schema, app=app)) as database:
        found = database.run(queries.find())
    if as_json:
        print_json(found)
        return
    if not found:
        say("no schedules yet: those of the code are stored when a worker starts")
        return
    print_table(
        ("schedule", "task", "when", "next", "last", "from", "paused"),
        [
            (
                one.name,
                one.task,
                when(one),
                None if one.is_paused else ago(one.next_at, now=one.read_at),
                ago(one.last_tick, now=one.read_at),
                one.source,
                ago(one.paused_at, now=one.read_at),
            )
            for one in found
        ],
        spare=("from", "last", "paused"),
    )


def show(
    name: Name,
    url: Url = None,
    schema: Schema = None,
    app: AppOption = None,
    as_json: AsJson = False,
) -> None:
    """Show one schedule: when it is due, what it sends, and what it sent last."""
    with opened(find_target(url=url, schema=schema, app=app)) as database:
        found = walk(scheduling.get(name), database.run)
    if as_json:
        print_json(found)
        return
    say(found.name, style="bold")
    print_pairs(_facts(found))


def next_ticks(
    name: Name,
    count: Annotated[int, typer.Option("--count", "-n", metavar="N", help="So many ticks.")] = 5,
    url: Url = None,
    schema: Schema = None,
    app: AppOption = None,
    as_json: AsJson = False,
) -> None:
    """Say when a schedule is due next, on the clock of its time zone."""
    with opened(find_target(url=url, schema=schema, app=app)) as database:
        found = walk(scheduling.next_ticks(name, count), database.run)
    if as_json:
        print_json([tick.isoformat() for tick in found])
        return
    for tick in found:
        say(f"{tick:%a %Y-%m-%d %H:%M:%S %Z}")


def when(record: ScheduleRecord) -> str:
    """When a schedule is due, as people say it."""
    if record.every is not None:
        return f"every {whole_span(record.every)}"
    return f"{record.cron} {record.tz}"


def _facts(record: ScheduleRecord) -> Iterator[tuple[str, Any]]:
    yield "when", when(record)
    yield "next", "never" if record.next_at is None else _moment(record.next_at, record)
    yield "task", record.task
    yield "queue", record.queue
    yield "arguments", json.dumps(record.args, ensure_ascii=False) if record.args else None
    yield "options", settings_of(record.options)
    yield "jitter", span(record.jitter) if record.jitter else None
    yield "overlap", record.overlap
    limit = f" (at most {record.catch_up_limit})" if record.catch_up == "all" else ""
    yield "catch up", record.catch_up + limit
    yield "defined by", record.source
    yield "last tick", _moment(record.last_tick, record)
    yield "last job", record.last_job_id
    yield "paused", _moment(record.paused_at, record)
    yield "paused by", record.paused_by
    yield "edited", _moment(record.updated_at, record)


def _moment(moment: datetime | None, record: ScheduleRecord) -> str | None:
    if moment is None:
        return None
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC ({ago(moment, now=record.read_at)})"
