"""`howdah jobs redrive`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import typer

from howdah._db import dead_letter, queueing
from howdah._db.dead_letter import Redriven
from howdah._db.query import Runner
from howdah._db.steps import walk
from howdah._model.filter import JobFilter
from howdah.cli.database import opened
from howdah.cli.errors import EXIT_FAILED
from howdah.cli.jobs.bulk import bar
from howdah.cli.jobs.filters import Ids, with_filter_of_one_queue
from howdah.cli.options import AppOption, AsJson, DryRun, Schema, Url
from howdah.cli.output import print_json, say
from howdah.cli.target import find_target
from howdah.errors import UsageError


@with_filter_of_one_queue
def redrive(
    *,
    queue: Annotated[str, typer.Argument(metavar="QUEUE", help="Where the dead letters are.")],
    ids: Ids = None,
    wanted: JobFilter,
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
    """Move dead letters back to where they came from, the oldest first, with fresh attempts.

    All of the queue, or some by id or by filter; `--key` is the key that they had. What would not
    fit there now, since another live job has its key, stays.
    """
    if ids and not wanted.is_everything:
        raise UsageError("cannot take ids and filters together: give one or the other")
    with opened(find_target(url=url, schema=schema, app=app)) as database:
        if dry_run:
            _say_how_many(database, queue, ids or wanted, limit, as_json=as_json)
            return
        with bar("moving", quiet=as_json) as tell:
            steps = dead_letter.redrive(
                queue, ids or wanted, destination=to, limit=limit, progress=tell
            )
            done = walk(steps, database.run)
        if not done.moved and not done.kept:
            walk(queueing.check_known(queue), database.run)
    _finish(queue, done, as_json=as_json)


def _say_how_many(
    database: Runner,
    queue: str,
    jobs: Sequence[UUID] | JobFilter,
    limit: int | None,
    *,
    as_json: bool,
) -> None:
    if isinstance(jobs, JobFilter):
        count = database.run(dead_letter.count(queue, jobs))
    else:
        count = len(database.run(dead_letter.find(queue, jobs)))
    if count == 0:
        walk(queueing.check_known(queue), database.run)
    count = count if limit is None else min(count, limit)
    if as_json:
        print_json({"would": "redrive", "count": count})
    else:
        say(f"would move {'1 job' if count == 1 else f'{count:,} jobs'}")


def _finish(queue: str, done: Redriven, *, as_json: bool) -> None:
    """Say what was done, and leave with exit code 1 if a job that was named is not there."""
    if as_json:
        missing = [str(one) for one in done.missing]
        print_json({"moved": done.moved, "kept": done.kept, "missing": missing})
    else:
        for one in done.missing:
            sys.stderr.write(f"error: job {one} is no dead letter that waits in {queue!r}\n")
        if done.moved or done.kept or not done.missing:
            say(f"moved {done.moved:,}" if done.moved or done.kept else "nothing to move")
        if done.kept:
            say(f"kept {done.kept:,}: another live job stands in their way", style="yellow")
    if done.missing:
        raise typer.Exit(EXIT_FAILED)
