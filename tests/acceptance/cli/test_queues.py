"""`howdah queues`: what an operator says of queues, and what is paused."""

from __future__ import annotations

import signal
from collections.abc import Callable

from tests.acceptance.cli.program import Program
from tests.acceptance.harness import until

Sql = Callable[..., list[tuple]]


def test_what_an_operator_says_is_shown_beside_the_code(program: Program) -> None:
    program.run("queues", "put", "mail", "--policy", "exclusive", "--max-waiting", "9")

    shown = program.run("queues", "show", "mail", "--json").json

    assert {"policy": "exclusive", "max_waiting": 9} == shown["override"]
    assert {} == shown["code"]


def test_what_makes_no_sense_is_refused(program: Program) -> None:
    refused = program.run("queues", "put", "mail", "--policy", "shrot")

    assert (1, True) == (refused.code, "cannot use policy='shrot'" in refused.err)


def test_a_queue_is_paused_and_resumed(program: Program) -> None:
    program.run("queues", "put", "mail")

    paused = program.run("queues", "pause", "mail", "--by", "ann", "--json").json
    listed = program.run("queues").out
    resumed = program.run("queues", "resume", "mail", "--json").json

    assert [("queue", "mail", "ann")] == [(p["kind"], p["name"], p["by"]) for p in paused]
    assert "mail" in listed
    assert [] == resumed


def test_a_task_and_everything_are_paused(program: Program) -> None:
    program.run("queues", "put", "mail")
    program.run("queues", "pause", "--task", "welcome", "--by", "ann", "--reason", "broken")
    program.run("queues", "pause", "--all")

    listed = program.run("queues", "list").out

    assert "task welcome is paused" in listed
    assert "by ann (broken)" in listed
    assert "everything is paused" in listed


def test_somebody_must_say_what_is_paused(program: Program) -> None:
    refused = program.run("queues", "pause", "mail", "--all")

    assert "cannot pause: name a queue, or give --task NAME or --all" in refused.err


def test_a_queue_with_jobs_is_deleted_only_when_told(program: Program, sql: Sql) -> None:
    program.run("queues", "put", "mail")
    sql("SELECT howdah.send('mail', 'welcome')")

    refused = program.run("queues", "delete", "mail", "--yes")
    deleted = program.run("queues", "delete", "mail", "--with-jobs", "--yes", "--json").json

    assert "it has 1 live jobs" in refused.err
    assert {"deleted": "mail", "cancelled": 1} == deleted


def test_durations_are_written_as_people_do(program: Program) -> None:
    program.run("queues", "put", "mail", "--expire-in", "10m", "--retention", "2d")
    program.run("queues", "put", "slow", "--full-timeout", "5s", "--ageing", "1h")

    mail = program.run("queues", "show", "mail", "--json").json["override"]
    slow = program.run("queues", "show", "slow", "--json").json["override"]

    assert {"expire_in": 600, "retention": 172_800} == mail
    assert {"full_timeout": 5, "ageing": 3_600} == slow


def test_a_pause_of_a_task_that_nobody_knows_is_kept_and_doubted(program: Program) -> None:
    program.run("jobs", "send", "welcome", "email=a@x.org", "--app", "shop:app")

    known = program.run("queues", "pause", "--task", "welcome")
    unknown = program.run("queues", "pause", "--task", "nosuch")

    assert (0, "") == (known.code, known.err)
    assert 0 == unknown.code
    assert "task nosuch is paused" in unknown.out
    assert "no job or worker knows task 'nosuch' yet" in unknown.err


def test_a_resume_says_when_there_was_no_pause(program: Program) -> None:
    program.run("queues", "put", "mail")
    program.run("queues", "pause", "--all")

    with_all = program.run("queues", "resume", "mail").out
    again = program.run("queues", "resume", "mail").out
    task = program.run("queues", "resume", "--task", "welcome").out
    program.run("queues", "resume", "--all")
    everything = program.run("queues", "resume", "--all").out

    assert "mail is resumed\n" == with_all
    assert "mail was not paused\n" == again
    assert "task welcome was not paused\n" == task
    assert "everything was not paused\n" == everything


def test_queues_are_shown_anew_until_told_to_stop(program: Program) -> None:
    program.run("queues", "put", "mail")

    watching = program.start("queues", "--watch")
    until(lambda: watching.text.count("mail ") > 1, what="it was shown once")

    assert 0 == watching.leave(signal.SIGINT)
    assert "Traceback" not in watching.text
    assert 1 == program.run("queues", "--watch", "--json").code
