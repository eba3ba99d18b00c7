"""The program `howdah`: which commands there are, and what happens when one fails."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import Annotated, Any

import typer

from howdah.cli.errors import DEBUG_VARIABLE, EXIT_FAILED, EXIT_INTERRUPTED, show
from howdah.cli.lazy import Entry, lazy_group
from howdah.errors import HowdahError

RUN, LOOK, SET_UP = "Run", "Look and act", "Set up"

COMMANDS = (
    Entry("dev", "howdah.cli.dev:dev", "Everything for development, reloaded on save.", RUN),
    Entry("worker", "howdah.cli.worker:worker", "Run the jobs of an app.", RUN),
    Entry("jobs", "howdah.cli.jobs:group", "List, show, send, cancel, retry.", LOOK, is_group=True),
    Entry(
        "schedules",
        "howdah.cli.schedules:group",
        "List, pause, resume, run now.",
        LOOK,
        is_group=True,
    ),
    Entry(
        "queues",
        "howdah.cli.queues:group",
        "What stands in each queue; say, pause, resume.",
        LOOK,
        is_group=True,
    ),
    Entry("limits", "howdah.cli.limits:group", "How many may run at once.", LOOK, is_group=True),
    Entry("warnings", "howdah.cli.warnings:warnings", "What workers warned of.", LOOK),
    Entry("stats", "howdah.cli.stats:stats", "What queues were like.", LOOK),
    Entry(
        "workers",
        "howdah.cli.workers:group",
        "Which workers are alive; scale, pause, stop them.",
        LOOK,
        is_group=True,
    ),
    Entry("doctor", "howdah.cli.doctor:doctor", "What is wrong, and what to do about it.", LOOK),
    Entry("migrate", "howdah.cli.migrate:migrate", "Create or update the tables.", SET_UP),
    Entry("postgres", "howdah.cli.postgres:group", "A private Postgres.", SET_UP, is_group=True),
    Entry("bench", "howdah.cli.bench:bench", "Measure how fast it is here.", SET_UP),
)


def main() -> None:
    """Run the command line that this process was started with, and exit."""
    arguments = _without_debug(sys.argv[1:])
    try:
        command().main(args=arguments, prog_name="howdah")
    except HowdahError as error:
        show(error)
        sys.exit(EXIT_FAILED)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)


def command() -> Any:
    """The whole program as one click command."""
    entries = [entry for entry in COMMANDS if find_spec(entry.home.partition(":")[0])]
    return lazy_group("howdah", entries, _root)


def _say_version(asked: bool) -> None:
    if asked:
        # Nobody else needs it, and it takes as long to import as the rest of this file.
        from importlib.metadata import version

        typer.echo(f"howdah {version('howdah')}")
        raise typer.Exit


def _root(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_say_version, is_eager=True, help="Print the version and leave."
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="With any command: show the traceback of an error.")
    ] = False,
) -> None:
    """Background jobs on the Postgres you already have.

    Start with [bold]howdah dev module:app[/bold], where `app` is your `Howdah()`.
    """


def _without_debug(arguments: list[str]) -> list[str]:
    """Take `--debug` out, wherever it stands before a `--`."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    if "--debug" in arguments[:end]:
        os.environ[DEBUG_VARIABLE] = "1"
    return [word for word in arguments[:end] if word != "--debug"] + arguments[end:]
