"""Acts on many jobs: asks first, goes in bounded batches, shows how far it is."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from howdah._db import bulk
from howdah._db.bulk import Filter
from howdah._db.query import Query, Runner
from howdah._model.states import JobState
from howdah.cli.errors import EXIT_FAILED
from howdah.cli.output import print_json, say
from howdah.errors import (
    DatabaseError,
    IllegalTransitionError,
    JobError,
    JobNotFoundError,
    UsageError,
)
from howdah.telemetry.printable import one_line

BATCH = 200
PAST = {"cancel": "cancelled", "retry": "retried"}

One = Callable[[UUID], Query[str]]
Many = Callable[[Sequence[UUID]], Query[dict[UUID, JobState]]]
_DEADLOCK = "40P01"


@dataclass(slots=True)
class Report:
    """What became of the jobs.

    Attributes:
        now: How many jobs are in which state after the request.
        refused: Why each other job was refused.
    """

    now: Counter[JobState] = field(default_factory=Counter)
    refused: dict[UUID, str] = field(default_factory=dict)

    def finish(self, verb: str, *, as_json: bool) -> None:
        """Say what was done, and leave with exit code 1 if a job was refused."""
        if as_json:
            now = {state.value: count for state, count in self.now.items()}
            refused = {str(job): why for job, why in self.refused.items()}
            print_json({"done": self.now.total(), "now": now, "refused": refused})
        else:
            for why in self.refused.values():
                sys.stderr.write(f"error: {one_line(why)}\n")
            for state, count in sorted(self.now.items()):
                say(_said(verb, state, count))
            if not self.now and not self.refused:
                say(f"nothing to {verb}")
        if self.refused:
            raise typer.Exit(EXIT_FAILED)


def on_these(database: Runner, ids: Sequence[UUID], verb: One) -> Report:
    """Act on jobs by their ids."""
    report = Report()
    for each in dict.fromkeys(ids):
        try:
            report.now[JobState(database.run(verb(each)))] += 1
        except JobError as error:
            report.refused[each] = str(error)
    return report


def on_all(database: Runner, wanted: Filter, verb: Many, *, doing: str, quiet: bool) -> Report:
    """Act on every job that fits.

    One that is sent meanwhile may or may not be among them; one that moves on meanwhile is not.
    """
    report = Report()
    before: UUID | None = None
    with _bar(doing, database.run(bulk.count(wanted)), quiet=quiet) as advance:
        while ids := database.run(bulk.find_ids(wanted, before=before, limit=BATCH)):
            before = ids[-1]
            _act(database, ids, verb, report)
            advance(len(ids))
    return report


def confirm(database: Runner, wanted: Filter, *, verb: str) -> None:
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


def check_choice(ids: Sequence[UUID], wanted: Filter) -> None:
    """Refuse a command that names no jobs, or names them in two ways.

    Raises:
        UsageError: It does.
    """
    is_filtered = wanted != Filter()
    if ids and is_filtered:
        raise UsageError("cannot take ids and filters together: give one or the other")
    if not ids and not is_filtered:
        raise UsageError("which jobs? give their ids, or --state, --queue, --task or --key")


def _act(database: Runner, ids: list[UUID], verb: Many, report: Report) -> None:
    """Act on a batch; where one job spoils it, on each alone."""
    try:
        report.now.update(database.run(verb(ids)).values())
        return
    except (IllegalTransitionError, JobNotFoundError):
        if len(ids) == 1:
            return
    except JobError as error:
        if len(ids) == 1:
            report.refused[ids[0]] = str(error)
            return
    except DatabaseError as error:
        # Workers finish in an order of their own, and one of us had to give way.
        if error.sqlstate != _DEADLOCK or len(ids) == 1:
            raise
    for each in ids:
        _act(database, [each], verb, report)


@contextmanager
def _bar(doing: str, total: int, *, quiet: bool) -> Iterator[Callable[[int], Any]]:
    if quiet or not sys.stderr.isatty() or total <= BATCH:
        yield lambda count: None
        return
    columns = (TextColumn(doing), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(doing, total=total)
        yield lambda count: progress.advance(task, count)


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count:,} jobs"


def _said(verb: str, state: JobState, count: int) -> str:
    if verb == "cancel" and state is JobState.ACTIVE:
        return f"asked {_jobs(count)} to stop"
    return f"{PAST[verb]} {_jobs(count)}"
