"""A web service that runs its own worker: the tasks of `handlers`, on the loop of the service."""

from __future__ import annotations

from fastapi import FastAPI

from howdah._worker.settings import WorkerSettings
from tests.acceptance.handlers import app, tick

api = FastAPI(lifespan=app.lifespan(worker=True, settings=WorkerSettings(lease=2.0, grace=5.0)))


@api.post("/ticks/{n}")
async def send_tick(n: int) -> dict[str, str]:
    """Send a job."""
    job = await tick.send(n=n)
    return {"job": str(job.id)}


@api.post("/results/{n}")
async def run_tick(n: int) -> dict[str, int]:
    """Send a job and wait for its result, on the loop that runs it."""
    job = await tick.send(n=n)
    return {"result": await job.result(timeout=20)}
