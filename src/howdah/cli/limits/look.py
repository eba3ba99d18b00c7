"""`howdah limits list` and `show`: what each allows, and which jobs run and wait."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from howdah._db import quota
from howdah._db.quota import LimitRecord, LimitUsage
from howdah._db.steps import walk
from howdah.cli.database import opened
from howdah.cli.options import AppOption, AsJson, Schema, Url
from howdah.cli.output import ago, print_json, print_pairs, print_table, say, settings_of, span
from howdah.cli.target import find_target

Name = Annotated[str, typer.Argument(metavar="NAME", help="The limit.")]


def list_limits(
    url: Url = None, schema: Schema = None, app: AppOption = None, as_json: AsJson = False
) -> None:
    """List limits by name: what each allows, how many jobs hold a slot of it, and how many wait.

    `said by` is `operator` where `howdah limits put` stands over what the code says.
    """
    with opened(find_target(url=url, schema=schema, app=app)) as database:
        print_limits(database.run(quota.find()), as_json=as_json)


def show(
    name: Name,
    most: Annotated[
        int, typer.Option("--limit", "-n", metavar="N", min=1, help="At most so many rows.")
    ] = 20,
    url: Url = None,
    schema: Schema = None,
    app: AppOption = None,
    as_json: AsJson = False,
) -> None:
    """Show one limit: which jobs hold its slots and since when, and how many of each key wait."""
    with opened(find_target(url=url, schema=schema, app=app)) as database:
        found = walk(quota.usage(name, most=most), database.run)
    if as_json:
        print_json(found)
        return
    say(f"limit {found.limit.name}", style="bold")
    print_pairs(_facts(found))
    if found.holders:
        say()
        print_table(
            ("running", "task", "queue", "key", "worker", "since"),
            [
                (one.job, one.task, one.queue, one.key, one.worker, ago(one.since))
                for one in found.holders
            ],
            spare=("worker", "queue"),
        )
    if found.keys:
        say()
        # A limit of how many run has no window, and a rate no slots.
        counted = "begun" if found.limit.rate is not None else "running"
        print_table(
            ("key", "tier", "at most", counted, "waiting"),
            [
                (
                    one.key,
                    one.tier,
                    one.most if counted == "running" else _rate(found.limit),
                    getattr(one, counted),
                    one.waiting,
                )
                for one in found.keys
            ],
            spare=("tier",),
        )


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
                _tiers(one),
                _rate(one),
                one.running,
                one.waiting,
                None if one.blocked_for is None else span(one.blocked_for),
                "operator" if one.override else "code",
            )
            for one in found
        ],
        spare=("said by", "blocked"),
    )


def _facts(found: LimitUsage) -> Iterator[tuple[str, object]]:
    limit = found.limit
    yield "at once", limit.total
    yield "of a key", limit.per_key
    yield "of a tier's key", _tiers(limit)
    yield "begin", _rate(limit)
    yield "code says", settings_of(limit.code)
    yield "operator says", settings_of(limit.override)
    yield "rests for", None if limit.blocked_for is None else span(limit.blocked_for)
    if limit.rate is not None and not found.keys:
        yield "begun", found.begun
    yield "running", limit.running
    yield "waiting", limit.waiting


def _tiers(limit: LimitRecord) -> str | None:
    return ", ".join(f"{tier}={most}" for tier, most in limit.tiers.items()) or None


def _rate(limit: LimitRecord) -> str | None:
    if limit.rate is None or limit.per is None:
        return None
    return f"{limit.rate} in {span(limit.per)}"
