"""bulk: `send_many` of 1,000 jobs a call, `n` jobs in each lap, on one connection.

The bare driver writes the same rows by one plain INSERT a call, from payloads encoded beforehand.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg

from howdah._db import faults, session
from howdah._model.identity import uuid7s
from howdah.bench import bare, queries
from howdah.bench.ground import Ground
from howdah.bench.lap import Lap, gauge, in_turns
from howdah.bench.plan import Plan, Progress
from howdah.bench.report import Report, conditions, readings
from howdah.bench.tasks import ARGUMENTS, BARE_QUEUE

N = 100_000
ROUNDS = 3
CHUNK = 1_000


async def run(ground: Ground, plan: Plan, progress: Progress) -> Report:
    """Measure `task.send_many(...)` against a plain INSERT."""
    with faults.translated(ground.schema):
        opened = await psycopg.AsyncConnection.connect(ground.url, **session.options(bare.NAME))
    async with opened as connection:
        await _ours(ground, CHUNK)
        await _bare(ground, connection, CHUNK)
        match = await in_turns(
            plan.rounds,
            lambda: _ours(ground, plan.n),
            lambda: _bare(ground, connection, plan.n),
            progress,
        )
    settings = await conditions(ground, plan)
    return Report(
        workload="bulk",
        n=plan.n,
        jobs_per_s=match.ours.jobs_per_s,
        raw_jobs_per_s=match.bare.jobs_per_s,
        ratio=match.ratio,
        settings={**settings, "worker": "none", "chunk": CHUNK, **readings(match)},
    )


async def _ours(ground: Ground, n: int) -> Lap:
    await ground.ask(queries.clear())
    items = [[ARGUMENTS] * size for size in _sizes(n)]
    before = await gauge(ground, backends=("howdah",))
    began = time.perf_counter()
    for chunk in items:
        await ground.tasks.noop.send_many(chunk)
    seconds = time.perf_counter() - began
    cost = (await gauge(ground, backends=("howdah",))).since(before)
    return Lap(n, seconds, cost)


async def _bare(ground: Ground, connection: psycopg.AsyncConnection[Any], n: int) -> Lap:
    await ground.ask(queries.clear())
    params = [_params(ground, size) for size in _sizes(n)]
    statement = queries.text("bench/insert_many", ground.schema)
    before = await gauge(ground, backends=(bare.NAME,))
    began = time.perf_counter()
    for one in params:
        await connection.execute(statement, one, prepare=True)
    seconds = time.perf_counter() - began
    cost = (await gauge(ground, backends=(bare.NAME,))).since(before)
    return Lap(n, seconds, cost)


def _sizes(n: int) -> Iterator[int]:
    for at in range(0, n, CHUNK):
        yield min(CHUNK, n - at)


def _params(ground: Ground, size: int) -> Mapping[str, Any]:
    encoded = ground.tasks.bare.signature.encode(ARGUMENTS, {})
    return queries.insert_many(BARE_QUEUE, "bare", uuid7s(size), [encoded] * size).params
