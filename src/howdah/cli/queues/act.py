"""`howdah queues put`, `pause`, `resume`, `unblock` and `delete`."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from howdah._db import queue as queries
from howdah._db import queueing
from howdah._db.query import Runner
from howdah._db.steps import walk
from howdah._model.options import SendOptions
from howdah._model.queue import QueueOptions
from howdah.cli.database import opened
from howdah.cli.doubts import warn_of_unknown_task
from howdah.cli.options import AppOption, AsJson, Schema, Url, Yes
from howdah.cli.output import print_json, say
from howdah.cli.queues.look import Name, document
from howdah.cli.target import find_target
from howdah.cli.words import seconds
from howdah.errors import UsageError

MaybeName = Annotated[
    str | None, typer.Argument(metavar="[NAME]", help="The queue.", show_default=False)
]
OfTask = Annotated[
    str | None, typer.Option("--task", "-t", metavar="NAME", help="A task, in all queues.")
]
Everything = Annotated[bool, typer.Option("--all", help="Every queue.")]
By = Annotated[str | None, typer.Option("--by", help="Who wants it, for whoever wonders later.")]
Reason = Annotated[str | None, typer.Option("--reason", help="Why.")]


ExpireIn = Annotated[
    str | None, typer.Option("--expire-in", metavar="TIME", help="For one attempt: 90s, 10m.")
]
Retention = Annotated[
    str | None, typer.Option("--retention", metavar="TIME", help="To keep what is over.")
]
FullTimeout = Annotated[
    str | None, typer.Option("--full-timeout", metavar="TIME", help="How long to block.")
]
Ageing = Annotated[
    str | None,
    typer.Option("--ageing", metavar="TIME", help="A wait that counts as one of priority."),
]


def put(
    name: Name,
    policy: Annotated[
        str | None,
        typer.Option(
            "--policy",
            help="standard, short, singleton, stately, exclusive or key_strict_fifo.",
        ),
    ] = None,
    priority: Annotated[int | None, typer.Option("--priority", help="Higher runs first.")] = None,
    retry: Annotated[int | None, typer.Option("--retry", metavar="N", help="Retries.")] = None,
    expire_in: ExpireIn = None,
    retention: Retention = None,
    dead_letter: Annotated[
        str | None, typer.Option("--dead-letter", metavar="QUEUE", help="For what failed.")
    ] = None,
    max_waiting: Annotated[
        int | None, typer.Option("--max-waiting", metavar="N", help="Jobs that may wait.")
    ] = None,
    on_full: Annotated[
        str | None, typer.Option("--on-full", help="reject, drop_oldest or block.")
    ] = None,
    full_timeout: FullTimeout = None,
    ageing: Ageing = None,
    url: Url = None,
    schema: Schema = None,
    app: AppOption = None,
    as_json: AsJson = False,
) -> None:
    """Say of a queue what wins over its code, and make it if there is none.

    What is not said is as the code says again.
    """
    chosen: dict[str, Any] = {"policy": policy, "on_full": on_full}
    options = QueueOptions(
        SendOptions(
            priority=priority,
            retry=retry,
            expire_in=seconds(expire_in),
            retention=seconds(retention),
        ),
        dead_letter=dead_letter,
        max_waiting=max_waiting,
        full_timeout=seconds(full_timeout),
        ageing=seconds(ageing),
        **chosen,
    )
    with opened(find_target(url=url, schema=schema, app=app)) as database:
        record = walk(queueing.put(name, options), database.run)
    if as_json:
        print_json(document(record))
        return
    said = ", ".join(f"{key} {value}" for key, value in record.override.items())
    say(f"{record.name}: {said}" if said else f"{record.name} is as its code says")


def pause(
    name: MaybeName = None,
    task: OfTask = None,
    everything: Everything = False,
    by: By = None,
    reason: Reason = None,
    url: Url = None,
    schema: Schema = None,
    app: AppOption = None,
    as_json: AsJson = False,
) -> None:
    """Let nobody claim from a queue, jobs of a task, or anything. What runs goes on.

    Workers hear it within a second. No restart of a worker ends the pause.
    """
    _check_one("pause", name, task, everything)
    with opened(find_target(url=url, schema=schema, app=app)) as database:
        if everything:
            database.run(queries.pause_everything(by=by, reason=reason))
        elif task is not None:
            walk(queueing.pause_task(task, by=by, reason=reason), database.run)
            warn_of_unknown_task(task, database)
        else:
            walk(queueing.pause(name or "", {}, by=by, reason=reason), database.run)
        found = database.run(queries.pauses())
    if as_json:
        print_json(found)
        return
    say(f"{_what(name, task)} is paused")


def resume(
    name: MaybeName = None,
    task: OfTask = None,
    everything: Everything = False,
    url: Url = None,
    schema: Schema = None,
    app: AppOption = None,
    as_json: AsJson = False,
) -> None:
    """End the pause of a queue, of a task, or of everything.

    What was paused by itself stays so when everything is resumed.
    """
    _check_one("resume", name, task, everything)
    with opened(find_target(url=url, schema=schema, app=app)) as database:
        was_paused = _is_paused(name, task, database)
        if everything:
            database.run(queries.resume_everything())
        elif task is not None:
            walk(queueing.resume_task(task), database.run)
        else:
            walk(queueing.resume(name or "", {}), database.run)
        found = database.run(queries.pauses())
    if as_json:
        print_json(found)
        return
    say(f"{_what(name, task)} {'is resumed' if was_paused else 'was not paused'}")


def unblock(
    name: Name,
    key: Annotated[str, typer.Argument(metavar="KEY", help="The key.")],
    url: Url = None,
    schema: Schema = None,
    app: AppOption = None,
    as_json: AsJson = False,
) -> None:
    """Let the jobs of a blocked key run without the one that failed."""
    with opened(find_target(url=url, schema=schema, app=app)) as database:
        was_blocked = database.run(queries.unblock(name, key))
    if as_json:
        print_json({"unblocked": was_blocked})
        return
    say(f"key {key} is free" if was_blocked else f"key {key} was not blocked")


def delete(
    name: Name,
    with_jobs: Annotated[
        bool, typer.Option("--with-jobs", help="Cancel its jobs, ask the running ones to stop.")
    ] = False,
    yes: Yes = False,
    url: Url = None,
    schema: Schema = None,
    app: AppOption = None,
    as_json: AsJson = False,
) -> None:
    """Forget a queue and what was said of it. One that code serves comes back."""
    with opened(find_target(url=url, schema=schema, app=app)) as database:
        walk(queueing.get(name, {}), database.run)
        if not yes:
            _confirm(name)
        cancelled = walk(queueing.delete(name, {}, with_jobs=with_jobs), database.run)
    if as_json:
        print_json({"deleted": name, "cancelled": cancelled})
        return
    say(f"{name} is deleted" + (f", {cancelled:,} jobs are cancelled" if cancelled else ""))


def _check_one(verb: str, name: str | None, task: str | None, everything: bool) -> None:
    if sum((name is not None, task is not None, everything)) != 1:
        raise UsageError(f"cannot {verb}: name a queue, or give --task NAME or --all")


def _is_paused(name: str | None, task: str | None, database: Runner) -> bool:
    if name is not None:
        # Its own row says it also where it is paused since everything is.
        record = database.run(queries.get(name))
        return record is not None and record.is_paused
    wanted = ("everything", "") if task is None else ("task", task)
    return wanted in {(one.kind, one.name) for one in database.run(queries.pauses())}


def _what(name: str | None, task: str | None) -> str:
    if task is not None:
        return f"task {task}"
    return "everything" if name is None else name


def _confirm(name: str) -> None:
    if not sys.stdin.isatty():
        raise UsageError(f"delete queue {name!r}? nobody is here to be asked: give --yes")
    typer.confirm(f"delete queue {name!r}?", abort=True, err=True)
