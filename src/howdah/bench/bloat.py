"""bloat: does speed fall while somebody holds an old snapshot?

Cycles of `n` jobs are sent and drained under a transaction that was open before the first of them:
no dead row can be removed meanwhile, by nobody. The ratio is the last cycle's speed to the first's.
"""

from __future__ import annotations

import statistics
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

from howdah._db import faults
from howdah._db.runners.psycopg import AsyncPsycopgRunner
from howdah.bench import queries
from howdah.bench.ground import Ground
from howdah.bench.lap import Side
from howdah.bench.plan import Plan, Progress
from howdah.bench.report import Report, conditions
from howdah.bench.restraint import restrain
from howdah.bench.worker import bench_worker

N = 50_000
ROUNDS = 1


async def run(ground: Ground, plan: Plan, progress: Progress) -> Report:
    """Measure a worker again and again under one open snapshot."""
    laps = []
    await restrain(ground, plan)
    async with bench_worker(ground, plan) as worker:
        await ground.ask(queries.vacuum())
        progress.begin("cycles", plan.cycles)
        async with _open_snapshot(ground):
            for _ in range(plan.cycles):
                laps.append(await worker.drain(plan.n, plan))
                progress.advance()
    settings = await conditions(ground, plan)
    side, memory = Side(tuple(laps)), worker.peak
    return Report(
        workload="bloat",
        n=plan.n,
        jobs_per_s=statistics.median(side.rates),
        ratio=side.rates[-1] / side.rates[0],
        first_jobs_per_s=side.rates[0],
        last_jobs_per_s=side.rates[-1],
        settings={
            **settings,
            "cycles": plan.cycles,
            "cycles_jobs_per_s": side.rates,
            "cycles_server_cpu_us": [Side((lap,)).per_job["server_cpu_us"] for lap in laps],
            "per_job": side.per_job,
            "supervisor_rss_mb": memory.supervisor if memory else None,
        },
        rss_mb=memory.child if memory else None,
    )


@asynccontextmanager
async def _open_snapshot(ground: Ground) -> AsyncIterator[None]:
    with faults.translated(ground.schema):
        connection = await psycopg.AsyncConnection.connect(
            ground.url, application_name="howdah bench snapshot"
        )
        async with connection:
            await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
            await AsyncPsycopgRunner(connection, ground.schema).run(queries.snapshot())
            yield
            # Had the server ended it meanwhile, the figures would mean nothing, and this fails.
            await AsyncPsycopgRunner(connection, ground.schema).run(queries.snapshot())
            await connection.rollback()
