"""Behind PgBouncer in transaction mode nothing that belongs to a session may be relied on."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from howdah import Howdah, JobState
from howdah._worker.settings import WorkerSettings
from tests.acceptance.harness import Station, until
from tests.acceptance.pgbouncer import PROGRAM, PgBouncer

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="PgBouncer is not installed")


@pytest.fixture
def bouncer(database_url: str) -> Iterator[PgBouncer]:
    """PgBouncer before the database of the run."""
    with tempfile.TemporaryDirectory(prefix="howdah-bouncer-") as folder:
        made = PgBouncer(database_url, Path(folder))
        until(lambda: answers(made), what=lambda: made.log.read_text())
        yield made
        made.stop()


def answers(bouncer: PgBouncer) -> bool:
    """Whether somebody answers behind it."""
    try:
        psycopg.connect(bouncer.url).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.mark.parametrize("notifications", [True, False])
async def test_all_verbs_work_and_the_worker_polls(
    station: Station, bouncer: PgBouncer, notifications: bool
) -> None:
    gate = station.folder / "gate"
    station.work(WorkerSettings(poll=0.2, notifications=notifications), url=bouncer.url)
    async with tasks(bouncer.url, station.schema) as app:
        tick, wait_for, fail_first = (
            app.find_task(name) for name in ("tick", "wait_for", "fail_first")
        )
        await tick.send_many([(n,) for n in range(200)])
        one = await tick.send(n=7)
        keyed = await tick.using(key="k", start_after=3600).send(n=8)
        same = await tick.using(key="k").send(n=9)
        failing = await fail_first.send()
        running = await wait_for.send(gate=str(gate))

        assert 7 == await one.result(timeout=20)
        assert 2 == await failing.result(timeout=20)
        assert (same.id, False) == (keyed.id, same.is_new)
        assert JobState.CANCELLED == await keyed.cancel()
        station.until_running(running.id)
        assert JobState.ACTIVE == await running.cancel()
        await app.jobs.ending(running.id, timeout=20)
        assert JobState.CANCELLED == await running.state()
        assert JobState.RETRY == await one.retry()
        assert 7 == await one.result(timeout=20)
        assert 8 == app.sync.send(tick, n=8).result(timeout=20)
    station.until_over()

    assert {"completed": 203, "cancelled": 2} == station.counts()
    assert notifications == bool(station.told("NotificationsUnavailable"))
    assert [] == station.told("DatabaseLost")


def test_a_job_is_found_within_a_poll(station: Station, bouncer: PgBouncer) -> None:
    poll = 0.3
    station.work(WorkerSettings(poll=poll), url=bouncer.url)
    station.until(lambda: station.told("NotificationsUnavailable"))

    waits = []
    for n in range(10):
        sent_at = time.monotonic()
        waits.append(station.until_running(station.send("tick", n=n))["at"] - sent_at)

    assert max(waits) < poll + 0.3


def test_a_worker_that_dies_behind_it_is_swept(station: Station, bouncer: PgBouncer) -> None:
    gate = station.folder / "gate"
    worker = station.work(WorkerSettings(lease=1.0), url=bouncer.url)
    job = station.send("wait_for", gate=str(gate))
    station.until_running(job)
    station.work(WorkerSettings(lease=1.0), url=bouncer.url)

    worker.end()
    station.until_running(job, run=2)
    gate.touch()
    station.until_over(job)

    assert "completed" == station.state(job)


def tasks(url: str, schema: str) -> Howdah:
    """The sender's side of some of the tasks of `handlers`."""
    app = Howdah(url, schema=schema)

    @app.task(name="tick")
    async def tick(n: int) -> int: ...

    @app.task(name="wait_for")
    async def wait_for(gate: str) -> str: ...

    @app.task(name="fail_first")
    async def fail_first() -> int: ...

    return app
