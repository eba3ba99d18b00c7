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
    firsts = {str(job): station.until_running(job)["fence"] for job in (*telling, *effects)}
    # It holds the loop, so that all others find the gate open before anybody can stop them.
    telling.append(station.send("hold_the_loop_until", gate=str(gate)))
    firsts[str(telling[-1])] = station.until_running(telling[-1])["fence"]
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
    # A claim that was under way when it was stopped may be the first to hear, and then it leaves:
    # who has not told of an outcome by then never does.
    station.until(
        lambda: (
            {str(job) for job in telling} == lost(station, firsts) or station.told("WorkerStopped")
        ),
        what="not refused",
    )
    assert set() < lost(station, firsts) <= {str(job) for job in telling}
    station.until(
        lambda: {str(job) for job in effects} <= gave_up(station, firsts), what="not refused"
    )
    sleeper.send(signal.SIGCONT)
    other.leave()
    after = station.send("tick", n=1)
    station.until_over(after)

    seconds = {run["job"]: run["fence"] for run in second}
    assert all(seconds[job] > first for job, first in firsts.items())
    assert {"completed": len(jobs) + 1} == station.counts()
    assert seconds == {str(job): station.job(job)["fence"] for job in jobs}
    assert {str(job): seconds[str(job)] for job in effects} == dict(
        station.sql("SELECT job::text, fence FROM howdah.effect AS e")
    )
    assert 4 == len(station.sql("SELECT 1 FROM howdah.effect AS e"))
    assert sleeper.is_running


def lost(station: Station, firsts: dict[str, int]) -> set[str]:
    """Jobs whose first claim told of its outcome, and heard that it is over."""
    told = station.told("JobLost")
    return {entry["job_id"] for entry in told if entry["fence"] == firsts[entry["job_id"]]}


def gave_up(station: Station, firsts: dict[str, int]) -> set[str]:
    """Jobs whose first claim could not commit, or was stopped before it tried."""
    entries = station.ledger.entries("refused") + station.ledger.entries("stopped")
    return {entry["job"] for entry in entries if entry["fence"] == firsts[entry["job"]]}
