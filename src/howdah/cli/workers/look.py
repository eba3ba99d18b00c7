"""`howdah workers` and `howdah workers show`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from howdah._db import fleet
from howdah._db.fleet import WorkerRecord
from howdah._db.steps import walk
from howdah._model.reason import priorities
from howdah.cli.database import opened
from howdah.cli.options import AppOption, AsJson, Schema, Url
from howdah.cli.output import ago, print_json, print_pairs, print_table, say, span
from howdah.cli.target import find_target

Number = Annotated[int, typer.Argument(metavar="ID", help="The worker.")]


def list_workers(
    url: Url = None, schema: Schema = None, app: AppOption = None, as_json: AsJson = False
) -> None:
    """Show which workers are there, and what they hold.

    A worker that has not beaten for its lease is dead; its jobs are given back by the others.
    """
    with opened(find_target(url=url, schema=schema, app=app)) as database:
        found = database.run(fleet.workers())
    if as_json:
        print_json([document(one) for one in found])
    elif found:
        print_workers(found)
    else:
        say("no workers: start one with `howdah worker module:app`")


def show(
    worker: Number,
    url: Url = None,
    schema: Schema = None,
    app: AppOption = None,
    as_json: AsJson = False,
) -> None:
    """Show one worker, and the jobs that it holds."""
    with opened(find_target(url=url, schema=schema, app=app)) as database:
        found = walk(fleet.get(worker), database.run)
    if as_json:
        print_json(document(found))
        return
    say(f"worker {found.id}", style="bold")
    print_pairs(_facts(found))
    if found.jobs:
        say()
        print_table(
            ("job", "task", "queue", "attempt", "claimed"),
            [(one.id, one.task, one.queue, one.attempt, ago(one.since)) for one in found.jobs],
        )


def print_workers(found: list[WorkerRecord]) -> None:
    """Print workers as a table."""
    print_table(
        (
            *("id", "host", "pid", "queues", "priorities", "jobs", "of"),
            *("memory", "version", "started", "beat", "is"),
        ),
        [
            (
                one.id,
                one.host,
                one.pid,
                _queues(one),
                priorities(one.min_priority, one.max_priority),
                len(one.jobs),
                one.concurrency,
                size(one.memory),
                one.version,
                ago(one.started_at),
                _beat(one),
                standing(one),
            )
            for one in found
        ],
        spare=("version", "memory", "started", "priorities"),
    )


def document(one: WorkerRecord) -> dict[str, Any]:
    """A worker as programs read it."""
    return {**dataclasses.asdict(one), "is_alive": one.is_alive, "is_paused": one.is_paused}


def standing(one: WorkerRecord) -> str:
    """What a worker is doing, in a word."""
    if not one.is_alive:
        return "dead"
    if one.stop_asked_at is not None:
        return "leaving"
    return "paused" if one.is_paused else "alive"


def size(memory: int | None) -> str | None:
    """An amount of memory as people say it."""
    return None if memory is None else f"{memory / 1_048_576:,.0f} MB"


def _queues(one: WorkerRecord) -> str:
    """The queues that a worker serves, with how many handlers of each it runs where it says so."""
    return ", ".join(
        f"{name} (at most {one.queue_concurrency[name]})" if name in one.queue_concurrency else name
        for name in one.queues
    )


def _beat(one: WorkerRecord) -> str:
    return "now" if one.beat_ago < 1 else f"{span(one.beat_ago)} ago"


def _facts(one: WorkerRecord) -> Iterator[tuple[str, Any]]:
    yield "is", standing(one)
    yield "host", one.host
    yield "pid", one.pid
    yield "queues", _queues(one)
    yield "priorities", priorities(one.min_priority, one.max_priority)
    started = "" if one.concurrency == one.started_with else f" (started with {one.started_with})"
    yield "concurrency", f"{one.concurrency}{started}"
    yield "memory", size(one.memory)
    yield "version", one.version
    yield "started", ago(one.started_at)
    yield "last beat", _beat(one)
    yield "lease", span(one.lease)
    yield "paused", ago(one.paused_at)
    yield "paused by", one.paused_by
    yield "asked to leave", ago(one.stop_asked_at)
