"""Time limits and cancellation, on the loop, in threads and in processes."""

from __future__ import annotations

import time

import psutil

from howdah._worker.settings import WorkerSettings
from tests.acceptance.harness import Station

HEARD_WITHIN = 2.0


def test_a_process_is_killed_at_its_time_limit_and_the_job_tried_again(station: Station) -> None:
    gate = station.folder / "gate"
    station.work()
    begun = time.monotonic()
    station.until_over(station.send("wait_in_process", gate="/"))
    # The second run starts a process as well, which takes its time on a busy machine.
    limit = max(2.0, 4 * (time.monotonic() - begun))

    job = station.send(
        "wait_in_process",
        gate=str(gate),
        options={"expire_in": limit, "retry": {"limit": 1, "delay": 0.05}},
    )
    station.until_over(job, seconds=30 + 4 * limit)

    runs = station.ledger.entries("run", job=str(job))
    assert [1, 2] == [run["attempt"] for run in runs]
    assert "expired" == station.state(job)
    assert ["JobExpired"] * 2 == [error["type"] for error in station.job(job)["errors"]]
    station.until(lambda: not any(psutil.pid_exists(run["process"]) for run in runs))


def test_a_thread_past_its_time_limit_does_not_keep_its_slot(station: Station) -> None:
    gate = station.folder / "gate"
    station.work(WorkerSettings(concurrency=1))
    deaf = [
        station.send(
            "deaf_in_thread", gate=str(gate), options={"expire_in": 1.0, "retry": {"limit": 0}}
        )
        for _ in range(3)
    ]
    after = station.send("wait_in_thread", gate="/")

    station.until_over(after)

    assert ["expired"] * 3 == [station.state(job) for job in deaf]
    assert ("completed", "gate") == (station.state(after), station.job(after)["result"])
    gate.touch()
    station.until(lambda: 4 == station.ledger.count("done"))
    # What a thread returns after its limit changes nothing.
    assert ["expired"] * 3 == [station.state(job) for job in deaf]


def test_cancelled_jobs_stop_within_two_seconds_wherever_they_run(station: Station) -> None:
    gate = station.folder / "gate"
    station.work()
    tasks = ("wait_for", "wait_in_thread", "wait_in_process")
    jobs = [station.send(task, gate=str(gate)) for task in tasks]
    runs = [station.until_running(job) for job in jobs]

    asked_at = time.monotonic()
    for job in jobs:
        station.sql("SELECT howdah.cancel(%s, 'changed my mind')", job)
    station.until_over()
    took = time.monotonic() - asked_at

    assert took < HEARD_WITHIN
    assert {("cancelled", "changed my mind")} == {
        (station.state(job), station.job(job)["cancel_reason"]) for job in jobs
    }
    # The handlers themselves, not only their jobs.
    station.until(lambda: 2 == station.ledger.count("stopped"))
    station.until(lambda: not psutil.pid_exists(runs[2]["process"]))


def test_a_process_that_dies_fails_its_job_and_not_the_worker(station: Station) -> None:
    gate = station.folder / "gate"
    station.work()
    job = station.send("wait_in_process", gate=str(gate), options={"retry": {"limit": 0}})
    run = station.until_running(job)

    psutil.Process(run["process"]).kill()
    station.until_over(job)
    after = station.send("wait_in_process", gate="/")
    station.until_over(after)

    assert ("failed", 0) == (station.state(job), station.job(job)["crash_count"])
    assert "ProcessDied" == station.job(job)["errors"][-1]["type"]
    assert "completed" == station.state(after)


def test_processes_leave_with_a_child_that_is_killed(station: Station) -> None:
    gate = station.folder / "gate"
    worker = station.work()
    job = station.send("wait_in_process", gate=str(gate))
    run = station.until_running(job)

    worker.child().kill()

    station.until(lambda: not psutil.pid_exists(run["process"]), seconds=5)
    again = station.until_running(job, run=2)
    gate.touch()
    station.until_over(job)
    assert ("completed", 1) == (station.state(job), again["attempt"])
