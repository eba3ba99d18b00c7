"""What becomes of jobs whose process is killed, or which kill it themselves."""

from __future__ import annotations

import time

import pytest

from howdah._worker.settings import WorkerSettings
from tests.acceptance.harness import Station


def test_a_killed_child_gives_back_in_a_second_and_only_what_ran_counts_a_crash(
    station: Station,
) -> None:
    gate = station.folder / "gate"
    worker = station.work(WorkerSettings(concurrency=1))
    with station.connect() as connection:
        # Quick jobs in front make the worker fetch ahead; the one that waits then holds the rest.
        for n in range(300):
            station.send("tick", n=n, conn=connection)
        running = station.send("wait_for", gate=str(gate), conn=connection)
        for n in range(300):
            station.send("tick", n=n, conn=connection)
    station.until_running(running)
    held = station.until(
        lambda: (
            (
                rows := station.sql(
                    "SELECT id, worker_id FROM howdah.job AS j WHERE state = 'active' AND id <> %s",
                    running,
                )
            )
            and rows
        )
    )

    worker.child().kill()
    killed_at = time.monotonic()
    station.until(
        lambda: (
            not station.sql(
                "SELECT 1 FROM howdah.job AS j WHERE worker_id = %s LIMIT 1", held[0][1]
            )
        ),
        what="the dead child's jobs are still its own",
    )
    back_after = time.monotonic() - killed_at
    gate.touch()
    station.until_over()

    assert back_after < 1.0
    assert {"completed": 601} == station.counts()
    assert [(1, 1)] == station.sql(
        "SELECT crash_count, count(*) FROM howdah.jobs AS v WHERE crash_count > 0 GROUP BY 1"
    )
    assert (1, 1) == (station.job(running)["crash_count"], station.job(running)["attempt"])
    assert {1} == {station.ledger.tally("run")[str(job)] for job, _ in held}


@pytest.mark.parametrize("how", ["exit", "segv"])
def test_a_poison_pill_fails_after_three_crashes_and_the_others_complete(
    station: Station, how: str
) -> None:
    station.work(WorkerSettings(concurrency=4))
    with station.connect() as connection:
        before = [station.send("tick", n=n, conn=connection) for n in range(50)]
        poison = station.send("die", how=how, conn=connection)
        after = [station.send("tick", n=n, conn=connection) for n in range(50)]

    station.until_over()

    job = station.job(poison)
    assert ("failed", 3) == (job["state"], job["crash_count"])
    assert "WorkerLost" == job["errors"][-1]["type"]
    assert 3 == station.ledger.count("run", job=str(poison))
    assert {"completed"} == {station.state(job) for job in before + after}


def test_jobs_that_crashed_with_a_poison_pill_do_not_fail_with_it(station: Station) -> None:
    gate = station.folder / "gate"
    with station.connect() as connection:
        slow = [station.send("wait_for", gate=str(gate), conn=connection) for _ in range(4)]
        poison = station.send("die", how="exit", conn=connection)
        # As after two crashes that took them all along.
        station.sql_on(connection, "UPDATE howdah.job AS j SET crash_count = 2")

    station.work(WorkerSettings(concurrency=10))
    station.until(lambda: station.ledger.count("run"))
    gate.touch()
    station.until_over()

    assert {"completed"} == {station.state(job) for job in slow}
    assert ("failed", 3) == (station.state(poison), station.job(poison)["crash_count"])


def test_a_killed_supervisor_takes_its_children_along_and_loses_no_job(station: Station) -> None:
    gate = station.folder / "gate"
    worker = station.work(WorkerSettings(processes=2, concurrency=2))
    jobs = [station.send("wait_for", gate=str(gate)) for _ in range(4)]
    for job in jobs:
        station.until_running(job)
    children = worker.children()
    station.work()

    worker.kill()
    second = [station.until_running(job, run=2, seconds=5) for job in jobs]
    station.until(lambda: not any(child.is_running() for child in children), seconds=5)
    gate.touch()
    station.until_over()

    assert [1] * 4 == [run["attempt"] for run in second]
    assert {"completed": 4} == station.counts()
    assert {0} == {station.job(job)["crash_count"] for job in jobs}


def test_a_child_that_dies_during_an_outage_costs_only_what_ran_a_crash(station: Station) -> None:
    gate = station.folder / "gate"
    lease = 1.0
    worker = station.work(WorkerSettings(concurrency=1, lease=lease))
    with station.connect() as connection:
        for n in range(300):
            station.send("tick", n=n, conn=connection)
        running = station.send("wait_for", gate=str(gate), conn=connection)
        for n in range(300):
            station.send("tick", n=n, conn=connection)
    station.until_running(running)
    station.until(
        lambda: station.sql(
            "SELECT 1 FROM howdah.job AS j WHERE state = 'active' AND id <> %s LIMIT 1", running
        )
    )

    station.sql("ALTER FUNCTION howdah.release RENAME TO away")
    worker.child().kill()
    (died,) = station.until(lambda: station.told("WorkerDied"))
    station.until(lambda: time.monotonic() - died["at"] > 2 * lease)
    station.sql("ALTER FUNCTION howdah.away RENAME TO release")
    station.until_running(running, run=2)
    gate.touch()
    station.until_over()

    assert [] == station.told("WorkersSwept")
    assert [(running, 1)] == station.sql(
        "SELECT id, crash_count FROM howdah.jobs AS v WHERE crash_count > 0"
    )
