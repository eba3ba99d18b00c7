"""`howdah jobs send`: sends one job, checked by the app's own task where the app is known."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any
from uuid import UUID

import typer

from howdah._db import job as queries
from howdah._db.job import Receipt
from howdah._db.query import Query, Runner
from howdah._model.options import OPTION_NAMES, SendOptions
from howdah._model.window import Debounce, Throttle
from howdah.cli import words
from howdah.cli.database import opened
from howdah.cli.options import AppOption, AsJson, Schema, Url
from howdah.cli.output import print_json, say
from howdah.cli.target import Target, find_target
from howdah.errors import PayloadMismatchError, UsageError
from howdah.result import read_result
from howdah.task import Sender

DEFAULT_QUEUE = "default"

TaskName = Annotated[str, typer.Argument(metavar="TASK", help="The task.")]
Arguments = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="ARGUMENTS",
        help="name=value ..., or one JSON object, or - to read that from standard input.",
    ),
]
QueueName = Annotated[
    str | None,
    typer.Option("--queue", "-q", help="Only without an app: the task of an app knows its queue."),
]
Priority = Annotated[int | None, typer.Option(help="Higher runs first.")]
Delay = Annotated[str | None, typer.Option(metavar="TIME", help="Not before, such as 90s, 2h.")]
StartAfter = Annotated[
    str | None, typer.Option(metavar="MOMENT", help="Not before, as 2026-01-31T08:00Z.")
]
RetryLimit = Annotated[int | None, typer.Option("--retry", metavar="N", help="Retry so often.")]
ExpireIn = Annotated[str | None, typer.Option(metavar="TIME", help="Time limit of an attempt.")]
Key = Annotated[str | None, typer.Option("--key", "-k", help="One live job of the task has it.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="May be given several times.")]
Retention = Annotated[str | None, typer.Option(metavar="TIME", help="Kept so long when finished.")]
Deadline = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Expires if not begun: such as 2h, or 2026-01-31T08:00Z."),
]
ThrottlePer = Annotated[
    str | None,
    typer.Option("--throttle", metavar="TIME", help="One job of the task and key in each window."),
]
NextSlot = Annotated[
    bool, typer.Option("--next-slot", help="With --throttle: else one for the next window.")
]
DebounceWait = Annotated[
    str | None,
    typer.Option("--debounce", metavar="TIME", help="One job, so long after the last send."),
]
MaxWait = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="With --debounce: so long after the first at most."),
]
Replace = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="What a waiting job of the key takes of this: args, ..."),
]
Group = Annotated[
    str | None, typer.Option(metavar="NAME", help="Claims go round the groups of a queue.")
]
DeadLetterQueue = Annotated[
    str | None,
    typer.Option("--dead-letter", metavar="QUEUE", help="Gets a copy when it fails or expires."),
]
Wait = Annotated[
    str | None,
    typer.Option("--wait", metavar="TIME", help="Wait so long for its end, and print its result."),
]
JobId = Annotated[UUID | None, typer.Option("--id", help="Sending it twice makes one job.")]


def send(
    task: TaskName,
    arguments: Arguments = None,
    queue: QueueName = None,
    priority: Priority = None,
    delay: Delay = None,
    start_after: StartAfter = None,
    retry: RetryLimit = None,
    expire_in: ExpireIn = None,
    key: Key = None,
    tag: Tags = None,
    retention: Retention = None,
    deadline: Deadline = None,
    throttle: ThrottlePer = None,
    next_slot: NextSlot = False,
    debounce: DebounceWait = None,
    max_wait: MaxWait = None,
    replace: Replace = None,
    group: Group = None,
    dead_letter: DeadLetterQueue = None,
    job_id: JobId = None,
    wait: Wait = None,
    url: Url = None,
    schema: Schema = None,
    app: AppOption = None,
    as_json: AsJson = False,
) -> None:
    """Send a job.

    With an app, its task checks the arguments and gives the options that are not said here.
    Without one they are stored as they are.

    With --wait, exit code 1 says that it failed, or has not ended by then; it goes on all the same.

    Example: howdah jobs send welcome email=ann@example.com --delay 10m
    """
    options = SendOptions(
        id=job_id,
        priority=priority,
        start_after=start_of(delay, start_after),
        retry=retry,
        expire_in=words.seconds(expire_in),
        key=key,
        tags=tuple(tag) if tag else None,
        retention=words.seconds(retention),
        deadline=words.time(deadline),
        throttle=_throttle(throttle, next_slot),
        debounce=_debounce(debounce, max_wait),
        replace=tuple(replace) if replace else None,
        group=group,
        dead_letter=dead_letter,
    )
    target = find_target(url=url, schema=schema, app=app, load=True)
    query = _order(target, task, spoken(arguments), queue, options)
    patience = words.seconds(wait)
    with opened(target) as database:
        _tell(database, database.run(query), patience, as_json=as_json)


def _tell(database: Runner, receipt: Receipt, patience: float | None, *, as_json: bool) -> None:
    """Say what was sent, and where that is wanted what came of it."""
    if not as_json:
        say(receipt.id if receipt.created else f"{receipt.id} (it was there already)")
    more: dict[str, Any] = {}
    if patience is not None:
        # Nobody else needs the client.
        from howdah.sync import SyncJobs

        ending = SyncJobs(database.run).ending(receipt.id, timeout=patience)
        more["result"] = read_result(receipt.id, ending, None)
    if as_json:
        print_json({"id": receipt.id, "is_new": receipt.created, **more})
    elif more:
        say(json.dumps(more["result"], indent=2, ensure_ascii=False))


def _order(
    target: Target, task: str, given: list[str], queue: str | None, options: SendOptions
) -> Query[Receipt]:
    if target.app is None:
        return queries.send(
            queue=queue or DEFAULT_QUEUE,
            task=task,
            args=json.dumps(words.arguments(given)),
            options=options.to_json(),
        )
    refuse_queue(queue)
    sender = target.app.find_task(task).using(**said(options))
    return sender.order((), fitting(sender, given)).query


def refuse_queue(queue: str | None) -> None:
    """Refuse to choose the queue of an app's task.

    Raises:
        UsageError: Somebody did.
    """
    if queue is not None:
        raise UsageError(
            "cannot choose the queue of an app's task: leave out --queue, its code decides"
        )


def fitting(sender: Sender[..., Any], given: list[str]) -> dict[str, Any]:
    """The arguments of a job by name, read in the way that fits its task."""
    found = words.arguments(given)
    try:
        sender.task.signature.encode((), found)
    except PayloadMismatchError:
        # 0123 is a number to JSON, and may be a text to the task.
        if (as_texts := words.texts(given)) is None:
            raise
        try:
            sender.task.signature.encode((), as_texts)
        except PayloadMismatchError:
            pass
        else:
            return as_texts
        raise
    return found


def said(options: SendOptions) -> dict[str, Any]:
    """The options as `task.using` takes them."""
    return {name: getattr(options, name) for name in OPTION_NAMES}


def _throttle(per: str | None, next_slot: bool) -> Throttle | None:
    if per is None and next_slot:
        raise UsageError("cannot use --next-slot alone: give --throttle as well")
    seconds = words.seconds(per)
    return None if seconds is None else Throttle(seconds, next_slot=next_slot)


def _debounce(wait: str | None, max_wait: str | None) -> Debounce | None:
    if wait is None and max_wait is not None:
        raise UsageError("cannot use --max-wait alone: give --debounce as well")
    seconds = words.seconds(wait)
    return None if seconds is None else Debounce(seconds, max_wait=words.seconds(max_wait))


def start_of(delay: str | None, start_after: str | None) -> Any:
    """When a job is to start, by whichever of the two options was given."""
    if delay is not None and start_after is not None:
        raise UsageError("cannot use --delay and --start-after together: give one of them")
    return words.seconds(delay) if delay is not None else words.moment(start_after)


def spoken(arguments: list[str] | None) -> list[str]:
    """The arguments of a job, from standard input where that is said."""
    return [sys.stdin.read()] if arguments == ["-"] else arguments or []
