"""Checks of how the tables are kept: partitions, vacuum, and what holds vacuum up."""

from __future__ import annotations

from collections.abc import Iterator

from howdah._db import doctor as questions
from howdah._db.doctor import Holder, Partitions
from howdah._db.query import Runner
from howdah.cli.doctor.finding import Finding, ok, warn
from howdah.cli.output import span

COUNTED = 10_000
MANY_DEAD = 100_000


def check_partitions(runner: Runner, schema: str) -> Iterator[Finding]:
    """Whether day partitions are made ahead, and nothing stands in the default ones."""
    found = runner.run(questions.partitions(schema))
    behind = [one for one in found if not one.days or one.strays]
    if not behind:
        said = ", ".join(f"{one.table} {one.days} days" for one in found)
        yield ok("partitions", f"made ahead: {said}")
    for one in behind:
        yield _behind(one)


def check_vacuum(runner: Runner, schema: str) -> Finding:
    """Whether dead rows of the live jobs are removed."""
    found = runner.run(questions.vacuum(schema))
    rows = f"job holds {found.live:,} live and {found.dead:,} dead rows"
    rows += f" in {found.size_bytes / 1e6:,.0f} MB"
    if not found.is_on:
        return warn(
            "vacuum",
            f"autovacuum is off; {rows}",
            "the table will only grow: turn on autovacuum and track_counts, and remove"
            " autovacuum_enabled from the table",
        )
    if found.dead > max(MANY_DEAD, 5 * found.live):
        ago = "never" if found.vacuumed_ago is None else f"{span(found.vacuumed_ago)} ago"
        return warn(
            "vacuum",
            f"{rows}; vacuumed {ago}",
            "claims stay fast, but the table grows: see what holds vacuum up, below, or give"
            " autovacuum more (autovacuum_vacuum_cost_limit, autovacuum_max_workers)",
        )
    return ok("vacuum", rows)


def check_horizon(runner: Runner, old: float) -> Iterator[Finding]:
    """Whether something older than `old` seconds keeps dead rows from being removed."""
    held = runner.run(questions.horizon())
    holders = [one for one in held if one.age is None or one.age > old]
    if not holders:
        oldest = f"; the oldest is {span(held[0].age or 0)} old" if held else ""
        yield ok("transactions", f"none holds vacuum up{oldest}")
    for one in holders:
        yield _holder(one)


def _behind(one: Partitions) -> Finding:
    if one.strays:
        count = f"{one.strays:,}" if one.strays <= COUNTED else f"more than {COUNTED:,}"
        says = f"{count} rows stand in {one.table}_default"
        advice = (
            "a worker whose role owns the tables moves them within minutes, or deletes them when"
            " their day is over if there are more than 20,000 of a day"
        )
    else:
        says = f"{one.table} has no partition for today and the days to come"
        advice = "a worker whose role owns the tables makes them; see `may keep house`"
    return warn("partitions", says, f"{advice}; nothing is lost meanwhile")


def _holder(one: Holder) -> Finding:
    who = f"{one.kind} {one.name!r}" if one.name else one.kind
    if one.pid is not None:
        who += f" (pid {one.pid})"
    age = "" if one.age is None else f", open for {span(one.age)}"
    query = f": {' '.join(one.query.split())}" if one.query else ""
    advice = {
        "transaction": f"end it: SELECT pg_terminate_backend({one.pid}), and commit sooner",
        "prepared transaction": f"COMMIT or ROLLBACK PREPARED {one.name!r}",
        "replication slot": f"drop it if nobody needs it: pg_drop_replication_slot({one.name!r})",
    }[one.kind]
    return warn("transactions", f"{who} holds vacuum up{age}; {one.state}{query}", advice)
