"""A worker inside a real web server process."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from howdah._worker.settings import WorkerSettings
from tests.acceptance.harness import Station, WorkerProcess


@pytest.fixture
def socket() -> Iterator[Path]:
    """A path short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="howdah-web-") as folder:
        yield Path(folder) / "web.sock"


def serve(station: Station, socket: Path) -> WorkerProcess:
    """Start the web service, and wait until its worker claims."""
    web = station.run("-m", "uvicorn", "tests.acceptance.web:api", "--uds", str(socket))
    station.until(lambda: station.told("WorkerStarted") and socket.exists())
    return web


def client(socket: Path) -> httpx.Client:
    """Talks to the service."""
    transport = httpx.HTTPTransport(uds=str(socket), retries=5)
    return httpx.Client(transport=transport, base_url="http://web", timeout=30)


def test_a_web_process_runs_the_jobs_it_sends(station: Station, socket: Path) -> None:
    web = serve(station, socket)
    with client(socket) as http:
        sent = [UUID(http.post(f"/ticks/{n}").json()["job"]) for n in range(20)]
        answer = http.post("/results/77").json()

    station.until_over()

    assert {"result": 77} == answer
    assert {web.pid} == {run["pid"] for run in station.ledger.entries("run")}
    assert ["completed"] * 20 == [station.state(job) for job in sent]


def test_a_web_process_that_is_asked_to_leave_lets_its_jobs_finish(
    station: Station, socket: Path
) -> None:
    gate = station.folder / "gate"
    web = serve(station, socket)
    job = station.send("wait_for", gate=str(gate))
    station.until_running(job)

    web.send(signal.SIGTERM)
    gate.touch()
    web.process.wait(20)

    assert "completed" == station.state(job)
    assert [] == station.sql("SELECT id FROM howdah.worker AS w")
    assert 1 == len(station.told("WorkerStopped"))


def test_the_jobs_of_a_killed_web_process_come_back(station: Station, socket: Path) -> None:
    gate = station.folder / "gate"
    web = serve(station, socket)
    job = station.send("wait_for", gate=str(gate))
    station.until_running(job)
    station.work(WorkerSettings(lease=2.0))

    web.kill()
    again = station.until_running(job, run=2)
    gate.touch()
    station.until_over(job)

    # Nobody saw it die, so its lease had to run out; and whatever it held counts a crash.
    assert ("completed", 1, 1) == (
        station.state(job),
        again["attempt"],
        station.job(job)["crash_count"],
    )


def test_a_web_process_that_slept_through_its_lease_works_again(
    station: Station, socket: Path
) -> None:
    web = serve(station, socket)
    other = station.work(WorkerSettings(lease=1.0))

    web.send(signal.SIGSTOP)
    station.until(lambda: station.told("WorkersSwept"))
    web.send(signal.SIGCONT)
    station.until(lambda: 2 == len(station.told("WorkerStarted", pid=web.pid)))
    other.leave()
    job = station.send("tick", n=1)
    station.until_over(job)

    assert web.pid == station.until_running(job)["pid"]
