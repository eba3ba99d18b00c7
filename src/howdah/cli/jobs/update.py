"""`howdah jobs update`: changes jobs that wait."""

from __future__ import annotations

import json
from typing import Annotated
from uuid import UUID

import typer

from howdah._db import job as queries
from howdah._db.query import Runner
from howdah._model.changes import changes_of
from howdah._model.options import SendOptions
from howdah.cli import words
from howdah.cli.database import opened
from howdah.cli.jobs.send import (
    Deadline,
    Delay,
    ExpireIn,
    Priority,
    Retention,
    RetryLimit,
    StartAfter,
    Tags,
    fitting,
    start_of,
)
from howdah.cli.options import AppOption, AsJson, Schema, Url
from howdah.cli.output import print_json, say
from howdah.cli.target import Target, find_target
from howdah.errors import UsageError
from howdah.job import found

Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[ID] [ARGUMENTS]",
        help="The job, unless --key says which; then new arguments: name=value ..., or JSON.",
    ),
]
TaskName = Annotated[str | None, typer.Option("--task", "-t", help="With --key: the task.")]
Key = Annotated[str | None, typer.Option("--key", "-k", help="All waiting jobs of this key.")]


def update(
    given: Words = None,
    task: TaskName = None,
    key: Key = None,
    priority: Priority = None,
    delay: Delay = None,
    start_after: StartAfter = None,
    retry: RetryLimit = None,
    expire_in: ExpireIn = None,
    tag: Tags = None,
    retention: Retention = None,
    deadline: Deadline = None,
    url: Url = None,
    schema: Schema = None,
    app: AppOption = None,
    as_json: AsJson = False,
) -> None:
    """Change jobs that wait for their first attempt or their next one.

    What is not said stays. With an app, its task checks the arguments; they replace all that the
    job had.

    Example: howdah jobs update 01a20a9f-c2f8-7000-a63d-18e45b43961c --priority 5
    """
    options = SendOptions(
        priority=priority,
        start_after=start_of(delay, start_after),
        retry=retry,
        expire_in=words.seconds(expire_in),
        tags=tuple(tag) if tag else None,
        retention=words.seconds(retention),
        deadline=words.time(deadline),
    )
    if (task is None) != (key is None):
        raise UsageError("cannot find jobs by --task or --key alone: give both, or an ID")
    target = find_target(url=url, schema=schema, app=app, load=True)
    with opened(target) as database:
        if task is not None and key is not None:
            changes = _changes(target, task, given or [], options)
            changed = database.run(queries.update_key(task, key, changes))
        else:
            job_id, rest = _id_and_rest(given or [])
            name = _task_of(database, job_id) if rest and target.app is not None else ""
            database.run(queries.update(job_id, _changes(target, name, rest, options)))
            changed = [job_id]
    if as_json:
        print_json({"updated": changed})
        return
    for one in changed:
        say(one)
    if not changed:
        say("no job of that key waits")


def _id_and_rest(given: list[str]) -> tuple[UUID, list[str]]:
    if not given:
        raise UsageError("cannot update nothing: give the ID of a job, or --task and --key")
    try:
        return UUID(given[0]), given[1:]
    except ValueError:
        raise UsageError(f"cannot read {given[0]!r} as the ID of a job") from None


def _task_of(database: Runner, job_id: UUID) -> str:
    task: str = found(job_id, database.run(queries.get(job_id))).task
    return task


def _changes(target: Target, task: str, given: list[str], options: SendOptions) -> str:
    if not given:
        return changes_of(options)
    if target.app is None:
        return changes_of(options, args=json.dumps(words.arguments(given)))
    known = target.app.find_task(task)
    call = known.call(**fitting(known, given))
    return changes_of(options, args=call.encoded, draws=call.draws)
