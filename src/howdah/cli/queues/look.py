"""`howdah queues`, `list` and `show`."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from howdah._db import fleet, queueing
from howdah._db import queue as queries
from howdah._db.query import Runner
from howdah._db.queue import BlockedKey, Pause, QueueRecord
from howdah._db.steps import walk
from howdah.cli.database import opened
from howdah.cli.options import AppOption, AsJson, Schema, Url
from howdah.cli.output import (
    ago,
    console,
    print_json,
    print_pairs,
    print_table,
    say,
    settings_of,
    span,
)
from howdah.cli.target import find_target
from howdah.errors import UsageError

# As often as a person can read it, and no burden to the database.
WATCH_EVERY = 2.0

Name = Annotated[str, typer.Argument(metavar="NAME", help="The queue.")]


def list_queues(
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Show them anew all the time, until Ctrl-C.")
    ] = False,
    url: Url = None,
    schema: Schema = None,
    app: AppOption = None,
    as_json: AsJson = False,
) -> None:
    """Show what stands in each queue, and how many workers serve it.

    `ready` can be claimed now, `delayed` waits for its time, `held` is of a paused task or waits
    for other jobs, `active` runs, `waiting` is suspended.
    """
    if watch and as_json:
        raise UsageError("cannot print one JSON document all the time: leave out --watch or --json")
    with opened(find_target(url=url, schema=schema, app=app)) as database:
        if not watch:
            _list(database, as_json=as_json)
            return
        try:
            while True:
                # On a terminal only: what is read from a pipe is one table below the other.
                console().clear()
                _list(database, as_json=False)
                time.sleep(WATCH_EVERY)
        except KeyboardInterrupt:
            return


def show(
    name: Name,
    url: Url = None,
    schema: Schema = None,
    app: AppOption = None,
    as_json: AsJson = False,
) -> None:
    """Show what is said of a queue, by its code and by an operator, and what stands in it."""
    target = find_target(url=url, schema=schema, app=app)
    with opened(target) as database:
        record = walk(queueing.get(name, {}), database.run)
        blocked = database.run(queries.blocked_keys(name))
    if as_json:
        print_json({**document(record), "blocked_keys": blocked})
        return
    say(f"queue {record.name}", style="bold")
    print_pairs(_facts(record, blocked))


def document(record: QueueRecord) -> dict[str, Any]:
    """A queue as `--json` shows it."""
    return {**dataclasses.asdict(record), "options": record.options}


def _list(database: Runner, *, as_json: bool) -> None:
    found = database.run(queries.find())
    pauses = database.run(queries.pauses())
    alive = [one for one in database.run(fleet.workers()) if one.is_alive]
    serving = {
        queue.name: sum(1 for worker in alive if queue.name in worker.queues) for queue in found
    }
    if as_json:
        print_json([{**document(one), "workers": serving[one.name]} for one in found])
        return
    if not found:
        say("no queues yet: a queue is known after its first job or worker")
    else:
        _print(found, serving)
    for pause in pauses:
        if pause.kind != "queue":
            say(f"{_what(pause)} is paused {_why(pause)}")


def _print(found: list[QueueRecord], serving: dict[str, int]) -> None:
    print_table(
        ("queue", "ready", "delayed", "held", "active", "waiting", "oldest", "workers", "paused"),
        [
            (
                one.name,
                one.ready,
                one.delayed,
                one.held,
                one.active,
                one.waiting,
                None if one.oldest is None else span(one.oldest),
                serving[one.name],
                ago(one.paused_at),
            )
            for one in found
        ],
    )


def _facts(record: QueueRecord, blocked: list[BlockedKey]) -> Iterator[tuple[str, object]]:
    yield "policy", record.policy
    yield "code says", settings_of(record.code)
    yield "operator says", settings_of(record.override)
    if record.paused_at is not None:
        yield "paused", ago(record.paused_at)
        yield "by", record.paused_by
        yield "reason", record.pause_reason
    yield "waits until", ago(record.blocked_until)
    for state in ("ready", "delayed", "held", "active", "waiting"):
        yield state, getattr(record, state)
    yield "oldest", None if record.oldest is None else span(record.oldest)
    for one in blocked:
        yield "blocked key", f"{one.key} by {one.job_id}, {ago(one.at)}"


def _what(pause: Pause) -> str:
    return "everything" if pause.kind == "everything" else f"task {pause.name}"


def _why(pause: Pause) -> str:
    parts = [ago(pause.at) or ""]
    if pause.by:
        parts.append(f"by {pause.by}")
    if pause.reason:
        parts.append(f"({pause.reason})")
    return " ".join(parts)
