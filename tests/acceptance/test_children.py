"""What a child process owes its handlers and its supervisor."""

from __future__ import annotations

from howdah._worker.child import EXIT_FAILED, LAST_WORD
from howdah._worker.settings import WorkerSettings
from tests.acceptance.harness import Station

ROUGH = "tests.acceptance.rough_handlers:app"


def test_what_a_handler_runs_finds_an_empty_input_and_hears_no_orders(station: Station) -> None:
    worker = station.work(app=ROUGH)
    job = station.send("read_input", options={"retry": {"limit": 0}})

    station.until_over(job, seconds=10)

    assert ("completed", "") == (station.state(job), station.job(job)["result"])
    assert 0 == worker.leave(seconds=10)


def test_an_orphan_leaves_though_a_handler_holds_its_loop(station: Station) -> None:
    gate = station.folder / "gate"
    worker = station.work(WorkerSettings(lease=2.0))
    job = station.send("hold_the_loop_until", gate=str(gate))
    station.until_running(job)
    child = worker.child()

    worker.kill()
    station.until(lambda: not child.is_running(), seconds=LAST_WORD + 5, what="the orphan stays")
    station.work(WorkerSettings(lease=2.0))
    station.until_running(job, run=2)
    gate.touch()
    station.until_over(job)

    assert "completed" == station.state(job)


def test_a_child_that_fails_is_replaced_though_a_thread_hangs_in_it(station: Station) -> None:
    gate = station.folder / "gate"
    station.work(app=ROUGH)
    held = station.send("hold_a_thread", gate=str(gate))
    station.until_running(held)

    station.send("break_the_worker")
    station.until(lambda: station.told("WorkerDied", exit_code=EXIT_FAILED), seconds=20)
    again = station.until_running(held, run=2)
    gate.touch()
    station.until_over()

    assert (1, 1) == (again["attempt"], station.job(held)["crash_count"])
    assert {"completed": 2} == station.counts()
