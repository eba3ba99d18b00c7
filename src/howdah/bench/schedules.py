"""schedules: how late jobs start when `n` schedules are due in the same second.

Of each job: from the tick, which is a whole second of the database's clock, to the handler's first
line. There is no bare side, since nothing bare has schedules.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from typing import Any

from howdah._db import schedule as schedules
from howdah.bench import queries
from howdah.bench.ground import LOOK_EVERY, Ground
from howdah.bench.lap import percentile
from howdah.bench.plan import Plan, Progress
from howdah.bench.report import Report, conditions
from howdah.bench.tasks import ARGUMENTS
from howdah.bench.worker import bench_worker
from howdah.errors import HowdahError

N = 10_000
ROUNDS = 1
CHUNK = 1_000
# Storing schedules takes some time, and the tick must be ahead of all of them.
LEAD_SECONDS = 3
STORED_PER_SECOND = 1_000
#: Rarer than any run takes, at any time of the day, so that each is due once.
EVERY_SECONDS = 1_000 * 86_400


async def run(ground: Ground, plan: Plan, progress: Progress) -> Report:
    """Measure how late a worker starts the jobs of schedules that are all due at once."""
    stamp = ground.tasks.stamp
    async with bench_worker(ground, plan) as worker:
        progress.begin("firing", plan.rounds)
        for lap in range(plan.rounds):
            await _store(ground, plan.share, lap)
            await _fired(ground)
            await ground.until_not(queries.any_live())
            worker.look_at_memory()
            progress.advance()
        delays = [ns / 1e6 for ns in await ground.ask(queries.delays(stamp.name))]
    if len(delays) != plan.rounds * plan.share:
        raise HowdahError(
            f"{plan.rounds * plan.share} schedules were due and {len(delays)} jobs have run"
        )
    memory = worker.peak
    return Report(
        workload="schedules",
        n=len(delays),
        p50_ms=percentile(delays, 0.5),
        p99_ms=percentile(delays, 0.99),
        settings={
            **await conditions(ground, plan),
            "min_ms": min(delays),
            "max_ms": max(delays),
            "supervisor_rss_mb": memory.supervisor if memory else None,
        },
        rss_mb=memory.child if memory else None,
    )


async def _store(ground: Ground, n: int, lap: int) -> None:
    """Store schedules that are all due at a second which is soon."""
    now = (await ground.ask(schedules.now())).timestamp()
    tick = math.ceil(now) + LEAD_SECONDS + n // STORED_PER_SECOND
    # The handler subtracts this from the machine's clock that cannot be set, as in `latency`.
    tick_ns = time.monotonic_ns() + int((tick - now) * 1e9)
    for at in range(0, n, CHUNK):
        numbers = range(at, min(at + CHUNK, n))
        made = [_schedule(ground, f"bench-{lap}-{number}", tick, tick_ns) for number in numbers]
        await ground.ask(schedules.put(made, source="runtime"))
    if (await ground.ask(schedules.now())).timestamp() >= tick:
        raise HowdahError(
            f"storing {n} schedules took until they were due: repeat the run when the machine is"
            " less busy"
        )


def _schedule(ground: Ground, name: str, tick: int, tick_ns: int) -> dict[str, Any]:
    stamp = ground.tasks.stamp
    return {
        "name": name,
        "task": stamp.name,
        "queue": stamp.queue,
        "args": json.loads(stamp.signature.encode((*ARGUMENTS, tick_ns), {})),
        "options": stamp.said,
        "every": EVERY_SECONDS,
        "tz": "UTC",
        "jitter": 0,
        "overlap": "allow",
        "catch_up": "last",
        "catch_up_limit": 1,
        "next_at": tick,
    }


async def _fired(ground: Ground) -> None:
    """Return when every schedule has been fired."""
    while True:
        first = await ground.ask(queries.first_tick())
        if first is None:
            return
        await asyncio.sleep(max(LOOK_EVERY, first))
