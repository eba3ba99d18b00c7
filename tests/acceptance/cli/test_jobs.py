"""`howdah jobs`: what is listed, shown, sent, cancelled and run again."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from tests.acceptance.cli.program import Program
from tests.acceptance.harness import until

Sql = Callable[..., list[tuple[Any, ...]]]
WITH_APP = ("--app", "shop:app")


def sent(program: Program, *words: object) -> str:
    """Send a job of the app, and return its id."""
    done = program.run("jobs", "send", *words, *WITH_APP, "--json")
    assert 0 == done.code, done.err
    job_id: str = done.json["id"]
    return job_id


def shown(program: Program, job_id: str) -> dict[str, Any]:
    """All about a job."""
    found: dict[str, Any] = program.run("jobs", "show", job_id, "--json").json
    return found


def listed(program: Program, *words: object) -> list[dict[str, Any]]:
    """The jobs of one page."""
    page: list[dict[str, Any]] = program.run("jobs", "list", *words, "--json").json["jobs"]
    return page


def test_jobs_are_listed_newest_first(program: Program) -> None:
    first, second = (sent(program, "welcome", "email=a@x.org") for _ in range(2))

    newest, oldest = listed(program), listed(program, "--order", "oldest")

    assert [second, first] == [job["id"] for job in newest]
    assert [first, second] == [job["id"] for job in oldest]


def test_the_list_says_why_each_job_stands(program: Program) -> None:
    sent(program, "welcome", "email=a@x.org")
    sent(program, "welcome", "email=b@x.org", "--delay", "2h", "--key", "bob")
    program.run("queues", "pause", "mail")

    later, first = listed(program)
    text = program.run("jobs", "list").out

    assert ("not_due", "queue_paused") == (later["why"]["kind"], first["why"]["kind"])
    assert "due in 120 min; key bob" in text or "due in 2 h; key bob" in text
    assert "queue is paused" in text


def test_the_parents_and_children_of_a_job_are_shown(program: Program, sql: Sql) -> None:
    ids = ["01a20a9f-c2f8-7000-a63d-18e45b439601", "01a20a9f-c2f8-7000-a63d-18e45b439602"]
    parent = {"id": ids[0], "queue": "q", "task": "first"}
    child = {"id": ids[1], "queue": "q", "task": "second", "after": [{"id": ids[0]}]}
    sql("SELECT howdah.put_queue('q')")
    sql("SELECT howdah.send_flow(howdah.uuid7(), %s)", json.dumps([parent, child]))

    (above,), (below,) = shown(program, ids[1])["parents"], shown(program, ids[0])["children"]
    text = program.run("jobs", "show", ids[1]).out

    assert (ids[0], ids[1]) == (above["id"], below["id"])
    assert "1 of its parents" in text
    assert f"{ids[0]}  created  first  block" in text


def test_a_sender_waits_for_the_result(program: Program) -> None:
    worker = program.start("worker", "shop:app")
    worker.wait_for("worker.started")

    fine = program.run(
        "jobs", "send", "welcome", "email=a@x.org", "--wait", "30s", "--json", *WITH_APP
    )
    broken = program.run("jobs", "send", "broken", "n=1", "--wait", "30s", *WITH_APP)
    late = program.run(
        "jobs", "send", "welcome", "email=a@x.org", "--delay", "1h", "--wait", "0", *WITH_APP
    )

    assert (0, "a@x.org") == (fine.code, fine.json["result"])
    assert (1, "failed with RuntimeError: boom" in broken.err) == (broken.code, True)
    assert (1, "is still created: it goes on" in late.err) == (late.code, True)


def test_dead_letters_are_moved_back(program: Program, sql: Sql) -> None:
    program.run("queues", "put", "dead")
    sql(
        "INSERT INTO howdah.job (id, queue, task, args, ready_xid, source)"
        " SELECT howdah.uuid7(), 'dead', 't', '{}', pg_current_xact_id(), '{\"queue\": \"mail\"}'"
        " FROM generate_series(1, 3)"
    )

    would = program.run("jobs", "redrive", "dead", "--dry-run")
    some = program.run("jobs", "redrive", "dead", "--limit", "1")
    rest = program.run("jobs", "redrive", "dead", "--to", "slow", "--json").json

    assert (0, "would move 3 jobs\n") == (would.code, would.out)
    assert (0, "moved 1\n") == (some.code, some.out)
    assert {"moved": 2, "kept": 0, "missing": []} == rest
    assert [("mail", 1), ("slow", 2)] == sorted(
        sql("SELECT queue, count(*)::int FROM howdah.job GROUP BY queue")
    )
    assert "nothing to move" in program.run("jobs", "redrive", "dead").out


def test_some_dead_letters_are_moved_back(program: Program, sql: Sql) -> None:
    made = sql(
        "INSERT INTO howdah.job (id, queue, task, args, ready_xid, source)"
        " SELECT howdah.uuid7(), 'dead', 't' || n, '{}', pg_current_xact_id(),"
        '     \'{"queue": "mail", "key": "k"}\''
        " FROM generate_series(1, 3) AS n RETURNING id"
    )
    first, second, third = (str(row[0]) for row in made)

    would = program.run(
        "jobs", "redrive", "dead", "--task", "t1", "--key", "k", "--dry-run", "--json"
    ).json
    moved = program.run("jobs", "redrive", "dead", "--task", "t1", "--key", "k")
    named = program.run("jobs", "redrive", "dead", second, first)
    both = program.run("jobs", "redrive", "dead", third, "--task", "t3")

    assert {"would": "redrive", "count": 1} == would
    assert (0, "moved 1\n") == (moved.code, moved.out)
    assert (1, "moved 1\n") == (named.code, named.out)
    assert f"job {first} is no dead letter that waits in 'dead'" in named.err
    assert (1, True) == (both.code, "one or the other" in both.err)
    assert [(third,)] == sql("SELECT id::text FROM howdah.job WHERE queue = 'dead'")


def test_dead_letters_of_a_queue_that_nobody_knows_are_not_looked_for(program: Program) -> None:
    program.run("queues", "put", "payments-dead")

    refused = program.run("jobs", "redrive", "payments-deed")

    assert 1 == refused.code
    assert "no queue named 'payments-deed': did you mean 'payments-dead'?" in refused.err


def test_a_page_ends_with_where_the_next_begins(program: Program) -> None:
    first, second = (sent(program, "welcome", "email=a@x.org") for _ in range(2))

    page = program.run("jobs", "list", "--limit", "1")
    rest = program.run("jobs", "list", "--after", second, "--json").json

    assert f"--after {second}" in page.out
    assert ([first], None) == ([job["id"] for job in rest["jobs"]], rest["next"])


def test_filters_are_held_to_together(program: Program) -> None:
    wanted = sent(program, "welcome", "email=a@x.org", "--key", "k", "--tag", "a", "--tag", "b")
    sent(program, "welcome", "email=a@x.org")
    sent(program, "broken", "n=1", "--key", "k")

    said = ("--queue", "mail", "--key", "k", "--state", "created", "--tag", "a", "--tag", "b")
    times = ("--created-after", "1h", "--created-before", "2100-01-01T00:00Z")
    found = listed(program, *said, *times, "--arg", "email=a@x.org")

    assert [wanted] == [job["id"] for job in found]


def test_a_state_that_does_not_exist_is_a_usage_error(program: Program) -> None:
    refused = program.run("jobs", "list", "--state", "done")

    assert 2 == refused.code
    assert "completed" in refused.err


def test_a_failed_job_is_shown_with_traceback_log_and_progress(program: Program) -> None:
    job = sent(program, "broken", "n=7")
    program.start("worker", "shop:app").wait_for("job.failed")
    until(lambda: shown(program, job)["log"])

    text = program.run("jobs", "show", job).out

    for part in ('"n": 7', "RuntimeError", "Traceback", "about to break n=7", "50% - half way"):
        assert part in text


def test_what_a_terminal_would_obey_is_stripped_from_data(program: Program) -> None:
    job = sent(program, "broken", "n=7")
    program.start("worker", "shop:app").wait_for("job.failed")

    for done in (program.run("jobs", "show", job), program.run("jobs", "list")):
        assert "boom" in done.out
        assert not {"\x1b", "\x07"} & set(done.out)


def test_a_job_that_does_not_exist_is_one_line_and_exit_code_1(program: Program) -> None:
    job = uuid4()

    refused = program.run("jobs", "show", job)

    assert 1 == refused.code
    (line,) = refused.err.splitlines()
    assert line.startswith(f"error: there is no job {job}")


def test_arguments_are_checked_by_the_task(program: Program) -> None:
    refused = program.run("jobs", "send", "welcome", "mail=a@x.org", *WITH_APP)

    assert 1 == refused.code
    assert "email is missing" in refused.err
    assert [] == listed(program)


def test_a_text_that_looks_like_a_number_stays_a_text_where_the_task_wants_one(
    program: Program,
) -> None:
    job = sent(program, "welcome", "email=a@x.org", "zip=12345")

    assert {"email": "a@x.org", "zip": "12345"} == shown(program, job)["args"]


def test_options_travel_with_the_job(program: Program) -> None:
    options = ("--delay", "10m", "--priority", "3", "--key", "k", "--tag", "a", "--tag", "b")

    job = shown(program, sent(program, "welcome", "email=a@x.org", *options))

    assert ("mail", 3, "k", ["a", "b"]) == (job["queue"], job["priority"], job["key"], job["tags"])
    assert job["start_after"] > job["created_at"]


def test_a_second_send_of_a_key_says_that_it_was_there(program: Program) -> None:
    first = sent(program, "welcome", "email=a@x.org", "--key", "k")

    again = program.run("jobs", "send", "welcome", "email=a@x.org", "--key", "k", *WITH_APP)

    assert f"{first} (it was there already)" == again.out.strip()


def test_without_an_app_a_job_is_stored_as_it_is_said(program: Program) -> None:
    program.run("jobs", "send", "anything", '{"a": [1, null]}', "--queue", "other")

    (job,) = listed(program)

    assert ("other", "anything", {"a": [1, None]}) == (job["queue"], job["task"], job["args"])


def test_arguments_may_come_from_standard_input(program: Program) -> None:
    program.run("jobs", "send", "anything", "-", stdin='{"a": 1}')

    assert [{"a": 1}] == [job["args"] for job in listed(program)]


def test_a_waiting_job_is_cancelled_and_a_finished_one_is_not(program: Program) -> None:
    job = sent(program, "welcome", "email=a@x.org")

    first = program.run("jobs", "cancel", job, "--reason", "enough")
    second = program.run("jobs", "cancel", job)

    assert (0, "cancelled 1 job") == (first.code, first.out.strip())
    assert (1, "enough") == (second.code, shown(program, job)["cancel_reason"])
    assert f"error: cannot cancel job {job}: it is cancelled" in second.err


def test_nobody_is_asked_where_nobody_can_answer(program: Program) -> None:
    job = sent(program, "welcome", "email=a@x.org")

    refused = program.run("jobs", "cancel", "--queue", "mail")

    assert 1 == refused.code
    assert "give --yes" in refused.err
    assert "created" == shown(program, job)["state"]


def test_more_jobs_than_a_batch_are_cancelled_and_run_again(program: Program, sql: Sql) -> None:
    sql("SELECT howdah.put_queue('bulk')")
    sql("SELECT howdah.send('bulk', 'anything') FROM generate_series(1, 450)")
    kept = sent(program, "welcome", "email=a@x.org")

    cancelled = program.run("jobs", "cancel", "--queue", "bulk", "--yes", "--json").json
    again = program.run("jobs", "retry", "--queue", "bulk", "--state", "cancelled", "--yes")

    assert (450, {}) == (cancelled["done"], cancelled["refused"])
    assert "retried 450 jobs" == again.out.strip()
    assert "created" == shown(program, kept)["state"]


def test_a_job_whose_key_is_taken_does_not_keep_the_others_from_running_again(
    program: Program, sql: Sql
) -> None:
    sql("SELECT howdah.put_queue('bulk')")
    sql("SELECT howdah.send('bulk', 'anything') FROM generate_series(1, 5)")
    loser = sql("""SELECT howdah.send('bulk', 'anything', '{}', '{"key": "k"}')""")[0][0]
    program.run("jobs", "cancel", "--queue", "bulk", "--yes")
    sql("""SELECT howdah.send('bulk', 'anything', '{}', '{"key": "k"}')""")

    again = program.run("jobs", "retry", "--state", "cancelled", "--yes", "--json")

    assert (1, 5) == (again.code, again.json["done"])
    assert [str(loser)] == list(again.json["refused"])


def test_a_retry_by_filter_takes_what_failed_and_nothing_else(program: Program) -> None:
    job = sent(program, "welcome", "email=a@x.org")
    program.run("jobs", "cancel", job)

    done = program.run("jobs", "retry", "--task", "welcome", "--yes")

    assert "nothing to retry" == done.out.strip()


def test_what_would_be_done_is_counted_and_not_done(program: Program) -> None:
    sent(program, "welcome", "email=a@x.org")

    done = program.run("jobs", "delete", "--queue", "mail", "--dry-run")

    assert (0, "would delete 1 job") == (done.code, done.out.strip())
    assert 1 == len(listed(program))


def test_a_deleted_job_is_gone_and_a_running_one_is_named(program: Program, sql: Sql) -> None:
    first, second = (sent(program, "welcome", "email=a@x.org") for _ in range(2))
    sql("UPDATE howdah.job SET state = 'active', worker_id = 1, ready_xid = NULL WHERE id = %s",
        second)  # fmt: skip

    done = program.run("jobs", "delete", first, second)

    assert (1, "deleted 1 job that was created") == (done.code, done.out.strip())
    assert f"error: cannot delete job {second}: it is active" in done.err
    assert [second] == [job["id"] for job in listed(program)]


@pytest.mark.parametrize("verb", ["cancel", "retry", "resume", "delete"])
def test_all_jobs_at_once_must_be_asked_for_by_a_filter(program: Program, verb: str) -> None:
    refused = program.run("jobs", verb, "--yes")

    assert 1 == refused.code
    assert "which jobs?" in refused.err


def test_a_suspended_job_runs_again_when_it_is_resumed(program: Program) -> None:
    job = sent(program, "sleeper")
    program.start("worker", "shop:app")
    until(lambda: shown(program, job)["state"] == "waiting")

    program.run("jobs", "resume", job)

    until(lambda: shown(program, job)["state"] == "completed")


def test_why_a_job_does_not_run_is_explained(program: Program) -> None:
    job = sent(program, "welcome", "email=a@x.org")

    nobody = program.run("jobs", "explain", job)
    program.start("worker", "shop:app").wait_for("job.completed")
    program.run("jobs", "send", "anything", "{}", "--queue", "mail", "--delay", "1h")
    unknown = program.run("jobs", "explain", listed(program)[0]["id"], "--json").json

    assert "- no live worker serves queue 'mail'" in nobody.out
    assert ["not_due", "task_unknown"] == [reason["kind"] for reason in unknown["reasons"]]
    assert "- it is over: completed since" in program.run("jobs", "explain", job).out


def test_queues_say_what_stands_in_them_and_who_serves_them(program: Program) -> None:
    sent(program, "welcome", "email=a@x.org")
    sent(program, "welcome", "email=a@x.org", "--delay", "1h")

    (mail,) = program.run("queues", "--json").json

    assert ("mail", 1, 1, 0) == (mail["name"], mail["ready"], mail["delayed"], mail["workers"])


def test_jobs_that_a_worker_finishes_meanwhile_are_left_out_and_are_no_error(
    program: Program, sql: Sql
) -> None:
    sql("SELECT howdah.put_queue('mail')")
    sql("""SELECT howdah.send('mail', 'welcome', '{"email": "a@x.org"}')
           FROM generate_series(1, 3000)""")
    worker = program.start("worker", "shop:app", "--log-level", "error")

    cancelled = program.run("jobs", "cancel", "--queue", "mail", "--yes", "--json")

    assert (0, {}) == (cancelled.code, cancelled.json["refused"])
    until(lambda: [(0,)] == sql("SELECT count(*) FROM howdah.job"))
    assert 0 == worker.leave()
    ended = dict(sql("SELECT state, count(*) FROM howdah.archive GROUP BY state"))
    assert 3000 == ended.get("completed", 0) + ended.get("cancelled", 0)


def test_sends_of_a_window_are_one_job(program: Program) -> None:
    words = ("welcome", "--key", "k", "--debounce", "1h", "--max-wait", "2h", "--deadline", "1d")
    first = sent(program, *words, "email=a@x.org")
    again = program.run("jobs", "send", *words, "email=b@x.org", *WITH_APP)
    alone = program.run("jobs", "send", "welcome", "email=a@x.org", "--max-wait", "2h", *WITH_APP)

    assert f"{first} (it was there already)" in again.out
    assert "b@x.org" == shown(program, first)["args"]["email"]
    assert "give --debounce as well" in alone.err


def test_group_and_dead_letter_queue_are_sent(program: Program) -> None:
    job = sent(program, "welcome", "--group", "g", "--dead-letter", "dead", "email=a@x.org")

    assert ("g", "dead") == (shown(program, job)["line"], shown(program, job)["dead_letter"])


def test_a_job_that_waits_is_changed_by_id_and_by_key(program: Program) -> None:
    job_id = sent(program, "welcome", "email=a@x.org", "--key", "k")

    by_id = program.run("jobs", "update", job_id, "email=b@x.org", "--priority", "3", *WITH_APP)
    by_key = program.run("jobs", "update", "--task", "welcome", "--key", "k", "--delay", "1h")
    nobody = program.run("jobs", "update", "--task", "welcome", "--key", "x", "--delay", "1h")
    wrong = program.run("jobs", "update", job_id, "mail=b@x.org", *WITH_APP)

    found = shown(program, job_id)
    assert (job_id, job_id) == (by_id.out.strip(), by_key.out.strip())
    assert ("b@x.org", 3, False) == (found["args"]["email"], found["priority"], found["ready"])
    assert "no job of that key waits" in nobody.out
    assert "did you mean 'email'" in wrong.err
