"""How a worker leaves: finish, then cancel, then give back."""

from __future__ import annotations

import signal
import time
from uuid import UUID

from howdah._worker.settings import WorkerSettings
from tests.acceptance.harness import FINAL, Station


def test_a_first_sigterm_lets_what_runs_finish_and_claims_nothing_more(station: Station) -> None:
    gate = station.folder / "gate"
    worker = station.work(WorkerSettings(concurrency=3))
    running = [station.send("wait_for", gate=str(gate)) for _ in range(2)]
    for job in running:
        station.until_running(job)

    worker.send(signal.SIGTERM)
    later = station.until(lambda: send_one_that_stays(station))
    gate.touch()
    code = worker.process.wait(10)

    assert 0 == code
    assert ["completed", "completed"] == [station.state(job) for job in running]
    assert ("created", 0) == (station.state(later), station.job(later)["attempt"])
    assert [] == station.sql("SELECT id FROM howdah.worker AS w")


def send_one_that_stays(station: Station) -> UUID | None:
    """Send a job, and return it when it is still unclaimed after a second."""
    job = station.send("tick", n=1)
    sent_at = time.monotonic()
    station.until(lambda: station.state(job) in FINAL or time.monotonic() - sent_at > 1)
    return job if station.state(job) == "created" else None


def test_at_the_grace_limit_what_still_runs_is_run_by_another_within_a_second(
    station: Station,
) -> None:
    gate = station.folder / "gate"
    worker = station.work(WorkerSettings(grace=0.2))
    tasks = ("wait_for", "wait_in_thread", "deaf_in_thread", "wait_in_process")
    jobs = [station.send(task, gate=str(gate)) for task in tasks]
    for job in jobs:
        station.until_running(job)
    station.work()

    worker.send(signal.SIGTERM)
    again = [station.until_running(job, run=2) for job in jobs]
    code = worker.process.wait(10)
    gate.touch()
    station.until_over()

    (stopped,) = station.told("WorkerStopped")
    assert (0, 4) == (code, stopped["given_back"])
    # The attempt is not spent, and nothing counts as a crash.
    assert {1} == {run["attempt"] for run in again}
    assert {("completed", 0)} == {
        (station.state(job), station.job(job)["crash_count"]) for job in jobs
    }
    # A process takes its time to start.
    assert all(run["at"] - stopped["at"] < 1.0 for run in again[:3])


def test_a_second_sigterm_gives_back_now(station: Station) -> None:
    gate = station.folder / "gate"
    worker = station.work(WorkerSettings(grace=600))
    job = station.send("wait_for", gate=str(gate))
    station.until_running(job)

    worker.send(signal.SIGTERM)
    station.until(lambda: send_one_that_stays(station))
    is_waiting_for_its_handler = worker.is_running and station.state(job) == "active"
    station.work()
    worker.send(signal.SIGTERM)
    second = station.until_running(job, run=2, seconds=5)
    code = worker.process.wait(10)

    assert is_waiting_for_its_handler
    assert (0, 1, 0) == (code, second["attempt"], station.job(job)["crash_count"])


def test_a_handler_that_catches_its_cancellation_cannot_keep_the_worker(station: Station) -> None:
    gate = station.folder / "gate"
    worker = station.work(WorkerSettings(grace=0.1))
    job = station.send("stubborn", gate=str(gate))
    station.until_running(job)
    station.work()

    worker.send(signal.SIGTERM)
    code = worker.process.wait(15)
    second = station.until_running(job, run=2, seconds=5)

    assert (0, 1, 0) == (code, second["attempt"], station.job(job)["crash_count"])
