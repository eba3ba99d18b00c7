"""Handlers that keep the loop, or all of Python, for longer than the lease."""

from __future__ import annotations

from howdah._worker.settings import WorkerSettings
from tests.acceptance.harness import Station


def test_no_worker_is_taken_for_dead_while_its_handlers_hold_everything_up(
    station: Station,
) -> None:
    lease = 1.0
    # The second worker sweeps as well.
    station.work(WorkerSettings(lease=lease, processes=3, concurrency=1), wait=False)
    station.work(WorkerSettings(lease=lease, queues={"other": 1}), wait=False)
    station.until(lambda: 4 == len(station.told("WorkerStarted")))
    jobs = [
        station.send("hold_the_loop", how=how, seconds=1.5 * lease)
        for how in ("sleep", "spin", "regex")
    ]

    station.until_over()

    held = [
        station.ledger.entries("done", job=str(job))[0]["at"] - station.until_running(job)["at"]
        for job in jobs
    ]
    assert all(seconds > lease for seconds in held)
    assert {"completed": 3} == station.counts()
    assert {str(job): 1 for job in jobs} == station.ledger.tally("run")
    assert [] == station.told("WorkersSwept")
    assert [] == station.told("LeaseLost")
