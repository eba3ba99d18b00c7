"""The app whose workers are killed, stopped and blocked: tasks that write down what they do.

A task that waits waits for a file, which a test makes when it is time.
"""

# ruff: noqa: ASYNC110, ASYNC240, ASYNC251 - some block the loop on purpose

from __future__ import annotations

import asyncio
import math
import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import psycopg
import psycopg_pool

from howdah import Cancel, Context, Howdah, Retry
from howdah._db.statements import quote_name
from howdah.errors import JobLostError
from tests.acceptance.ledger import listen, note

SCHEMA = os.environ.get("HOWDAH_TEST_SCHEMA", "howdah")
EFFECT = (
    f"INSERT INTO {quote_name(SCHEMA)}.effect (job, fence) ".replace("%", "%%") + "VALUES (%s, %s)"
).encode()

app = Howdah(schema=SCHEMA)
# In a supervisor as in its children, since both import this module.
listen(app)
_pools: list[psycopg_pool.AsyncConnectionPool[psycopg.AsyncConnection[Any]]] = []


def _run(ctx: Context, **facts: Any) -> None:
    note("run", job=str(ctx.job_id), fence=ctx.fence, attempt=ctx.attempt, **facts)


def _done(ctx: Context, **facts: Any) -> None:
    note("done", job=str(ctx.job_id), fence=ctx.fence, **facts)


async def _connections() -> psycopg_pool.AsyncConnectionPool[psycopg.AsyncConnection[Any]]:
    if not _pools:
        pool = psycopg_pool.AsyncConnectionPool(
            app.database_url, kwargs={"application_name": "effect"}, open=False, max_size=5
        )
        _pools.append(pool)
        await pool.open()
    return _pools[0]


@app.task
async def tick(ctx: Context, n: int) -> int:
    """Do nothing else."""
    _run(ctx, n=n)
    return n


@app.task(retry=Retry(limit=50, delay=0.05, backoff=False))
async def effect(ctx: Context, n: int, seconds: float = 0.0) -> None:
    """Have an effect in one transaction with the completion."""
    _run(ctx, n=n)
    pool = await _connections()
    async with pool.connection() as conn, conn.transaction():
        await conn.execute(EFFECT, [ctx.job_id, ctx.fence])
        await asyncio.sleep(seconds)
        await ctx.complete(n, conn=conn)
    _done(ctx)


@app.task
async def effect_at_gate(ctx: Context, gate: str) -> None:
    """Have an effect in one transaction with the completion, when a file is there."""
    _run(ctx)
    pool = await _connections()
    try:
        async with pool.connection() as conn, conn.transaction():
            await conn.execute(EFFECT, [ctx.job_id, ctx.fence])
            while not Path(gate).exists():
                await asyncio.sleep(0.01)
            await ctx.complete("gate", conn=conn)
    except JobLostError:
        note("refused", job=str(ctx.job_id), fence=ctx.fence)
        raise
    except asyncio.CancelledError:
        note("stopped", job=str(ctx.job_id), fence=ctx.fence)
        raise
    _done(ctx)


@app.task
async def wait_for(ctx: Context, gate: str) -> str:
    """Run until a file is there."""
    _run(ctx)
    try:
        while not Path(gate).exists():
            await asyncio.sleep(0.01)
    except asyncio.CancelledError:
        note("stopped", job=str(ctx.job_id), fence=ctx.fence)
        raise
    _done(ctx)
    return gate


@app.task
async def stubborn(ctx: Context, gate: str) -> None:
    """Run until a file is there, and hear no cancellation."""
    _run(ctx)
    while not Path(gate).exists():
        try:
            await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            note("stopped", job=str(ctx.job_id), fence=ctx.fence)
    _done(ctx)


@app.task
def wait_in_thread(ctx: Context, gate: str) -> str:
    """Run in a thread until a file is there or somebody asks to stop."""
    _run(ctx)
    while not Path(gate).exists():
        if ctx.is_cancelled:
            note("stopped", job=str(ctx.job_id), fence=ctx.fence)
            raise Cancel("it was asked to stop")
        time.sleep(0.01)
    _done(ctx)
    return "gate"


@app.task
def deaf_in_thread(ctx: Context, gate: str) -> str:
    """Run in a thread until a file is there, whoever asks."""
    _run(ctx)
    while not Path(gate).exists():
        time.sleep(0.01)
    _done(ctx)
    return "gate"


@app.task(executor="process")
def wait_in_process(ctx: Context, gate: str) -> str:
    """Run in a process until a file is there."""
    _run(ctx, process=os.getpid())
    while not Path(gate).exists():
        time.sleep(0.01)
    _done(ctx)
    return "gate"


@app.task
async def hold_the_loop(ctx: Context, how: str, seconds: float) -> None:
    """Keep the loop, or all Python of the process, for a while."""
    _run(ctx)
    end = time.monotonic() + seconds
    if how == "sleep":
        time.sleep(seconds)
    elif how == "spin":
        while time.monotonic() < end:
            math.factorial(500)
    else:
        # Catastrophic backtracking: one C call that does not let go of the GIL. Each letter more
        # doubles its time; it ends with a call that took all the time that was asked for.
        took, length = 0.0, 18
        while took < seconds:
            began = time.monotonic()
            re.match(r"(a+)+$", "a" * length + "b")
            took = time.monotonic() - began
            length += 1
    _done(ctx)


@app.task
async def hold_the_loop_until(ctx: Context, gate: str) -> str:
    """Keep the loop until a file is there."""
    _run(ctx)
    while not Path(gate).exists():
        time.sleep(0.01)
    _done(ctx)
    return gate


@app.task
async def die(ctx: Context, how: str) -> None:
    """Take the process down."""
    _run(ctx)
    if how == "exit":
        os._exit(3)
    os.kill(os.getpid(), signal.SIGSEGV if how == "segv" else signal.SIGKILL)
    await asyncio.sleep(60)


@app.task
async def answer(ctx: Context, what: str) -> Any:
    """Return something that may not be storable."""
    _run(ctx)
    match what:
        case "nul":
            return {"deep": ["a\x00b"]}
        case "nan":
            return {"value": math.nan}
        case "large":
            return "x" * 20_000_000
        case "object":
            return object()
    return what


@app.task(retry=Retry(limit=2, delay=0.05, backoff=False))
async def fail_first(ctx: Context) -> int:
    """Fail at the first attempt."""
    _run(ctx)
    if ctx.attempt == 1:
        raise RuntimeError("the first attempt fails")
    return ctx.attempt
