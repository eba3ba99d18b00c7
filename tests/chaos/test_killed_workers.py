"""Children and supervisors are killed at random while jobs run."""

from __future__ import annotations

import random
import time

import psutil
import pytest

from howdah._worker.settings import WorkerSettings
from tests.acceptance.harness import Station
from tests.chaos.storm import Tally, tally

SETTINGS = WorkerSettings(lease=1.0, processes=2, concurrency=5, crash_limit=1000)


def test_no_job_is_lost_and_no_effect_repeated_when_processes_are_killed(
    station: Station, seed: int
) -> None:
    found, kills = storm(station, seed, jobs=200, workers=2, pause=1.0)

    assert kills > 3
    assert_clean(found, 200)


@pytest.mark.chaos
def test_5000_jobs_survive_a_storm_of_kills(station: Station, seed: int) -> None:
    found, kills = storm(station, seed, jobs=5_000, workers=3, pause=0.25)

    assert kills > 100
    assert_clean(found, 5_000)


def storm(
    station: Station, seed: int, *, jobs: int, workers: int, pause: float
) -> tuple[Tally, int]:
    """Kill processes at random for as long as there are jobs."""
    dice = random.Random(seed)
    station.sql("CREATE TABLE howdah.effect (job uuid, fence bigint)")
    # Workers first: on a busy machine one has run all jobs before the next is there to be killed.
    began = time.monotonic()
    running = [station.work(SETTINGS) for _ in range(workers)]
    # On a slow machine too some live long enough to begin a job.
    pause = max(pause, (time.monotonic() - began) / workers / 3)
    half = jobs // 2
    producers = [
        station.run("-m", "tests.chaos.produce", "0", str(half), "async"),
        station.run("-m", "tests.chaos.produce", str(half), str(jobs - half), "sync"),
    ]
    kills = 0
    while any(one.is_running for one in producers) or station.has_jobs():
        at = dice.randrange(workers)
        if dice.random() < 0.2:
            running[at].kill()
            running[at] = station.work(SETTINGS, wait=False)
            kills += 1
        elif children := running[at].children():
            kills += kill(dice.choice(children))
        time.sleep(dice.uniform(0, 2 * pause))  # the storm's own rhythm; nothing is waited for
    assert [0, 0] == [one.process.wait() for one in producers], station.report()
    for worker in running:
        worker.leave()
    found = tally(station)
    print(f"seed {seed}: {kills} kills, {found}")
    return found, kills


def kill(process: psutil.Process) -> bool:
    """Kill a process that may be gone already."""
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return False
    return True


def assert_clean(found: Tally, jobs: int) -> None:
    """Nothing lost, nothing repeated, nothing invented."""
    assert jobs == found.acked
    assert {0} == {
        found.lost,
        found.unasked,
        found.doubled,
        found.repeated,
        found.missing,
        found.stale,
    }
