"""`howdah bench`: measures one workload and prints what it found."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from howdah.bench.plan import Plan
from howdah.bench.report import Report
from howdah.bench.workloads import WORKLOADS, measure
from howdah.cli.errors import EXIT_TERMINATED
from howdah.cli.options import AsJson
from howdah.cli.output import print_table, say


class Workload(StrEnum):
    """What can be measured."""

    SEND = "send"
    BULK = "bulk"
    DRAIN = "drain"
    LATENCY = "latency"
    BLOAT = "bloat"
    CLAIMS = "claims"
    SCHEDULES = "schedules"


Chosen = Annotated[
    Workload,
    typer.Argument(help="; ".join(f"{name}: {it.measures}" for name, it in WORKLOADS.items())),
]
Jobs = Annotated[int | None, typer.Option(metavar="N", min=1, help="Jobs, other than the default.")]
Processes = Annotated[
    int, typer.Option("--processes", "-p", metavar="P", min=1, help="Processes of the worker.")
]
Rounds = Annotated[int | None, typer.Option(metavar="N", min=1, help="Laps of either side.")]
Limited = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="drain, bloat: N jobs at once.")
]
Rated = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="drain, bloat: N jobs in a second.")
]
Keyed = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="drain, bloat: jobs of N groups.")
]
Database = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="The database. Else HOWDAH_DATABASE_URL, or a private one in ./.howdah.",
        show_default=False,
    ),
]


def bench(
    workload: Chosen,
    n: Jobs = None,
    processes: Processes = 1,
    rounds: Rounds = None,
    cycles: Annotated[int, typer.Option(metavar="N", min=1, help="Cycles of bloat.")] = 8,
    no_notify: Annotated[bool, typer.Option("--no-notify", help="The worker only polls.")] = False,
    limit: Limited = None,
    rate: Rated = None,
    keys: Keyed = None,
    url: Database = None,
    as_json: AsJson = False,
) -> None:
    """Measure Howdah, and the bare driver doing the same beside it.

    Everything happens in a schema of its own, which is removed at the end. Commits are as durable
    as the server is set, finished jobs are kept, and the start of processes is not counted.
    """
    chosen = WORKLOADS[workload.value]
    plan = Plan(
        n=n or chosen.n,
        rounds=rounds or chosen.rounds,
        cycles=cycles,
        processes=processes,
        notifications=not no_notify,
        limit=limit,
        rate=rate,
        keys=keys,
    )
    try:
        with _bar() as progress:
            report = measure(chosen, plan, progress, url=url)
    except CancelledError:
        # SIGTERM; all is cleared away.
        raise typer.Exit(EXIT_TERMINATED) from None
    if as_json:
        typer.echo(report.to_json())
    else:
        _show(report, chosen.measures)


def _show(report: Report, measures: str) -> None:
    settings = report.settings
    say(f"{report.workload}: {measures}\n", style="bold")
    rows = [
        ("jobs a second", _count(report.jobs_per_s), _count(report.raw_jobs_per_s)),
        ("first cycle", _count(report.first_jobs_per_s), None),
        ("last cycle", _count(report.last_jobs_per_s), None),
        ("p50", _time(report.p50_ms), _time(settings.get("raw_p50_ms"))),
        ("p99", _time(report.p99_ms), _time(settings.get("raw_p99_ms"))),
        ("p50, short queue", _time(settings.get("few_p50_ms")), None),
        ("p99, short queue", _time(settings.get("few_p99_ms")), None),
        ("ratio", None if report.ratio is None else f"{report.ratio:.2f}", None),
        ("memory of a child", _memory(report.rss_mb), None),
        ("memory of the supervisor", _memory(settings.get("supervisor_rss_mb")), None),
    ]
    print_table(("", "Howdah", "bare driver"), [row for row in rows if any(row[1:])])
    count = settings["processes"]
    running = "one process" if count == 1 else f"{count} processes"
    worker = "no worker" if "worker" in settings else f"worker of {running}"
    say(
        f"\n{report.n:,} jobs; PostgreSQL {settings['postgres']}; {settings['cpus']} cpus;"
        f" {worker} on {settings['loop']}; fsync {settings['fsync']}, synchronous_commit"
        f" {settings['synchronous_commit']}; history kept, start-up not counted",
        style="dim",
    )
    if not settings["durable"]:
        say("the commits of this server are not durable: the figures flatter", style="red")


class _Bar:
    """One bar, which begins anew for each part."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._part = bars.add_task("starting", total=None)

    def begin(self, what: str, total: int) -> None:
        """A part begins that has so many steps."""
        self._bars.reset(self._part, description=what, total=total, completed=0)

    def advance(self, steps: int = 1) -> None:
        """So many more steps are done."""
        self._bars.advance(self._part, steps)


@contextmanager
def _bar() -> Iterator[_Bar]:
    """A bar on standard error where that is a terminal; elsewhere nothing is shown."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Bars(
        *columns,
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
        # A bar that is drawn often would be measured as well.
        refresh_per_second=2,
    ) as bars:
        yield _Bar(bars)


def _count(rate: float | None) -> str | None:
    return None if rate is None else f"{rate:,.0f}"


def _time(milliseconds: float | None) -> str | None:
    return None if milliseconds is None else f"{milliseconds:.2f} ms"


def _memory(megabytes: float | None) -> str | None:
    return None if megabytes is None else f"{megabytes:.0f} MB"
