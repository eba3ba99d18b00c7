"""Acts on many jobs: asks first, goes in bounded batches, shows how far it is."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from howdah._db import bulk
from howdah._db.bulk import BATCH, BulkProgress, BulkReport, Tell, Verb
from howdah._db.query import Runner
from howdah._db.steps import walk
from howdah._model.filter import JobFilter
from howdah._model.states import JobState
from howdah.cli.errors import EXIT_FAILED
from howdah.cli.output import print_json, say
from howdah.errors import UsageError
from howdah.telemetry.printable import one_line

DOING = {
    "cancel": "cancelling",
    "retry": "retrying",
    "resume": "resuming",
    "delete": "deleting",
}
PAST = {"cancel": "cancelled", "retry": "retried", "resume": "resumed", "delete": "deleted"}


def act(
    database: Runner,
    verb: Verb,
    *,
    ids: Sequence[UUID] | None,
    wanted: JobFilter,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Say a verb of jobs by their ids, or of all that fit, and say what became of them.

    Raises:
        UsageError: No jobs are named, or in two ways; or nobody is there to be asked.
        typer.Exit: A job was refused.
    """
    _check_choice(ids, wanted)
    meant = verb.filter(wanted)
    if dry_run:
        _say_what_would_be(verb, database.run(bulk.count(meant)), as_json=as_json)
        return
    if ids:
        report = walk(bulk.act(verb, ids), database.run)
    else:
        if not yes:
            _confirm(database, meant, verb=verb.name)
        with bar(DOING[verb.name], quiet=as_json) as tell:
            report = walk(bulk.act(verb, meant, progress=tell), database.run)
    _finish(verb, report, as_json=as_json)


def _check_choice(ids: Sequence[UUID] | None, wanted: JobFilter) -> None:
    if ids and not wanted.is_everything:
        raise UsageError("cannot take ids and filters together: give one or the other")
    if not ids and wanted.is_everything:
        raise UsageError("which jobs? give their ids, or a filter such as --state, --queue, --task")


def _say_what_would_be(verb: Verb, count: int, *, as_json: bool) -> None:
    if as_json:
        print_json({"would": verb.name, "count": count})
    else:
        say(f"would {verb.name} {_jobs(count)}")


def _confirm(database: Runner, wanted: JobFilter, *, verb: str) -> None:
    """Ask whether to act on all jobs that fit, and leave if the answer is no.

    Raises:
        UsageError: Nobody is there to be asked.
    """
    count = database.run(bulk.count(wanted))
    if count == 0:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"{verb} {_jobs(count)}? nobody is here to be asked: give --yes")
    typer.confirm(f"{verb} {_jobs(count)}?", abort=True, err=True)


@contextmanager
def bar(doing: str, *, quiet: bool) -> Iterator[Tell | None]:
    """Show how far it is, on a terminal."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    columns = (TextColumn(doing), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(doing, total=None)

        def tell(far: BulkProgress) -> None:
            if far.total > BATCH:
                progress.update(task, completed=far.seen, total=far.total)

        yield tell


def _finish(verb: Verb, report: BulkReport, *, as_json: bool) -> None:
    """Say what was done, and leave with exit code 1 if a job was refused."""
    if as_json:
        now = {state.value: count for state, count in report.states.items()}
        refused = {str(job): str(why) for job, why in report.refused.items()}
        print_json({"done": report.done, "states": now, "refused": refused})
    else:
        for why in report.refused.values():
            sys.stderr.write(f"error: {one_line(why)}\n")
        for state, count in sorted(report.states.items()):
            say(_said(verb.name, state, count))
        if not report.done and not report.refused:
            say(f"nothing to {verb.name}")
    if report.refused:
        raise typer.Exit(EXIT_FAILED)


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count:,} jobs"


def _said(verb: str, state: JobState, count: int) -> str:
    if verb == "cancel" and state is JobState.ACTIVE:
        return f"asked {_jobs(count)} to stop"
    if verb == "delete":
        return f"deleted {_jobs(count)} that {'was' if count == 1 else 'were'} {state}"
    return f"{PAST[verb]} {_jobs(count)}"
