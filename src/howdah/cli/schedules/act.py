"""`howdah schedules pause`, `resume`, `run-now` and `delete`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from howdah._db import scheduling
from howdah._db.steps import walk
from howdah.cli.database import opened
from howdah.cli.options import AppOption, AsJson, Schema, Url, Yes
from howdah.cli.output import ago, print_json, say
from howdah.cli.schedules.look import Name
from howdah.cli.target import find_target
from howdah.errors import UsageError


def pause(
    name: Name,
    by: Annotated[
        str | None, typer.Option("--by", help="Who wants it, for whoever wonders later.")
    ] = None,
    url: Url = None,
    schema: Schema = None,
    app: AppOption = None,
    as_json: AsJson = False,
) -> None:
    """Send nothing until the schedule is resumed. No restart of a worker ends the pause."""
    with opened(find_target(url=url, schema=schema, app=app)) as database:
        record = walk(scheduling.pause(name, by=by), database.run)
    if as_json:
        print_json(record)
        return
    say(f"{record.name} is paused")


def resume(
    name: Name,
    url: Url = None,
    schema: Schema = None,
    app: AppOption = None,
    as_json: AsJson = False,
) -> None:
    """End a pause. The ticks that came meanwhile are not made up for."""
    with opened(find_target(url=url, schema=schema, app=app)) as database:
        record = walk(scheduling.resume(name), database.run)
    if as_json:
        print_json(record)
        return
    say(f"{record.name} is due {ago(record.next_at, now=record.read_at) or 'never'}")


def run_now(
    name: Name,
    url: Url = None,
    schema: Schema = None,
    app: AppOption = None,
    as_json: AsJson = False,
) -> None:
    """Send a job of the schedule now, also while it is paused. Its ticks stay as they are."""
    with opened(find_target(url=url, schema=schema, app=app)) as database:
        receipt = walk(scheduling.run_now(name), database.run)
    if as_json:
        print_json({"id": receipt.id, "is_new": receipt.created})
    elif receipt.created:
        say(receipt.id)
    else:
        say(f"{receipt.id} (it was there already, and has not finished)")


def delete(
    name: Name,
    yes: Yes = False,
    url: Url = None,
    schema: Schema = None,
    app: AppOption = None,
    as_json: AsJson = False,
) -> None:
    """Forget a schedule; jobs that it has sent go on. One that code defines comes back."""
    with opened(find_target(url=url, schema=schema, app=app)) as database:
        record = walk(scheduling.get(name), database.run)
        if not yes:
            _confirm(record.name)
        walk(scheduling.delete(name), database.run)
    if as_json:
        print_json({"deleted": record.name})
        return
    again = ": a worker whose code defines it makes it again" if record.source == "code" else ""
    say(f"{record.name} is deleted{again}")


def _confirm(name: str) -> None:
    if not sys.stdin.isatty():
        raise UsageError(f"delete schedule {name!r}? nobody is here to be asked: give --yes")
    typer.confirm(f"delete schedule {name!r}?", abort=True, err=True)
