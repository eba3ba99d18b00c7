"""The app that benchmarks send to and that their workers load.

Its schema is made for one run, so a worker is told of it by its environment.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from howdah.client import Howdah
from howdah.task import Task

SCHEMA_VARIABLE = "HOWDAH_BENCH_SCHEMA"
REFERENCE = f"{__name__}:app"

#: The queue that the worker serves, and the one that only the bare driver touches.
QUEUE = "bench"
BARE_QUEUE = "bare"

#: The arguments of every job: {"n": 1, "email": "user@example.com"}.
ARGUMENTS = (1, "user@example.com")


@dataclass(frozen=True, slots=True)
class BenchApp:
    """An app and its tasks.

    Attributes:
        noop: Does nothing.
        stamp: Results in the nanoseconds from the moment it is given to its own first line.
        bare: As `noop`, for jobs that the bare driver claims.
    """

    app: Howdah
    noop: Task[[int, str], None]
    stamp: Task[[int, str, int], int]
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
        bare=made.task(queue=BARE_QUEUE, name="bare")(noop),
    )


app = make_app(os.environ.get(SCHEMA_VARIABLE, "howdah_bench")).app
