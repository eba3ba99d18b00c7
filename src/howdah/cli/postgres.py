"""`howdah postgres`: the private Postgres of this folder."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from howdah.cli.lazy import Entry, lazy_group
from howdah.cli.options import AsJson, Yes
from howdah.cli.output import print_json, print_pairs, say
from howdah.cli.target import URL_VARIABLE
from howdah.embedded import Cluster
from howdah.errors import UsageError

COMMANDS = (
    Entry("start", f"{__name__}:start", "Start it, and keep it running."),
    Entry("stop", f"{__name__}:stop", "Stop it. The data stays."),
    Entry("status", f"{__name__}:status", "Whether it runs, and where."),
    Entry("destroy", f"{__name__}:destroy", "Stop it and delete all its data."),
)

Root = Annotated[
    Path | None,
    typer.Option("--root", metavar="FOLDER", help="The folder it lives below. Else ./.howdah."),
]


def group() -> Any:
    """The commands of `howdah postgres`."""
    return lazy_group("postgres", COMMANDS, _postgres, usual="status")


def start(
    root: Root = None,
    major: Annotated[
        int | None, typer.Option("--major", help="The version of PostgreSQL, such as 17.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Start the private Postgres, making it the first time. It runs until `stop`."""
    cluster = Cluster(root, major=major)
    url = cluster.start(keep=True)
    found = cluster.status()
    if as_json:
        print_json(found)
        return
    say(f"PostgreSQL {found.version} runs under {found.root}")
    say(f"\n  export {URL_VARIABLE}={shlex.quote(url)}")
    say("\nIn this folder Howdah finds it without. Stop it with `howdah postgres stop`.")


def stop(root: Root = None, as_json: AsJson = False) -> None:
    """Stop the private Postgres, whoever uses it. The data stays."""
    stopped = Cluster(root).stop()
    if as_json:
        print_json({"stopped": stopped})
    else:
        say("stopped" if stopped else "it was not running")


def status(root: Root = None, as_json: AsJson = False) -> None:
    """Say whether the private Postgres runs, and where."""
    found = Cluster(root).status()
    if as_json:
        print_json(found)
        return
    say("running" if found.running else "not running", style="bold")
    facts = dataclasses.asdict(found)
    facts["size"] = f"{facts.pop('size_bytes') / 1_048_576:,.0f} MB"
    hidden = {"running"} if found.size_bytes else {"running", "data_directory", "log_file"}
    print_pairs((name.replace("_", " "), facts[name]) for name in facts if name not in hidden)


def destroy(root: Root = None, yes: Yes = False, as_json: AsJson = False) -> None:
    """Stop the private Postgres and delete it with all its data."""
    cluster = Cluster(root)
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError(f"delete {str(cluster.root)!r}? nobody is here to ask: give --yes")
        if not typer.confirm(f"delete {cluster.root} with all its data?", err=True):
            raise typer.Exit
    destroyed = cluster.destroy()
    if as_json:
        print_json({"destroyed": destroyed})
    else:
        say("deleted" if destroyed else "there was nothing to delete")


def _postgres() -> None:
    """Run a private Postgres in this folder: no installation, no TCP port, no password.

    Without a command, say whether it runs.
    """
