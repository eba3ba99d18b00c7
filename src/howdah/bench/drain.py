"""drain: `n` jobs wait, and a worker that runs and is idle sees them all at one commit.

Timed from that commit until the last of them is in the archive. The bare driver claims 500 through
the same function and archives them through the same function, over and over. Its jobs are plain,
also where ours have a limit, a rate or keys.
"""

from __future__ import annotations

import asyncio

from howdah.bench import bare, queries
from howdah.bench.bare import BareWorker, bare_worker
from howdah.bench.ground import Ground
from howdah.bench.lap import Lap, gauge, in_turns
from howdah.bench.plan import Plan, Progress
from howdah.bench.report import Report, conditions, readings
from howdah.bench.restraint import restrain
from howdah.bench.tasks import ARGUMENTS, BARE_QUEUE
from howdah.bench.worker import BenchWorker, bench_worker

N = 100_000
ROUNDS = 3


async def run(ground: Ground, plan: Plan, progress: Progress) -> Report:
    """Measure a worker against the bare claim-and-archive loop."""
    await restrain(ground, plan)
    async with bare_worker(ground, BARE_QUEUE) as loop, bench_worker(ground, plan) as worker:
        match = await in_turns(
            plan.rounds,
            lambda: _ours(ground, worker, plan),
            lambda: _bare(ground, loop, plan.n),
            progress,
        )
    settings = await conditions(ground, plan)
    memory = worker.peak
    return Report(
        workload="drain",
        n=plan.n,
        jobs_per_s=match.ours.jobs_per_s,
        raw_jobs_per_s=match.bare.jobs_per_s,
        ratio=match.ratio,
        settings={
            **settings,
            "raw_batch": bare.BATCH,
            "supervisor_rss_mb": memory.supervisor if memory else None,
            **readings(match),
        },
        rss_mb=memory.child if memory else None,
    )


async def _ours(ground: Ground, worker: BenchWorker, plan: Plan) -> Lap:
    await ground.ask(queries.vacuum())
    return await worker.drain(plan.n, plan)


async def _bare(ground: Ground, loop: BareWorker, n: int) -> Lap:
    await ground.ask(queries.vacuum())
    await ground.tasks.bare.send_many([ARGUMENTS] * n)
    before = await gauge(ground, backends=(bare.NAME,))
    seconds = await asyncio.to_thread(loop.drain, n)
    cost = (await gauge(ground, backends=(bare.NAME,))).since(before)
    return Lap(n, seconds, cost)
