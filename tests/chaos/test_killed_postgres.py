"""All of Postgres is killed and started again while jobs are sent and run."""

from __future__ import annotations

import random
import signal
import time

import pytest

from howdah._worker.settings import WorkerSettings
from tests.acceptance.harness import Station
from tests.chaos.server import Server
from tests.chaos.storm import Tally, tally
from tests.integration.desk import Desk

SETTINGS = WorkerSettings(concurrency=10, processes=2, crash_limit=1000)


def test_no_acknowledged_send_is_lost_when_postgres_is_killed(
    server: Server, outpost: Station, seed: int
) -> None:
    found = storm(server, outpost, seed, jobs=200, kills=2)

    assert_clean(found, 200)


@pytest.mark.chaos
def test_5000_jobs_survive_10_kills_of_postgres(
    server: Server, outpost: Station, seed: int
) -> None:
    found = storm(server, outpost, seed, jobs=5_000, kills=10)

    assert_clean(found, 5_000)


def test_an_outage_longer_than_the_lease_makes_no_worker_a_dead_one(
    server: Server, outpost: Station
) -> None:
    lease = 1.0
    gate = outpost.folder / "gate"
    worker = outpost.work(WorkerSettings(lease=lease, concurrency=2))
    # The slots are full, so that the worker has no reason to claim either.
    jobs = [outpost.send("wait_for", gate=str(gate)) for _ in range(2)]
    for job in jobs:
        outpost.until_running(job)

    server.kill()
    gone_at = time.monotonic()
    outpost.until_quiet(lambda: 2 == outpost.ledger.count("stopped"))
    outpost.until_quiet(lambda: time.monotonic() - gone_at > 2 * lease)
    server.start()
    for job in jobs:
        outpost.until_running(job, run=2)
    gate.touch()
    outpost.until_over()

    assert [] == outpost.told("WorkersSwept")
    assert {"completed": 2} == outpost.counts()
    assert {(1, 0)} == {
        (outpost.job(job)["attempt"], outpost.job(job)["crash_count"]) for job in jobs
    }
    assert 1 == len(outpost.told("WorkerStarted"))
    assert worker.is_running


def test_a_worker_can_leave_while_postgres_is_away(server: Server, outpost: Station) -> None:
    gate = outpost.folder / "gate"
    worker = outpost.work(WorkerSettings(lease=1.0, grace=0.2))
    job = outpost.send("wait_for", gate=str(gate))
    outpost.until_running(job)

    server.kill()
    worker.send(signal.SIGTERM)
    outpost.until_quiet(lambda: not worker.children(), seconds=10)
    # The supervisor waits a while to tell what became of the jobs. It need not.
    code = worker.leave(seconds=3)
    server.start()
    outpost.work(WorkerSettings(lease=1.0))
    outpost.until_running(job, run=2)
    gate.touch()
    outpost.until_over(job)

    assert 0 == code
    assert [] == outpost.told("WorkerDied"), "the child had to be killed"
    assert "completed" == outpost.state(job)


def test_a_claim_that_postgres_forgot_is_not_taken_for_its_next_one(
    server: Server, outpost: Station
) -> None:
    before = Desk(server.url, outpost.schema)
    worker = before.worker()
    job = outpost.send("tick", n=1)  # waits for its commit, and for all before it
    server.keep_commits_in_memory()
    (lost,) = before.claim(worker, queues=["default"])

    server.kill()
    server.start()
    desk = Desk(server.url, outpost.schema)
    state = desk.state(job)
    (again,) = desk.claim(worker, queues=["default"])

    assert "created" == state
    assert 0 == desk.finish(lost)
    assert 1 == desk.finish(again)


def storm(server: Server, station: Station, seed: int, *, jobs: int, kills: int) -> Tally:
    """Kill the server so often while jobs are sent and run; workers and producers stay."""
    dice = random.Random(seed)
    station.sql("CREATE TABLE howdah.effect (job uuid, fence bigint)")
    workers = [station.work(SETTINGS) for _ in range(2)]
    half = jobs // 2
    producers = [
        station.run("-m", "tests.chaos.produce", "0", str(half), "async"),
        station.run("-m", "tests.chaos.produce", str(half), str(jobs - half), "sync"),
    ]
    for kill in range(1, kills + 1):
        share = jobs * kill // (kills + 1)
        station.until_quiet(lambda share=share: station.ledger.count("acked") >= share, seconds=120)
        time.sleep(dice.uniform(0, 0.2))  # so that no kill meets the same moment
        server.kill()
        server.start()
    assert [0, 0] == [one.process.wait(120) for one in producers], station.report()
    station.until_over(seconds=120)
    assert 4 == len(station.told("WorkerStarted")), "a worker had to be started again"
    assert all(worker.is_running for worker in workers)
    found = tally(station)
    print(f"seed {seed}: {kills} kills of the server, {found}")
    return found


def assert_clean(found: Tally, jobs: int) -> None:
    """Nothing lost, nothing stored twice, no effect repeated."""
    assert jobs == found.acked
    assert {0} == {found.lost, found.unasked, found.doubled, found.repeated, found.missing}
