"""`howdah doctor --drift`: where the schema is not as the migrations make it."""

from __future__ import annotations

import typer

from howdah._db import drift, faults, migrate, session
from howdah._db.drift import Drift
from howdah.cli.errors import EXIT_FAILED
from howdah.cli.output import print_json, say
from howdah.cli.target import Target


def check_drift(target: Target, *, as_json: bool) -> None:
    """Print what differs and the SQL that mends it; exit with 1 when something does.

    Raises:
        DatabaseError: Unreachable, read-only, not migrated, or the role may not create schemas.
    """
    opened, _ = session.connect_blocking(target.url, target.schema, name="howdah doctor")
    with opened:
        with faults.translated(target.schema):
            number = migrate.found_migration(opened, target.schema)
        migrate.check_found(number, target.schema)
        found = drift.examine(opened, target.schema)
    if as_json:
        print_json({"ok": not found, "schema": target.schema, "drift": found})
    else:
        _show(found, target.schema)
    if found:
        raise typer.Exit(EXIT_FAILED)


def _show(found: list[Drift], schema: str) -> None:
    if not found:
        say(f"schema {schema!r} is as the migrations make it")
        return
    for one in found:
        # As comments, so that the whole can be given to psql.
        say(f"-- {one.what}: {one.kind} {one.name}")
        if one.what == "extra":
            say("--   no migration made it; drop it if nobody needs it")
        elif one.sql is None:
            say(f"--   expected {one.expected!r}, found {one.found!r}: mend it by hand")
        else:
            say(f"{one.sql.rstrip().rstrip(';')};")
