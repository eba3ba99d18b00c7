"""`howdah workers`: what is listed, and what is asked of them."""

from __future__ import annotations

from tests.acceptance.cli.program import Program
from tests.acceptance.harness import until


def test_workers_are_listed_and_shown(program: Program) -> None:
    nobody = program.run("workers").out
    program.start("worker", "shop:app").wait_for("worker.started")

    (listed,) = program.run("workers", "--json").json
    shown = program.run("workers", "show", listed["id"])

    assert "no workers: start one" in nobody
    assert (20, True, []) == (listed["concurrency"], listed["is_alive"], listed["jobs"])
    assert f"worker {listed['id']}" in shown.out
    assert "alive" in program.run("workers").out


def test_what_a_worker_takes_is_listed_and_why_it_takes_no_other_job_is_explained(
    program: Program,
) -> None:
    options = ("--min-priority", 5, "--queue-concurrency", "mail=2")
    program.start("worker", "shop:app", *options).wait_for("worker.started")
    (listed,) = program.run("workers", "--json").json
    job = program.run("jobs", "send", "welcome", "{}", "--queue", "mail", "--json").json["id"]

    shown = program.run("workers", "show", listed["id"]).out
    explained = program.run("jobs", "explain", job).out
    (reason, _) = program.run("jobs", "explain", job, "--json").json["reasons"]
    (found,) = program.run("jobs", "list", "--json").json["jobs"]

    assert (5, None, {"mail": 2}) == (
        listed["min_priority"],
        listed["max_priority"],
        listed["queue_concurrency"],
    )
    assert "mail (at most 2)" in shown
    assert "5 and more" in shown
    assert f"priority 0 of queue 'mail': worker {listed['id']} on" in explained
    assert (5, "priority_unserved") == (reason["facts"]["workers"][0]["lowest"], reason["kind"])
    assert "no worker takes priority 0" == found["why"]["text"]


def test_one_is_scaled_paused_resumed_and_stopped(program: Program) -> None:
    worker = program.start("worker", "shop:app", "--concurrency", 2)
    number = worker.wait_for("worker.started")["worker"]

    scaled = program.run("workers", "scale", number, "--concurrency", 5, "--json").json
    wider = worker.wait_for("worker.scaled")
    paused = program.run("workers", "pause", "--queue", "mail", "--by", "ann")
    worker.wait_for("worker.paused")
    listed = program.run("workers").out
    program.run("workers", "resume", "--all")
    worker.wait_for("worker.resumed")
    stopped = program.run("workers", "stop", number)

    assert ([5], 5) == ([one["concurrency"] for one in scaled], wider["concurrency"])
    assert f"worker {number} on " in paused.out
    assert "paused" in listed
    assert "was asked to leave" in stopped.out
    until(lambda: worker.process.poll() is not None)
    assert 0 == worker.process.returncode


def test_a_queue_that_is_probably_misspelled_is_warned_of_once(program: Program) -> None:
    worker = program.start("worker", "shop:app", "--queues", "mial", "--processes", 2)
    worker.wait_for("worker.started", times=2)

    (warned,) = worker.log("queue.unknown")

    assert ("warning", "mial", "mail") == (
        warned["level"].lower(),
        warned["queue"],
        warned["nearest"],
    )


def test_doctor_warns_when_all_are_paused(program: Program) -> None:
    program.start("worker", "shop:app").wait_for("worker.started")
    program.run("workers", "pause", "--all")

    text = program.run("doctor").out

    assert "1 alive, and all of them paused" in text
    assert "howdah workers resume --all" in text


def test_an_order_says_whom_it_is_for(program: Program) -> None:
    nobody = program.run("workers", "stop")
    unknown = program.run("workers", "pause", 99)
    unsaid = program.run("workers", "scale", "--all")

    assert (1, 1, 1) == (nobody.code, unknown.code, unsaid.code)
    assert "give their ids, --queue or --all" in nobody.err
    assert "no worker 99: none is there" in unknown.err
    assert "give either --concurrency N or --as-started" in unsaid.err
