"""Checks of the connection: is it direct, do notifications arrive, do the clocks agree."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import psycopg

from howdah._db import doctor as questions
from howdah._db import worker as workers
from howdah._db.query import Runner
from howdah.cli.doctor.finding import Finding, ok, warn
from howdah.cli.output import span

# Moments that a sender names, such as start_after, are off by as much.
CLOCK_TOLERANCE = 2.0
PING_WAIT = 3.0

_DIRECT = (
    "workers poll instead, once a second unless --poll says otherwise; for lower latency give"
    " workers a direct connection"
)


def check_durability(runner: Runner) -> Iterator[Finding]:
    """Whether an acknowledged send may be lost."""
    if risky := runner.run(questions.durability()):
        said = ", ".join(f"{name} is {value}" for name, value in risky.items())
        yield warn(
            "durability",
            said,
            "an acknowledged job can be lost when the server crashes; turn it on",
        )


def check_clock(runner: Runner) -> Finding:
    """Whether the clock here and the database's agree."""
    before = time.time()
    theirs = runner.run(questions.server()).clock
    after = time.time()
    # Nobody knows when within the round trip it was read.
    ahead = theirs - (before + after) / 2
    off = max(0.0, abs(ahead) - (after - before) / 2)
    if off <= CLOCK_TOLERANCE:
        return ok("clock", f"this machine and the database agree within {max(off, 0.001):.3f} s")
    which = "behind" if ahead > 0 else "ahead of"
    return warn(
        "clock",
        f"this machine is {span(off)} {which} the database",
        "Howdah goes by the database's clock; a start_after that is computed here is off by as"
        " much: synchronise the clocks, or give a timedelta",
    )


def check_notifications(
    opened: psycopg.Connection[Any], runner: Runner, *, is_pooled: bool
) -> Finding:
    """Whether a notification to ourselves comes back."""
    if is_pooled:
        return warn(
            "notifications",
            "a transaction pooler such as PgBouncer stands in between: notifications do not arrive",
            _DIRECT,
        )
    ping = f"doctor {opened.info.backend_pid}"
    began = time.monotonic()
    runner.run(workers.listen())
    runner.run(workers.ping(ping))
    for said in opened.notifies(timeout=PING_WAIT):
        if said.payload == ping:
            return ok("notifications", f"arrive, after {span(time.monotonic() - began)}")
    return warn("notifications", f"did not arrive within {PING_WAIT:.0f} s", _DIRECT)
