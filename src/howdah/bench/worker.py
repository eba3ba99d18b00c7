"""The worker that a benchmark measures: `howdah worker` with its defaults, in its own processes.

Its log goes to a file, which is shown when it fails.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import IO

from howdah.bench import queries
from howdah.bench.ground import LOOK_EVERY, Ground
from howdah.bench.lap import Gauge, Lap, gauge
from howdah.bench.plan import Plan
from howdah.bench.processes import Memory, children, memory
from howdah.bench.restraint import items, task_of
from howdah.bench.tasks import ARGUMENTS, QUEUE, REFERENCE, SCHEMA_VARIABLE
from howdah.client import URL_VARIABLE
from howdah.errors import HowdahError

START_SECONDS = 60.0
STOP_SECONDS = 60.0
LAST_LINES = 20
#: Jobs for each process by which a worker shows that it runs.
GREETING = 200
#: The names of the connections over which a child works.
BACKENDS = tuple(f"howdah {role}" for role in ("claim", "finish", "pulse"))


class BenchWorker:
    """A worker that runs. Its figures are those of its processes."""

    def __init__(self, ground: Ground, process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
        self.peak: Memory | None = None
        self._ground = ground
        self._process = process
        self._log = log

    def look_at_memory(self) -> None:
        """Remember the most that it was seen to hold."""
        if (now := memory(self._process.pid)) is not None:
            self.peak = now.most(self.peak)

    async def gauge(self) -> Gauge:
        """Read the counters of the processes that execute."""
        pids = children(self._process.pid)
        return await gauge(self._ground, processes=pids, backends=BACKENDS)

    async def drain(self, n: int, plan: Plan) -> Lap:
        """Have so many jobs waiting, and time the worker from then to an empty live table.

        They are sent in one transaction: until its commit the worker sees none of them, and from
        its commit all.

        Raises:
            HowdahError: Not all of them are in the archive then, so the figure means nothing.
        """
        ground, task = self._ground, task_of(self._ground, plan)
        kept_before = await ground.ask(queries.kept(task.name))
        before = await self.gauge()
        ids = await task.send_many(items(plan, n))
        began = time.perf_counter()
        wal = await ground.ask(queries.wal())
        await ground.drained(ids[0], ids[-1])
        seconds = time.perf_counter() - began
        cost = (await self.gauge()).since(Gauge(wal, before.client, before.server))
        self.look_at_memory()
        kept = await ground.ask(queries.kept(task.name)) - kept_before
        if kept != n:
            raise HowdahError(f"drained {n} jobs and found {kept} of them completed in the archive")
        return Lap(n, seconds, cost)

    async def greet(self, processes: int) -> None:
        """Return when every process has completed jobs and nothing is left.

        Raises:
            HowdahError: The worker ended, or did not get so far in a minute.
        """
        deadline = time.monotonic() + START_SECONDS
        while await self._ground.ask(queries.workers_seen()) < processes:
            if (code := self._process.poll()) is not None:
                raise self._failed(f"ended with code {code} before it had done a job")
            if time.monotonic() > deadline:
                raise self._failed(f"did no job in {START_SECONDS:.0f} s")
            if not await self._ground.ask(queries.any_live()):
                await self._ground.tasks.noop.send_many([ARGUMENTS] * (GREETING * processes))
            await asyncio.sleep(LOOK_EVERY)

    def _failed(self, how: str) -> HowdahError:
        self._log.seek(0)
        last = self._log.read().decode(errors="replace").splitlines()[-LAST_LINES:]
        said = "\n".join(["it said:", *last]) if last else "it said nothing"
        return HowdahError(
            f"the worker that was to be measured {how}: run `howdah doctor` on this database;"
            f" {said}"
        )


@asynccontextmanager
async def bench_worker(
    ground: Ground, plan: Plan, *, has_work: bool = False
) -> AsyncIterator[BenchWorker]:
    """Run a worker, and wait until it works: its start is not what is measured.

    Args:
        ground: Where.
        plan: How many processes, on which loop.
        has_work: There are jobs for it, and they are not to be waited for.
    """
    with tempfile.TemporaryFile() as log:
        process = _start(ground, plan, log)
        try:
            worker = BenchWorker(ground, process, log)
            await worker.greet(plan.processes)
            if not has_work:
                await ground.until_not(queries.any_live())
            yield worker
        finally:
            await asyncio.to_thread(_stop, process)


def _start(ground: Ground, plan: Plan, log: IO[bytes]) -> subprocess.Popen[bytes]:
    # A session of its own: Ctrl-C is for us, and we close its standard input. The URL may hold a
    # password, so it stays off the command line.
    process = subprocess.Popen(
        [sys.executable, "-m", "howdah.bench.host"],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        env={**os.environ, SCHEMA_VARIABLE: ground.schema, URL_VARIABLE: ground.url},
        start_new_session=True,
    )
    line = ["worker", REFERENCE, "--queues", QUEUE, "--processes", str(plan.processes)]
    if not plan.notifications:
        line.append("--no-notify")
    assert process.stdin is not None
    process.stdin.write(json.dumps(line).encode() + b"\n")
    process.stdin.flush()
    return process


def _stop(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    try:
        process.stdin.close()
        process.wait(STOP_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        process.kill()
        process.wait()
