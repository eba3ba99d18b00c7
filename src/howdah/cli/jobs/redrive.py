"""`howdah jobs redrive`."""

from __future__ import annotations

from typing import Annotated

import typer

from howdah._db import dead_letter, queueing
from howdah._db.steps import walk
from howdah.cli.database import opened
from howdah.cli.jobs.bulk import bar
from howdah.cli.options import AppOption, AsJson, DryRun, Schema, Url
from howdah.cli.output import print_json, say
from howdah.cli.target import Target, find_target


def redrive(
    queue: Annotated[str, typer.Argument(metavar="QUEUE", help="Where the dead letters are.")],
    limit: Annotated[
        int | None, typer.Option("--limit", "-n", min=1, help="At most so many.")
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", help="To this queue, and not to where they came from.")
    ] = None,
    dry_run: DryRun = False,
    url: Url = None,
    schema: Schema = None,
    app: AppOption = None,
    as_json: AsJson = False,
) -> None:
    """Move dead letters back to where they came from, the oldest first, with fresh attempts."""
    if dry_run:
        _say_how_many(find_target(url=url, schema=schema, app=app), queue, limit, as_json=as_json)
        return
    with (
        opened(find_target(url=url, schema=schema, app=app)) as database,
        bar("moving", quiet=as_json) as tell,
    ):
        steps = dead_letter.redrive(queue, destination=to, limit=limit, progress=tell)
        done = walk(steps, database.run)
        if done == dead_letter.Redriven():
            walk(queueing.check_known(queue), database.run)
    if as_json:
        print_json({"moved": done.moved, "kept": done.kept})
        return
    say(f"moved {done.moved:,}" if done.moved or done.kept else "nothing to move")
    if done.kept:
        say(f"kept {done.kept:,}: another live job stands in their way", style="yellow")


def _say_how_many(target: Target, queue: str, limit: int | None, *, as_json: bool) -> None:
    with opened(target) as database:
        count = database.run(dead_letter.count(queue))
        if count == 0:
            walk(queueing.check_known(queue), database.run)
    count = count if limit is None else min(count, limit)
    if as_json:
        print_json({"would": "redrive", "count": count})
    else:
        say(f"would move {'1 job' if count == 1 else f'{count:,} jobs'}")
