"""`howdah migrate`: creates the tables, or brings them up to date."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from howdah._db import migrate as migrations
from howdah.cli.options import AppArgument, AsJson, Schema, Url
from howdah.cli.output import print_json, say
from howdah.cli.target import find_target, schema_said


def migrate(
    app: AppArgument = None,
    url: Url = None,
    schema: Schema = None,
    sql: Annotated[
        bool, typer.Option("--sql", help="Only print the SQL, for a DBA, Alembic or Django.")
    ] = False,
    after: Annotated[
        int, typer.Option(min=0, help="With --sql: what comes after this migration.")
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Create Howdah's tables, or bring them up to date.

    It is safe to run at any time and from any number of machines at once: one does the work, and
    the others find it done.
    """
    if sql:
        sys.stdout.write(migrations.script(schema=schema_said(schema, app), after=after) + "\n")
        return
    target = find_target(url=url, schema=schema, app=app)

    def tell(name: str) -> None:
        if not as_json:
            say(f"migrating schema {target.schema!r}: {name}")

    applied = migrations.migrate(target.url, schema=target.schema, progress=tell)
    if as_json:
        print_json({"schema": target.schema, "applied": applied, "at": migrations.needed()})
    elif applied:
        say(f"schema {target.schema!r} is now at migration {migrations.needed()}")
    else:
        say(f"schema {target.schema!r} is up to date, at migration {migrations.needed()}")
