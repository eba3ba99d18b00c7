"""latency: how long from before the send until the handler's first line, when nothing else is up.

`n` jobs in all, one each 20 ms. Sender and worker are processes of one machine and read the same
clock; the payload carries the moment, and the handler's result is the time that has passed.

Beside it bare code does the least that this can be: a row and a NOTIFY in one statement, and a
process that listens and deletes the row it was told of.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg

from howdah._db import faults, session
from howdah._model.identity import uuid7
from howdah.bench import bare, queries
from howdah.bench.bare_listener import END, READY
from howdah.bench.ground import Ground
from howdah.bench.lap import percentile
from howdah.bench.plan import Plan, Progress
from howdah.bench.report import Report, conditions
from howdah.bench.tasks import ARGUMENTS, BARE_QUEUE
from howdah.bench.worker import bench_worker
from howdah.errors import HowdahError

N = 500
ROUNDS = 5
EVERY = 0.02

Send = Callable[[], Awaitable[object]]


async def run(ground: Ground, plan: Plan, progress: Progress) -> Report:
    """Measure an idle worker's answer against the bare one's."""
    async with bench_worker(ground, plan) as worker, _Listener(ground) as listener:
        progress.begin("sending", 2 * plan.rounds * plan.share)
        for _ in range(plan.rounds):
            await _pace(plan.share, _ours(ground), progress)
            await ground.until_not(queries.any_live())
            await _pace(plan.share, listener.send, progress)
            await ground.until_not(queries.any_live())
        worker.look_at_memory()
        delays = [ns / 1e6 for ns in await ground.ask(queries.delays(ground.tasks.stamp.name))]
        raw = await listener.delays()
        if not len(delays) == len(raw) == plan.rounds * plan.share:
            raise HowdahError(
                f"sent {plan.rounds * plan.share} jobs and as many bare rows, and {len(delays)} and"
                f" {len(raw)} of them were answered"
            )
    settings = await conditions(ground, plan)
    memory = worker.peak
    return Report(
        workload="latency",
        n=len(delays),
        p50_ms=percentile(delays, 0.5),
        p99_ms=percentile(delays, 0.99),
        ratio=percentile(raw, 0.5) / percentile(delays, 0.5),
        settings={
            **settings,
            "interval_ms": 1e3 * EVERY,
            "max_ms": max(delays),
            "raw_p50_ms": percentile(raw, 0.5),
            "raw_p99_ms": percentile(raw, 0.99),
            "raw_max_ms": max(raw),
            "supervisor_rss_mb": memory.supervisor if memory else None,
        },
        rss_mb=memory.child if memory else None,
    )


def _ours(ground: Ground) -> Send:
    stamp = ground.tasks.stamp
    return lambda: stamp.send(*ARGUMENTS, time.monotonic_ns())


async def _pace(n: int, send: Send, progress: Progress) -> None:
    """Send one each 20 ms. A send that is late does not move those after it."""
    began = time.monotonic()
    for number in range(n):
        await asyncio.sleep(max(0.0, began + number * EVERY - time.monotonic()))
        await send()
        progress.advance()


class _Listener:
    """The bare half: our connection that sends, and the process that answers."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._send = queries.text("bench/bare_send", ground.schema)
        self._args = {"n": ARGUMENTS[0], "email": ARGUMENTS[1]}

    async def __aenter__(self) -> _Listener:
        ground = self._ground
        with faults.translated(ground.schema):
            self._connection = await psycopg.AsyncConnection.connect(
                ground.url, **session.options(bare.NAME)
            )
        self._process = _start_listener(ground)
        await self._line(READY)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._connection.close()
        self._process.kill()
        await asyncio.to_thread(self._process.communicate)

    async def send(self) -> None:
        """Store a row and notify, on a connection that is at hand."""
        args = json.dumps({**self._args, "sent_ns": time.monotonic_ns()})
        params: dict[str, Any] = {
            "id": str(uuid7()),
            "queue": BARE_QUEUE,
            "args": args,
            "channel": self._ground.schema,
        }
        cursor = await self._connection.execute(self._send, params, prepare=True)
        await cursor.fetchall()

    async def delays(self) -> list[float]:
        """Milliseconds from before each send to the answer. Ends the process."""
        await self._ground.ask(queries.tell_bare(self._ground.schema, END))
        delays: list[float] = json.loads(await self._line())
        return delays

    async def _line(self, expected: str | None = None) -> str:
        assert self._process.stdout is not None
        line = (await asyncio.to_thread(self._process.stdout.readline)).strip()
        if not line or (expected is not None and line != expected):
            raise HowdahError(
                f"the process that answers bare notifications said {line!r} and ended; what it"
                " wrote to standard error says why"
            )
        return line


def _start_listener(ground: Ground) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "howdah.bench.bare_listener"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps([ground.url, ground.schema]) + "\n")
    process.stdin.flush()
    return process
