"""What becomes of the processes that run `executor="process"` handlers, and of what they start."""

from __future__ import annotations

import psutil

from howdah._worker.settings import WorkerSettings
from tests.acceptance.harness import Station

ROUGH = "tests.acceptance.rough_handlers:app"
ONCE = {"retry": {"limit": 0}}


def is_gone(pid: int) -> bool:
    """Whether a process runs no more."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_process_that_died_while_idle_costs_no_job(station: Station) -> None:
    station.work(app=ROUGH)
    first = station.send("tell_process", options=ONCE)
    station.until_over(first)

    psutil.Process(station.until_running(first)["process"]).kill()
    second = station.send("tell_process", options=ONCE)
    station.until_over(second)

    assert ("completed", []) == (station.state(second), station.job(second)["errors"] or [])


def test_a_process_that_dies_under_a_copy_of_itself_does_not_hold_its_job(
    station: Station,
) -> None:
    station.work(app=ROUGH)
    job = station.send("fork_and_die", options=ONCE)

    run = station.until_running(job)
    station.until_over(job, seconds=5)

    assert "failed" == station.state(job)
    assert "ProcessDied" == station.job(job)["errors"][-1]["type"]
    station.until(lambda: is_gone(run["copy"]), what="the copy goes on")


def test_a_time_limit_ends_what_the_process_started_too(station: Station) -> None:
    station.work(app=ROUGH)
    # It starts the process, which takes its time on a busy machine.
    station.until_over(station.send("tell_process", options=ONCE))
    job = station.send("start_and_wait", options={"expire_in": 2, **ONCE})
    run = station.until_running(job)

    station.until_over(job)

    assert "expired" == station.state(job)
    station.until(lambda: is_gone(run["program"]), seconds=5, what="the program goes on")


def test_what_a_process_started_leaves_with_a_child_that_is_killed(station: Station) -> None:
    worker = station.work(WorkerSettings(), app=ROUGH)
    run = station.until_running(station.send("start_and_wait", options=ONCE))

    worker.child().kill()

    station.until(lambda: is_gone(run["program"]), seconds=5, what="the program goes on")
