"""The app that benchmarks send to and that their workers load.

Its schema is made for one run, so a worker is told of it by its environment.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from howdah._model.limits import Limit, Rate
from howdah.client import Howdah
from howdah.task import Task

SCHEMA_VARIABLE = "HOWDAH_BENCH_SCHEMA"
REFERENCE = f"{__name__}:app"

#: The queue that the worker serves, and the one that only the bare driver touches.
QUEUE = "bench"
BARE_QUEUE = "bare"

#: Of the tasks that are held up. How much they allow is said for each run.
LIMIT = "bench.limit"
RATE = "bench.rate"

#: The arguments of every job: {"n": 1, "email": "user@example.com"}.
ARGUMENTS = (1, "user@example.com")


@dataclass(frozen=True, slots=True)
class BenchApp:
    """An app and its tasks.

    Attributes:
        noop: Does nothing.
        stamp: Results in the nanoseconds from the moment it is given to its own first line.
        limited: As `noop`, under a limit; rated: under a rate; keyed: each `n` is a group.
        bare: As `noop`, for jobs that the bare driver claims.
    """

    app: Howdah
    noop: Task[[int, str], None]
    stamp: Task[[int, str, int], int]
    limited: Task[[int, str], None]
    rated: Task[[int, str], None]
    keyed: Task[[int, str], None]
    bare: Task[[int, str], None]


async def noop(n: int, email: str) -> None:
    """Do nothing."""


async def stamp(n: int, email: str, sent_ns: int) -> int:
    """Say how long it took to get here. The clock is the machine's, the same in all processes."""
    return time.monotonic_ns() - sent_ns


def make_app(schema: str, url: str | None = None) -> BenchApp:
    """Make an app on a schema."""
    made = Howdah(url, schema=schema)
    return BenchApp(
        app=made,
        noop=made.task(queue=QUEUE)(noop),
        stamp=made.task(queue=QUEUE)(stamp),
        limited=made.task(queue=QUEUE, name="limited", limits=Limit(LIMIT, total=1))(noop),
        rated=made.task(queue=QUEUE, name="rated", limits=Rate(1, per=1, name=RATE))(noop),
        keyed=made.task(queue=QUEUE, name="keyed", group_by="n")(noop),
        bare=made.task(queue=BARE_QUEUE, name="bare")(noop),
    )


app = make_app(os.environ.get(SCHEMA_VARIABLE, "howdah_bench")).app
