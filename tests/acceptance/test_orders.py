"""What an operator asks of workers while they run."""

from __future__ import annotations

from howdah._worker.settings import WorkerSettings
from tests.acceptance.harness import Station


def ask(station: Station, change: str, worker: int) -> None:
    """Ask something of a worker, as `app.workers` does."""
    station.sql(f"UPDATE howdah.worker AS w SET {change} WHERE id = %s", worker)


def workers(station: Station) -> list[int]:
    return [row[0] for row in station.sql("SELECT w.id FROM howdah.worker AS w ORDER BY w.id")]


def test_a_child_that_was_asked_to_leave_finishes_what_runs_and_is_not_replaced(
    station: Station,
) -> None:
    gate = station.folder / "gate"
    worker = station.work(WorkerSettings(processes=2, concurrency=1))
    jobs = [station.send("wait_for", gate=str(gate)) for _ in range(2)]
    for job in jobs:
        station.until_running(job)
    first, second = workers(station)

    ask(station, "stop_asked_at = now()", first)
    later = station.send("tick", n=1)
    gate.touch()
    station.until(lambda: [second] == workers(station))
    station.until_over(*jobs, later)

    assert ["completed"] * 3 == [station.state(job) for job in [*jobs, later]]
    assert worker.is_running
    assert [] == station.told("WorkerDied")

    ask(station, "stop_asked_at = now()", second)

    assert 0 == worker.process.wait(20)
    assert [] == workers(station)
    assert 2 == len(station.told("WorkerStopped"))


def test_a_child_that_takes_the_place_of_a_dead_one_works_as_that_was_asked_to(
    station: Station,
) -> None:
    worker = station.work(WorkerSettings(concurrency=1))
    (first,) = workers(station)
    ask(station, "wanted_concurrency = 3, paused_at = now(), paused_by = 'ann'", first)
    station.until(lambda: station.told("WorkerPaused", worker_id=first))

    worker.child().kill()
    (second,) = station.until(lambda: [one for one in workers(station) if one != first])
    station.until(lambda: station.told("WorkerPaused", worker_id=second))

    rows = station.sql("SELECT w.wanted_concurrency, w.paused_by FROM howdah.worker AS w")
    assert [(3, "ann")] == rows
    assert [3, 3] == [told["concurrency"] for told in station.told("WorkerScaled")]


def test_what_runs_in_a_slot_beyond_those_it_started_with_counts_a_crash(station: Station) -> None:
    gate = station.folder / "gate"
    worker = station.work(WorkerSettings(concurrency=1))
    (only,) = workers(station)
    ask(station, "wanted_concurrency = 3", only)
    station.until(lambda: station.told("WorkerScaled"))
    jobs = [station.send("wait_for", gate=str(gate)) for _ in range(3)]
    for job in jobs:
        station.until_running(job)

    worker.child().kill()
    for job in jobs:
        station.until_running(job, run=2)
    counts = [station.job(job)["crash_count"] for job in jobs]
    gate.touch()
    station.until_over(*jobs)

    assert [1, 1, 1] == counts
