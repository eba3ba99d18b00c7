"""`howdah doctor`: looks for what is wrong, and says what to do about it."""

from __future__ import annotations

from typing import Annotated

import typer

from howdah.cli.doctor.drift import check_drift
from howdah.cli.doctor.examination import examine
from howdah.cli.doctor.finding import Finding, Status
from howdah.cli.errors import EXIT_FAILED
from howdah.cli.options import AppArgument, AsJson, Schema, Url
from howdah.cli.output import STATE_STYLES, console, print_json
from howdah.cli.target import find_target
from howdah.telemetry.printable import lines

Patience = Annotated[
    float,
    typer.Option("--minutes", metavar="N", min=0, help="Ready for longer is taken for stuck."),
]
OldTransaction = Annotated[
    float,
    typer.Option(
        "--old-transaction", metavar="MINUTES", min=0, help="Open for longer holds vacuum up."
    ),
]
Drift = Annotated[
    bool,
    typer.Option(
        "--drift", help="Compare the schema with what the migrations make; print what mends it."
    ),
]


def doctor(
    app: AppArgument = None,
    minutes: Patience = 5.0,
    old_transaction: OldTransaction = 5.0,
    drift: Drift = False,
    url: Url = None,
    schema: Schema = None,
    as_json: AsJson = False,
) -> None:
    """Look for what is wrong, and say what to do about it.

    Nothing is changed. With an app, jobs are also checked against its tasks. Exit code 1 when a
    check fails; warnings do not count. With [bold]--drift[/bold] it looks only at tables, indexes,
    functions and the like, and fails when one is not as the migrations make it.
    """
    if drift:
        check_drift(find_target(url=url, schema=schema, app=app), as_json=as_json)
        return
    target = find_target(url=url, schema=schema, app=app, load=True)
    findings = []
    for finding in examine(target, patience=minutes * 60, old_transaction=old_transaction * 60):
        findings.append(finding)
        if not as_json:
            _show(finding)
    failed = any(finding.status is Status.FAIL for finding in findings)
    if as_json:
        print_json({"ok": not failed, "schema": target.schema, "findings": findings})
    if failed:
        raise typer.Exit(EXIT_FAILED)


def _show(finding: Finding) -> None:
    from rich.text import Text

    text = Text.assemble(
        (f"{finding.status:<5}", STATE_STYLES[finding.status]),
        (f"{finding.check:<15}", "bold"),
        lines(finding.says),
    )
    if finding.advice is not None:
        text.append(f"\n{'':<20}{lines(finding.advice)}", style="dim")
    console().print(text, soft_wrap=True)
