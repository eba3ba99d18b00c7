"""`howdah schedules put`: checked by the app's own task where the app is known."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from howdah._db import scheduling
from howdah._db.schedule import ScheduleRecord
from howdah._db.steps import walk
from howdah._model.cron import Timing, timing_of
from howdah._model.duration import seconds_of
from howdah._model.options import SendOptions
from howdah._model.schedule import DEFAULT_CATCH_UP_LIMIT, Definition, Policy
from howdah.cli import words
from howdah.cli.database import opened
from howdah.cli.doubts import warn_of_unknown_task
from howdah.cli.jobs.send import (
    DEFAULT_QUEUE,
    Arguments,
    ExpireIn,
    Key,
    Priority,
    QueueName,
    Retention,
    RetryLimit,
    Tags,
    TaskName,
    fitting,
    refuse_queue,
    said,
    spoken,
)
from howdah.cli.options import AppOption, AsJson, Schema, Url
from howdah.cli.output import ago, print_json, say
from howdah.cli.schedules.look import Name
from howdah.cli.target import find_target
from howdah.errors import UsageError
from howdah.schedules import Draft

if TYPE_CHECKING:
    from howdah.client import Howdah

When = Annotated[
    str,
    typer.Argument(
        metavar="CRON", help="In quotes: '0 6 * * *', '@daily'; or an interval, such as 15m."
    ),
]
Zone = Annotated[str, typer.Option("--tz", metavar="ZONE", help="Whose clock CRON is about.")]
Overlap = Annotated[
    str,
    typer.Option("--overlap", help="allow; or skip, while its last job has not finished."),
]
CatchUp = Annotated[
    str,
    typer.Option("--catch-up", help="Of ticks that came while no worker ran: none, last, all."),
]
CatchUpLimit = Annotated[
    int, typer.Option("--catch-up-limit", metavar="N", help="Of all, so many of the newest.")
]
Jitter = Annotated[
    str | None,
    typer.Option("--jitter", metavar="TIME", help="Each job up to so much later, at random."),
]
Deadline = Annotated[
    str | None,
    typer.Option(
        "--deadline", metavar="TIME", help="Expires if not begun so long after it is sent."
    ),
]
Paused = Annotated[bool, typer.Option("--paused", help="Send nothing until it is resumed.")]


def put(
    name: Name,
    task: TaskName,
    when: When,
    arguments: Arguments = None,
    tz: Zone = "UTC",
    overlap: Overlap = "allow",
    catch_up: CatchUp = "last",
    catch_up_limit: CatchUpLimit = DEFAULT_CATCH_UP_LIMIT,
    jitter: Jitter = None,
    paused: Paused = False,
    queue: QueueName = None,
    priority: Priority = None,
    retry: RetryLimit = None,
    expire_in: ExpireIn = None,
    key: Key = None,
    tag: Tags = None,
    retention: Retention = None,
    deadline: Deadline = None,
    url: Url = None,
    schema: Schema = None,
    app: AppOption = None,
    as_json: AsJson = False,
) -> None:
    """Make a schedule, or put this one in the place of the one of that name.

    With an app, its task checks the arguments and gives the options that are not said here. A pause
    stays. One that is due at the same times as before keeps its next tick.

    Example: howdah schedules put report-eu report '0 6 * * *' kind=all --tz Europe/Paris
    """
    timing = _timing(when, tz, arguments)
    given = spoken(arguments)
    policy = _policy(overlap, catch_up, catch_up_limit, jitter)
    options = SendOptions(
        priority=priority,
        retry=retry,
        expire_in=words.seconds(expire_in),
        key=key,
        tags=tuple(tag) if tag else None,
        retention=words.seconds(retention),
        deadline=words.seconds(deadline),
    )
    target = find_target(url=url, schema=schema, app=app, load=True)
    args = json.dumps(words.arguments(given))
    definition = Definition(
        name, task, queue or DEFAULT_QUEUE, args, options.to_mapping(), timing, policy, paused
    )
    if target.app is not None:
        refuse_queue(queue)
        definition = _of_app(target.app, definition, given, options)
    with opened(target) as database:
        record = walk(scheduling.put(definition), database.run)
        if target.app is None:
            warn_of_unknown_task(task, database)
    print_json(record) if as_json else say(_due(record))


def _of_app(
    app: Howdah, definition: Definition, given: list[str], options: SendOptions
) -> Definition:
    """The schedule as `app.schedules.put` would store it."""
    sender = app.find_task(definition.task).using(**said(options))
    args = sender.task.signature.encode((), fitting(sender, given))
    timing, policy = definition.timing, definition.policy
    return Draft(definition.name, sender, args, timing, policy, definition.is_paused).definition()


def _policy(overlap: str, catch_up: str, limit: int, jitter: str | None) -> Policy:
    # Checked by it, so that a slip is told in the same words as in Python.
    chosen: dict[str, Any] = {"overlap": overlap, "catch_up": catch_up}
    return Policy(
        catch_up_limit=limit, jitter=seconds_of(words.seconds(jitter) or 0, what="jitter"), **chosen
    )


def _due(record: ScheduleRecord) -> str:
    if record.is_paused:
        return f"{record.name} is paused"
    return f"{record.name} is due {ago(record.next_at, now=record.read_at) or 'never'}"


def _timing(when: str, tz: str, arguments: list[str] | None) -> Timing:
    first = arguments[0].lstrip() if arguments else ""
    # A single field, and behind it another: no argument looks like that.
    if not set(" @") & set(when) and first and not ("=" in first or first[0] in "{-"):
        raise UsageError(
            f"cannot read {when!r} and {first!r}: put a cron expression in quotes, such as"
            " '0 6 * * *', and write arguments as name=value"
        )
    if words.is_duration(when):
        return timing_of(every=words.seconds(when), tz=tz)
    return timing_of(cron=when, tz=tz)
