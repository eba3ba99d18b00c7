"""What a child process owes its handlers and its supervisor."""

from __future__ import annotations

from tests.acceptance.harness import Station

ROUGH = "tests.acceptance.rough_handlers:app"


def test_what_a_handler_runs_finds_an_empty_input_and_hears_no_orders(station: Station) -> None:
    worker = station.work(app=ROUGH)
    job = station.send("read_input", options={"retry": {"limit": 0}})

    station.until_over(job, seconds=10)

    assert ("completed", "") == (station.state(job), station.job(job)["result"])
    assert 0 == worker.leave(seconds=10)
