"""Jobs whose transaction commits long after later ones have come and gone."""

from __future__ import annotations

import time

import pytest

from howdah._worker.settings import WorkerSettings
from tests.acceptance.harness import Station

LATER = 300


@pytest.mark.parametrize("notifications", [True, False])
def test_jobs_that_commit_late_are_found_within_a_poll(
    station: Station, notifications: bool
) -> None:
    poll = 0.5
    station.work(WorkerSettings(processes=2, concurrency=5, poll=poll, notifications=notifications))
    with station.connect() as plain, station.connect() as saved, station.connect() as undone:
        late = [station.send("tick", n=-1, conn=plain)]
        # Below a savepoint, which has a transaction id of its own.
        station.sql_on(saved, "SAVEPOINT s")
        late.append(station.send("tick", n=-2, conn=saved))
        station.sql_on(saved, "RELEASE SAVEPOINT s")
        # Once undone and then sent again.
        station.sql_on(undone, "SAVEPOINT s")
        never = station.send("tick", n=-3, conn=undone)
        station.sql_on(undone, "ROLLBACK TO SAVEPOINT s")
        late.append(station.send("tick", n=-4, conn=undone))
        for n in range(LATER):
            station.send("tick", n=n)
        station.until(lambda: LATER == station.ledger.count("run"))

        committed_at = time.monotonic()
        for connection in (undone, plain, saved):
            connection.commit()
        runs = [station.until_running(job) for job in late]

    station.until_over()
    assert {"completed": LATER + 3} == station.counts()
    assert 0 == station.ledger.count("run", job=str(never))
    assert all(run["at"] - committed_at < poll + 0.5 for run in runs)


def test_a_rolled_back_send_never_runs(station: Station) -> None:
    station.work()
    with station.connect() as connection:
        rolled_back = station.send("tick", n=-1, conn=connection)
        for n in range(LATER):
            station.send("tick", n=n)
        station.until(lambda: LATER == station.ledger.count("run"))
        connection.rollback()

    after = station.send("tick", n=LATER)
    station.until_over(after)

    assert 0 == station.ledger.count("run", job=str(rolled_back))
    assert {"completed": LATER + 1} == station.counts()
