"""Jobs that cannot be run, or whose results cannot be kept, and rows written by hand."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

from tests.acceptance.harness import Station


def last_error(station: Station, job: UUID) -> dict[str, Any]:
    """What a job's last attempt left."""
    found: dict[str, Any] = station.job(job)["errors"][-1]
    return found


def test_a_job_of_an_unknown_task_waits_for_a_worker_that_knows_it(station: Station) -> None:
    older = station.work()
    job = station.send("from_the_next_release")

    station.until(lambda: station.told("TaskUnknown", job_id=str(job)))
    station.until(lambda: "retry" == station.state(job))
    older.leave()
    waits = station.job(job)
    station.work(app="tests.acceptance.next_release:app")
    # Its pause is over sooner when somebody says so.
    station.sql("SELECT howdah.retry(%s)", job)
    station.until_over(job)

    assert ("retry", 0) == (waits["state"], waits["attempt"])
    assert ("completed", "known") == (station.state(job), station.job(job)["result"])


def test_arguments_that_do_not_fit_fail_the_job_and_say_what_is_wrong(station: Station) -> None:
    station.work()
    jobs = {
        "missing": station.send("tick"),
        "parse": station.send("tick", n="many"),
        "m is not a parameter": station.send("tick", n=1, m=2),
        "n:": station.send("tick", n=None),
    }

    station.until_over()

    for says, job in jobs.items():
        error = last_error(station, job)
        assert ("failed", "PayloadMismatchError") == (station.state(job), error["type"])
        assert "tick" in error["message"]
        assert says in error["message"].lower()
    assert 0 == station.ledger.count("run")


def test_a_result_that_cannot_be_kept_fails_its_job_and_says_why(station: Station) -> None:
    station.work()
    jobs = {what: station.send("answer", what=what) for what in ("nul", "nan", "large", "object")}
    fine = station.send("answer", what="fine")

    station.until_over()

    assert "completed" == station.state(fine)
    for what, job in jobs.items():
        assert "failed" == station.state(job), what
        assert "ResultError" == last_error(station, job)["type"], what
        assert 1 == station.ledger.tally("run")[str(job)], what
    assert "deep[0]" in last_error(station, jobs["nul"])["message"]
    assert "value" in last_error(station, jobs["nan"])["message"]
    assert "object" in last_error(station, jobs["object"])["message"]


def test_rows_written_by_hand_stop_no_worker(station: Station) -> None:
    strange: list[dict[str, Any]] = [
        {"args": [1, 2]},
        {"args": "text"},
        {"args": {"n": 10**400}},
        {"args": {"n": 1}, "retry": {"limit": "many"}},
        {"args": {"n": 1}, "retry": [3]},
        {"args": {"n": 1}, "retry": {"delay": -5, "unheard_of": True}},
        {"args": {"n": 1}, "task": ""},
        {"args": {"n": 1}, "task": "x" * 10_000},
        {"args": {"n": 1}, "attempt": 2_000_000_000},
        {"args": {"n": 1}, "crash_count": 30_000},
        {"args": {"n": 1}, "expire_in": "0 seconds"},
        {"args": {"n": 1}, "expire_in": "-1 day"},
        {"args": {"n": 1}, "expire_in": "100000 years"},
        {"args": {"n": 1}, "retention": "-1 day"},
        {"args": {"n": 1}, "tags": "{NULL}"},
    ]
    for row in strange:
        insert(station, row)

    station.work()
    fine = station.send("tick", n=7)
    station.until_over(fine)
    station.until(
        lambda: not station.sql("SELECT 1 FROM howdah.job AS j WHERE task = 'tick' LIMIT 1"),
        what="some strange rows are never over",
    )

    assert "completed" == station.state(fine)
    assert [] == station.told("WorkerDied")


def insert(station: Station, row: dict[str, Any]) -> None:
    """Write a job as no sender would."""
    values = {"task": "tick", **row}
    values["args"] = json.dumps(values["args"])
    if "retry" in values:
        values["retry"] = json.dumps(values["retry"])
    names = ", ".join(values)
    station.sql("INSERT INTO howdah.lane (queue, priority) VALUES ('default', 0)")
    station.sql(
        f"INSERT INTO howdah.job (id, queue, ready_xid, {names})"
        f" VALUES (%s, 'default', pg_current_xact_id(){', %s' * len(values)})",
        uuid4(),
        *values.values(),
    )
