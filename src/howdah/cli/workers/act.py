"""`howdah workers scale`, `pause`, `resume` and `stop`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from howdah._db import fleet
from howdah._db.fleet import Whom, WorkerRecord
from howdah._db.steps import Steps, walk
from howdah.cli.database import opened
from howdah.cli.options import AppOption, AsJson, Schema, Url
from howdah.cli.output import print_json, say
from howdah.cli.target import find_target
from howdah.cli.workers.look import document
from howdah.errors import UsageError

Ids = Annotated[
    list[int] | None, typer.Argument(metavar="[ID]...", help="The workers.", show_default=False)
]
OfQueue = Annotated[
    str | None, typer.Option("--queue", "-q", metavar="NAME", help="Those that serve this queue.")
]
All = Annotated[bool, typer.Option("--all", help="Every worker.")]


def scale(
    worker: Ids = None,
    concurrency: Annotated[
        int | None,
        typer.Option(
            "--concurrency", "-c", metavar="N", min=1, help="Jobs at once in each process."
        ),
    ] = None,
    as_started: Annotated[
        bool, typer.Option("--as-started", help="As many as they were started with.")
    ] = False,
    queue: OfQueue = None,
    everyone: All = False,
    url: Url = None,
    schema: Schema = None,
    app: AppOption = None,
    as_json: AsJson = False,
) -> None:
    """Let workers run so many jobs at once from now on.

    Nothing that runs is interrupted. Workers hear it within a second; those started later work as
    their options say.
    """
    if (concurrency is None) is not as_started:
        raise UsageError("cannot scale workers: give either --concurrency N or --as-started")
    told = _ask(
        _whom(worker, queue, everyone),
        lambda whom: fleet.scale(whom, concurrency=concurrency),
        (url, schema, app),
    )
    _tell(told, lambda one: f"is to run {one.concurrency} at once", as_json=as_json)


def pause(
    worker: Ids = None,
    by: Annotated[
        str | None, typer.Option("--by", help="Who wants it, for whoever wonders later.")
    ] = None,
    queue: OfQueue = None,
    everyone: All = False,
    url: Url = None,
    schema: Schema = None,
    app: AppOption = None,
    as_json: AsJson = False,
) -> None:
    """Let workers claim nothing until they are resumed. What runs there finishes."""
    told = _ask(
        _whom(worker, queue, everyone), lambda whom: fleet.pause(whom, by=by), (url, schema, app)
    )
    _tell(told, lambda one: "is paused", as_json=as_json)


def resume(
    worker: Ids = None,
    queue: OfQueue = None,
    everyone: All = False,
    url: Url = None,
    schema: Schema = None,
    app: AppOption = None,
    as_json: AsJson = False,
) -> None:
    """End the pause of workers."""
    told = _ask(_whom(worker, queue, everyone), fleet.resume, (url, schema, app))
    _tell(told, lambda one: "claims again", as_json=as_json)


def stop(
    worker: Ids = None,
    queue: OfQueue = None,
    everyone: All = False,
    url: Url = None,
    schema: Schema = None,
    app: AppOption = None,
    as_json: AsJson = False,
) -> None:
    """Ask workers to leave, as SIGTERM does: finish, within their grace, and go.

    `howdah worker` ends with code 0 after its last child, and whatever runs it may start it again.
    """
    told = _ask(_whom(worker, queue, everyone), fleet.stop, (url, schema, app))
    _tell(told, lambda one: "was asked to leave", as_json=as_json)


def _whom(ids: list[int] | None, queue: str | None, everyone: bool) -> list[Whom]:
    """Whom an order is for, as the command line says it."""
    if sum((bool(ids), queue is not None, everyone)) != 1:
        raise UsageError("cannot tell which workers are meant: give their ids, --queue or --all")
    if ids:
        return [Whom.of(one, None) for one in ids]
    return [Whom.of("all" if everyone else None, queue)]


def _ask(
    whom: list[Whom],
    order: Callable[[Whom], Steps[list[WorkerRecord]]],
    place: tuple[str | None, str | None, str | None],
) -> list[WorkerRecord]:
    url, schema, app = place
    with opened(find_target(url=url, schema=schema, app=app)) as database:
        return [one for each in whom for one in walk(order(each), database.run)]


def _tell(told: list[WorkerRecord], what: Callable[[WorkerRecord], str], *, as_json: bool) -> None:
    if as_json:
        print_json([document(one) for one in told])
        return
    for one in told:
        say(f"worker {one.id} on {one.host} {what(one)}")
    if not told:
        say("no worker was asked: none is there that is meant")
