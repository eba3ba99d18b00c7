"""`howdah migrate`: creates the tables, or brings them up to date."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from howdah._db import migrate as migrations
from howdah._db import profile as profiles
from howdah._db import roles as grants
from howdah.cli.options import AppArgument, AsJson, Schema, Url
from howdah.cli.output import print_json, say
from howdah.cli.target import Target, find_target, schema_said
from howdah.errors import PrivilegeError, UsageError


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
    roles: Annotated[
        bool,
        typer.Option("--roles", help="Also make roles that send, work, look and operate."),
    ] = False,
    prefix: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="With --roles: what their names begin with."),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            envvar=profiles.VARIABLE,
            help="Of a new schema: standard, or portable for relatives of PostgreSQL.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create Howdah's tables, or bring them up to date.

    It is safe to run at any time and from any number of machines at once: one does the work, and
    the others find it done.
    """
    _check_words(sql=sql, after=after, roles=roles, prefix=prefix)
    if sql:
        named = schema_said(schema, app)
        sys.stdout.write(migrations.script(schema=named, after=after, made_for=profile) + "\n")
        if roles:
            sys.stdout.write(grants.script(schema=named, prefix=prefix or named) + "\n")
        return
    target = find_target(url=url, schema=schema, app=app)

    def tell(name: str) -> None:
        if not as_json:
            say(f"migrating schema {target.schema!r}: {name}")

    applied = migrations.migrate(target.url, schema=target.schema, made_for=profile, progress=tell)
    made = _make_roles(target, prefix, as_json=as_json) if roles else ()
    if as_json:
        said = {"schema": target.schema, "applied": applied, "at": migrations.needed()}
        print_json({**said, "roles": made} if roles else said)
    elif applied:
        say(f"schema {target.schema!r} is now at migration {migrations.needed()}")
    else:
        say(f"schema {target.schema!r} is up to date, at migration {migrations.needed()}")


def _check_words(*, sql: bool, after: int, roles: bool, prefix: str | None) -> None:
    """Refuse what says nothing by itself, since it may have been meant to change nothing."""
    if after and not sql:
        raise UsageError("cannot use --after alone: give --sql as well")
    if prefix is not None and not roles:
        raise UsageError("cannot use --prefix alone: give --roles as well")


def _make_roles(target: Target, prefix: str | None, *, as_json: bool) -> tuple[str, ...]:
    """Make and grant the roles; print what somebody else has to run where ours may not."""
    try:
        made = grants.make(target.url, schema=target.schema, prefix=prefix)
    except PrivilegeError:
        if not as_json:
            script = grants.script(schema=target.schema, prefix=prefix or target.schema)
            sys.stdout.write(script + "\n")
        raise
    if not as_json:
        say(f"granted {', '.join(made)} what each needs")
    return made
