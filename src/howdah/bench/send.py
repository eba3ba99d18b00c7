"""send: one job after the other, each awaited and durable, by one sender on one connection.

`n` jobs in all. The bare driver runs the statement of `send` with parameters made beforehand.
"""

from __future__ import annotations

import time
from typing import Any

import psycopg

from howdah._db import faults, session
from howdah.bench import bare, queries
from howdah.bench.ground import Ground
from howdah.bench.lap import Gauge, Lap, gauge, in_turns, percentile
from howdah.bench.plan import Plan, Progress
from howdah.bench.report import Report, conditions, readings
from howdah.bench.tasks import ARGUMENTS

N = 5_000
ROUNDS = 5
WARM_UP = 20


async def run(ground: Ground, plan: Plan, progress: Progress) -> Report:
    """Measure `await task.send(...)` against its statement."""
    async with await _connect(ground) as connection:
        await _ours(ground, WARM_UP)
        await _bare(ground, connection, WARM_UP)
        match = await in_turns(
            plan.rounds,
            lambda: _ours(ground, plan.share),
            lambda: _bare(ground, connection, plan.share),
            progress,
        )
    settings = await conditions(ground, plan)
    raw = {
        "raw_p50_ms": percentile(match.bare.delays, 0.5),
        "raw_p99_ms": percentile(match.bare.delays, 0.99),
    }
    return Report(
        workload="send",
        n=plan.share * plan.rounds,
        jobs_per_s=match.ours.jobs_per_s,
        p50_ms=percentile(match.ours.delays, 0.5),
        p99_ms=percentile(match.ours.delays, 0.99),
        raw_jobs_per_s=match.bare.jobs_per_s,
        ratio=match.ratio,
        settings={**settings, "worker": "none", **raw, **readings(match)},
    )


async def _connect(ground: Ground) -> psycopg.AsyncConnection[Any]:
    with faults.translated(ground.schema):
        return await psycopg.AsyncConnection.connect(ground.url, **session.options(bare.NAME))


async def _ours(ground: Ground, n: int) -> Lap:
    await ground.ask(queries.clear())
    send = ground.tasks.noop.send
    delays = []
    before = await gauge(ground, backends=("howdah",))
    began = then = time.perf_counter()
    for _ in range(n):
        await send(*ARGUMENTS)
        now = time.perf_counter()
        delays.append(1e3 * (now - then))
        then = now
    return Lap(n, then - began, await _cost(ground, before, "howdah"), tuple(delays))


async def _bare(ground: Ground, connection: psycopg.AsyncConnection[Any], n: int) -> Lap:
    await ground.ask(queries.clear())
    task = ground.tasks.bare
    params = [task.order(ARGUMENTS, {}).query.params for _ in range(n)]
    statement = queries.text("job/send_plain", ground.schema)
    delays = []
    before = await gauge(ground, backends=(bare.NAME,))
    began = then = time.perf_counter()
    for one in params:
        cursor = await connection.execute(statement, one, prepare=True)
        await cursor.fetchall()
        now = time.perf_counter()
        delays.append(1e3 * (now - then))
        then = now
    return Lap(n, then - began, await _cost(ground, before, bare.NAME), tuple(delays))


async def _cost(ground: Ground, before: Gauge, name: str) -> Gauge:
    return (await gauge(ground, backends=(name,))).since(before)
