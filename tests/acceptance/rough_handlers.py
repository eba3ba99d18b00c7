"""The app whose handlers are rough with the process they run in, or with its worker."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from pathlib import Path

from howdah import Batch, BatchJob, Context, Howdah
from howdah._worker.pulse import Pulse
from tests.acceptance.ledger import FOLDER_VARIABLE, listen, note

app = Howdah(schema=os.environ.get("HOWDAH_TEST_SCHEMA", "howdah"))
listen(app)

# Longer than any test lasts.
FOR_EVER = 600


def _run(ctx: Context, **facts: int) -> None:
    note("run", job=str(ctx.job_id), fence=ctx.fence, attempt=ctx.attempt, **facts)


@app.task(executor="process")
def tell_process(ctx: Context) -> int:
    """Say in which process it ran."""
    _run(ctx, process=os.getpid())
    return os.getpid()


@app.task(executor="process")
def fork_and_die(ctx: Context) -> None:
    """Die, and leave behind a copy that holds everything open."""
    copy = os.fork()
    if copy == 0:
        time.sleep(FOR_EVER)
        os._exit(0)
    _run(ctx, copy=copy)
    os.kill(os.getpid(), signal.SIGKILL)


@app.task(executor="process")
def start_and_wait(ctx: Context) -> None:
    """Wait for a program that never ends."""
    program = subprocess.Popen(["sleep", str(FOR_EVER)])
    _run(ctx, program=program.pid)
    program.wait()


@app.task
def read_input(ctx: Context) -> str:
    """Run a program that reads its standard input to the end."""
    _run(ctx)
    return subprocess.run(["cat"], capture_output=True, timeout=60, check=True).stdout.decode()


@app.task
async def hold_a_thread(ctx: Context, gate: str) -> None:
    """Wait in a thread that asyncio would wait for."""
    _run(ctx)
    while not await asyncio.to_thread(_waited, gate):
        continue


def _waited(gate: str) -> bool:
    while not Path(gate).exists():
        time.sleep(0.01)
    return True


@app.task
async def break_the_worker(ctx: Context) -> None:
    """Put a defect into a part of the worker, in the first process that runs this."""
    _run(ctx)
    if (broken := Path(os.environ[FOLDER_VARIABLE]) / "broken").exists():
        return
    broken.touch()
    sound = Pulse._give_back_unbegun

    def fail(pulse: Pulse) -> None:
        Pulse._give_back_unbegun = sound
        raise RuntimeError("a defect of the worker")

    Pulse._give_back_unbegun = fail
    await asyncio.sleep(FOR_EVER)


@app.task(batch=Batch(size=3, wait=1.0))
async def die_of_one(jobs: list[BatchJob[str]]) -> None:
    """Die of the job that is called poison, whoever is in its batch."""
    for job in jobs:
        _run(job, together=len(jobs))
    if any(job.value == "poison" for job in jobs):
        os.kill(os.getpid(), signal.SIGKILL)
