"""`howdah limits`: every limit, what it allows, and how many jobs run and wait."""

from __future__ import annotations

import typer

from howdah._db import quota
from howdah._db.quota import LimitRecord
from howdah.cli.database import opened
from howdah.cli.options import AppOption, AsJson, Schema, Url
from howdah.cli.output import print_json, print_table, say, span
from howdah.cli.target import find_target


def list_limits(
    context: typer.Context,
    url: Url = None,
    schema: Schema = None,
    app: AppOption = None,
    as_json: AsJson = False,
) -> None:
    """List limits by name: what each allows, how many jobs hold a slot of it, and how many wait.

    `said by` is `operator` where `howdah limits put` stands over what the code says.
    """
    if context.invoked_subcommand is not None:
        return
    with opened(find_target(url=url, schema=schema, app=app)) as database:
        print_limits(database.run(quota.find()), as_json=as_json)


def print_limits(found: list[LimitRecord], *, as_json: bool) -> None:
    """Print limits as a table, or as JSON."""
    if as_json:
        print_json(found)
        return
    if not found:
        say("no limits yet: those of the code are stored when a worker starts")
        return
    print_table(
        ("limit", "total", "per key", "tiers", "rate", "running", "waiting", "blocked", "said by"),
        [
            (
                one.name,
                one.total,
                one.per_key,
                ", ".join(f"{tier}={most}" for tier, most in one.tiers.items()) or None,
                None if one.rate is None or one.per is None else f"{one.rate} in {span(one.per)}",
                one.running,
                one.waiting,
                None if one.blocked_for is None else span(one.blocked_for),
                "operator" if one.override else "code",
            )
            for one in found
        ],
    )
