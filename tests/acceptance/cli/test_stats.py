"""`howdah stats`: what queues were like."""

from __future__ import annotations

from tests.acceptance.cli.program import Program


def test_stats_show_what_a_worker_has_done(program: Program) -> None:
    worker = program.start("worker", "shop:app")
    program.run("jobs", "send", "welcome", "email=ann@example.com", "--app", "shop:app")
    worker.wait_for("job.completed")
    worker.leave()

    shown = program.run("stats").out
    series = program.run("stats", "mail", "--since", "10m", "--bucket", "5m", "--json").json

    assert "mail" in shown
    assert "█" in shown
    assert ["expired", "cancelled"] == shown.splitlines()[0].split()[3:5]
    assert "latency p50/p95" in shown
    assert [1] == [one["done"] for one in series if one["done"]]
    assert [1] == [one["run_time"]["count"] for one in series if one["done"]]


def test_stats_say_when_there_is_nothing(program: Program) -> None:
    assert "nothing was counted" in program.run("stats").out


def test_stats_refuse_a_bucket_that_is_no_minute(program: Program) -> None:
    refused = program.run("stats", "--bucket", "90s")

    assert 1 == refused.code
    assert "cannot read stats by 1.5 min: a bucket is one whole minute or more" in refused.err


def test_stats_of_a_queue_that_nobody_knows_are_refused(program: Program) -> None:
    program.run("queues", "put", "mail")

    refused = program.run("stats", "mial")

    assert 1 == refused.code
    assert "no queue named 'mial': did you mean 'mail'?" in refused.err
    assert 0 == program.run("stats", "mail").code
