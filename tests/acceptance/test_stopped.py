"""A worker that stands still for longer than its lease, as on a machine that sleeps."""

from __future__ import annotations

import signal
import time

from howdah._worker.settings import WorkerSettings
from tests.acceptance.harness import Station

LEASE = 1.0


def test_a_worker_that_slept_through_its_lease_is_refused_and_recovers(station: Station) -> None:
    gate = station.folder / "gate"
    station.sql("CREATE TABLE howdah.effect (job uuid, fence bigint)")
    sleeper = station.work(WorkerSettings(lease=LEASE, concurrency=20))
    tasks = [*["wait_for"] * 5, *["deaf_in_thread"] * 3]
    telling = [station.send(task, gate=str(gate)) for task in tasks]
    effects = [station.send("effect_at_gate", gate=str(gate)) for _ in range(4)]
    for job in (*telling, *effects):
        station.until_running(job)
    # It holds the loop, so that all others find the gate open before anybody can stop them.
    telling.append(station.send("hold_the_loop_until", gate=str(gate)))
    station.until_running(telling[-1])
    child = sleeper.child()

    sleeper.send(signal.SIGSTOP)
    child.suspend()
    stopped_at = time.monotonic()
    other = station.work(WorkerSettings(lease=LEASE, concurrency=20, processes=2))
    jobs = [*telling, *effects]
    second = [station.until_running(job, run=2) for job in jobs]
    gate.touch()
    station.until_over()
    station.until(lambda: time.monotonic() - stopped_at > 3 * LEASE)
    child.resume()
    station.until(lambda: {str(job) for job in telling} == lost(station), what="not refused")
    station.until(lambda: {str(job) for job in effects} <= gave_up(station), what="not refused")
    sleeper.send(signal.SIGCONT)
    other.leave()
    after = station.send("tick", n=1)
    station.until_over(after)

    assert {2} == {run["fence"] for run in second}
    assert {"completed": len(jobs) + 1} == station.counts()
    assert {2} == {station.job(job)["fence"] for job in jobs}
    assert [2] * 4 == [
        fence for (fence,) in station.sql("SELECT fence FROM howdah.effect AS e ORDER BY 1")
    ]
    assert sleeper.is_running


def lost(station: Station) -> set[str]:
    """Jobs whose first claim told of its outcome, and heard that it is over."""
    return {entry["job_id"] for entry in station.told("JobLost", fence=1)}


def gave_up(station: Station) -> set[str]:
    """Jobs whose first claim could not commit, or was stopped before it tried."""
    entries = station.ledger.entries
    return {entry["job"] for entry in entries("refused", fence=1) + entries("stopped", fence=1)}
