"""A worker in a web process that fails is told of and replaced."""

from __future__ import annotations

import asyncio

import pytest

from howdah import Howdah
from howdah._model.signals import WorkerFailed, WorkerStarted
from howdah._worker.pulse import Pulse
from howdah._worker.settings import WorkerSettings
from howdah.lifespan import working


async def test_a_worker_that_fails_is_replaced_and_its_jobs_run_again(
    app: Howdah, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[str] = []
    begun = asyncio.Event()
    failed: list[WorkerFailed] = []
    started: list[WorkerStarted] = []
    app.signals.on(WorkerFailed, failed.append)
    app.signals.on(WorkerStarted, started.append)

    @app.task
    async def hold() -> int:
        runs.append("begun")
        begun.set()
        if len(runs) == 1:
            try:
                await asyncio.Event().wait()
            finally:
                runs.append("interrupted")
        return len(runs)

    def fail(pulse: Pulse) -> None:
        monkeypatch.undo()
        raise RuntimeError("a defect of the worker")

    async with working(app, WorkerSettings(concurrency=2)):
        job = await hold.send()
        await begun.wait()
        monkeypatch.setattr(Pulse, "_give_back_unbegun", fail)
        result = await job.result(timeout=20)

    assert 3 == result
    assert ["begun", "interrupted", "begun"] == runs
    assert ["RuntimeError('a defect of the worker')"] == [one.error for one in failed]
    assert 2 == len(started)
    assert failed[0].worker_id == started[0].worker_id
