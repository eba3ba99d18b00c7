"""A database that stops answering while every connection stays open, as when a pooler hangs."""

from __future__ import annotations

from howdah._worker.settings import WorkerSettings
from tests.acceptance.harness import Station
from tests.acceptance.proxy import Proxy

LEASE = 2.0


def test_a_worker_that_hears_nothing_stops_its_handlers_about_when_its_lease_ends(
    station: Station, proxy: Proxy
) -> None:
    gate = station.folder / "gate"
    station.work(WorkerSettings(lease=LEASE), url=proxy.url)
    job = station.send("wait_for", gate=str(gate))
    station.until_running(job)

    proxy.freeze()
    station.until(
        lambda: station.ledger.entries("stopped", job=str(job)),
        seconds=3 * LEASE,
        what="the handler goes on",
    )
    proxy.thaw()
    gate.touch()
    station.until_over(job)

    assert "completed" == station.state(job)
