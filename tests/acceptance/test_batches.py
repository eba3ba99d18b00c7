"""A batch whose process dies: all count a crash, and the guilty one is found."""

from __future__ import annotations

from howdah._worker.settings import WorkerSettings
from tests.acceptance.harness import Station

ROUGH = "tests.acceptance.rough_handlers:app"


def test_of_a_batch_that_kills_its_process_only_the_guilty_job_fails(station: Station) -> None:
    poison, *others = (
        station.send("die_of_one", value=value) for value in ("poison", "sound", "well")
    )

    station.work(WorkerSettings(concurrency=4), app=ROUGH)
    station.until_over(poison, *others, seconds=60)

    assert ["failed", "completed", "completed"] == [station.state(job) for job in (poison, *others)]
    assert 3 == station.job(poison)["crash_count"]
    for job in others:
        first, *later = [run["together"] for run in station.ledger.entries("run", job=str(job))]
        # More than once when the guilty one dies beside it before its end was told.
        assert (3, {1}) == (first, set(later))
