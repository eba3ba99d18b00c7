"""claims: does a claim slow down with the jobs that wait, and what does a worker hold in memory?

Claims of 20 jobs, as a worker of slow jobs makes them, in turns from a queue of `n` waiting jobs
and from one of a hundredth of that, each in a schema of its own. Then a worker is let loose on the
long queue, and its memory is watched while it works.
"""

from __future__ import annotations

import asyncio
import time

from howdah.bench import queries
from howdah.bench.bare import BareWorker, bare_worker
from howdah.bench.ground import Ground, new_ground
from howdah.bench.lap import percentile
from howdah.bench.plan import Plan, Progress
from howdah.bench.processes import Memory
from howdah.bench.report import Report, conditions
from howdah.bench.tasks import ARGUMENTS, QUEUE
from howdah.bench.worker import bench_worker

N = 1_000_000
ROUNDS = 1
LIMIT = 20
MOST_CLAIMS = 250
WARM_UP = 5
CHUNK = 50_000
WATCH_SECONDS = 3.0
WATCH_EVERY = 0.05


async def run(ground: Ground, plan: Plan, progress: Progress) -> Report:
    """Measure claims from a long and from a short queue, then a worker's memory."""
    few = max(plan.n // 100, 4 * LIMIT * WARM_UP)
    # At most half of the short queue is claimed, or it would not be what it is called.
    count = max(1, min(MOST_CLAIMS, few // (2 * LIMIT) - WARM_UP))
    async with new_ground(ground.url) as small:
        progress.begin("sending", plan.n + few)
        await _fill(small, few, progress)
        await _fill(ground, plan.n, progress)
        async with bare_worker(ground, QUEUE) as long, bare_worker(small, QUEUE) as short:
            progress.begin("claiming", count)
            slow, quick = await asyncio.to_thread(_claim_in_turns, long, short, count, progress)
    memory = await _memory_of_a_worker(ground, plan)
    settings = await conditions(ground, plan)
    return Report(
        workload="claims",
        n=plan.n,
        p50_ms=percentile(slow, 0.5),
        p99_ms=percentile(slow, 0.99),
        ratio=percentile(quick, 0.99) / percentile(slow, 0.99),
        settings={
            **settings,
            "claims": count,
            "claim_limit": LIMIT,
            "few": few,
            "few_p50_ms": percentile(quick, 0.5),
            "few_p99_ms": percentile(quick, 0.99),
            "supervisor_rss_mb": memory.supervisor if memory else None,
        },
        rss_mb=memory.child if memory else None,
    )


async def _fill(ground: Ground, n: int, progress: Progress) -> None:
    for at in range(0, n, CHUNK):
        size = min(CHUNK, n - at)
        await ground.tasks.noop.send_many([ARGUMENTS] * size)
        progress.advance(size)
    await ground.ask(queries.vacuum())


def _claim_in_turns(
    long: BareWorker, short: BareWorker, count: int, progress: Progress
) -> tuple[list[float], list[float]]:
    """Milliseconds of each claim from either queue."""
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(WARM_UP + count):
        for times, worker in zip(taken, (long, short), strict=True):
            began = time.perf_counter()
            worker.claim(LIMIT)
            if number >= WARM_UP:
                times.append(1e3 * (time.perf_counter() - began))
        progress.advance()
    return taken


async def _memory_of_a_worker(ground: Ground, plan: Plan) -> Memory | None:
    """The most that a worker holds while it works on the long queue."""
    async with bench_worker(ground, plan, has_work=True) as worker:
        deadline = time.monotonic() + WATCH_SECONDS
        worker.look_at_memory()
        while time.monotonic() < deadline and await ground.ask(queries.any_ready()):
            worker.look_at_memory()
            await asyncio.sleep(WATCH_EVERY)
        return worker.peak
