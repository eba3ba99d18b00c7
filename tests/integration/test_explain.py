"""Why a job does not run: each reason with its facts, and all reasons of a job in one picture."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from howdah import Howdah, JobState
from howdah._db import job as jobs
from howdah._db import quota as quotas
from howdah._db import worker as workers
from howdah._db.explain import why as why_each
from howdah._model.outcome import Verdict
from howdah.errors import JobNotFoundError
from tests.conftest import Clock
from tests.integration.desk import LEASE, Desk
from tests.integration.explaining import explained, facts, why
from tests.integration.kin import family


def send(desk: Desk, **options: Any) -> UUID:
    """Send a job with options that only SQL has to be told of."""
    said = json.dumps(options)
    desk.sql("INSERT INTO howdah.queue (name) VALUES ('q') ON CONFLICT DO NOTHING")
    found: UUID = desk.value("SELECT howdah.send('q', 't', '{}', %s::text::jsonb)", said)
    return found


def test_a_job_that_nothing_holds_up_says_how_many_are_ahead(desk: Desk) -> None:
    desk.worker()
    desk.send(queue="other")
    first = desk.send()
    second = desk.send()
    urgent = desk.send(priority=5)

    assert {"turn": "2 jobs are ahead of it"} == why(desk, second)
    assert {"turn": "1 job is ahead of it"} == why(desk, first)
    assert {"turn": "it is the next to be claimed"} == why(desk, urgent)


def test_its_turn_is_estimated_from_the_speed_of_late(desk: Desk) -> None:
    for _ in range(20):
        desk.send()
    desk.finish(*desk.claim(limit=20))
    desk.worker()
    *_, last = [desk.send() for _ in range(3)]

    assert (2, 2.0, 1.0) == tuple(
        facts(desk, last, "turn")[name] for name in ("ahead", "per_second", "seconds")
    )
    assert "2 jobs are ahead of it: at 2.0 a second its turn comes in about 1 s" in str(
        explained(desk, last)
    )


def test_without_lately_finished_jobs_the_samples_tell_the_speed(desk: Desk) -> None:
    desk.sql(
        "INSERT INTO howdah.sample (at, worker_id, queue, done, retried)"
        " VALUES (howdah.now() - interval '5 minutes', 1, 'q', 100, 20)"
    )

    assert 2.0 == facts(desk, desk.send(), "turn")["per_second"]


def test_a_job_that_is_put_off_says_until_when(desk: Desk) -> None:
    desk.worker()
    job_id = desk.send(start_after=3_600)

    assert {"not_due"} == why(desk, job_id).keys()
    assert "UTC, in 60 min" in why(desk, job_id)["not_due"]
    assert 3_600 == pytest.approx(facts(desk, job_id, "not_due")["seconds"], abs=60)


def test_a_job_that_waits_for_its_next_attempt_says_so(desk: Desk) -> None:
    job_id = desk.send()
    desk.put_back(*desk.claim(), delay=90)

    assert "its next attempt is not due until" in why(desk, job_id)["not_due"]


def test_a_job_whose_time_has_come_waits_for_housekeeping(desk: Desk, clock: Clock) -> None:
    desk.worker(lease=1e6)
    job_id = desk.send(start_after=60)
    clock.advance(61)

    assert {"due"} == why(desk, job_id).keys()


def test_a_job_that_came_too_late_says_so(desk: Desk, clock: Clock) -> None:
    job_id = send(desk, deadline=60)
    clock.advance(61)

    assert "its deadline was" in why(desk, job_id)["too_late"]


def test_a_running_job_says_where_and_since_when(desk: Desk) -> None:
    job_id = desk.send()
    (claim,) = desk.claim()

    assert f"it runs on worker {claim.worker} (here, pid 1) since" in why(desk, job_id)["running"]
    assert "asked to stop" not in why(desk, job_id)["running"]

    desk.run(jobs.cancel(job_id))

    assert "it was asked to stop at" in why(desk, job_id)["running"]


@pytest.mark.parametrize("forgotten", [False, True])
def test_a_job_whose_worker_is_silent_says_so(desk: Desk, clock: Clock, forgotten: bool) -> None:
    job_id = desk.send()
    desk.claim()
    clock.advance(LEASE + 1)
    if forgotten:
        desk.sql("DELETE FROM howdah.worker")

    said = "is not known any more" if forgotten else "has not been heard of for 31 s"
    assert said in why(desk, job_id)["orphaned"]


def test_a_suspended_job_says_what_it_waits_for(desk: Desk) -> None:
    endless, timed = desk.send(), desk.send()
    first, second = desk.claim(limit=2)
    desk.put_back(first, verdict=Verdict.SUSPENDED)
    desk.put_back(second, verdict=Verdict.SUSPENDED, delay=60)

    assert "until somebody says resume" == why(desk, endless)["suspended"][-26:]
    assert "resume, or " in why(desk, timed)["suspended"]


@pytest.mark.parametrize(
    ("verdict", "error", "said"),
    [
        (Verdict.COMPLETED, None, "it is over: completed since"),
        (Verdict.FAILED, '{"type": "ValueError", "message": "no"}', ", with ValueError: no"),
    ],
)
def test_a_job_that_is_over_says_how(
    desk: Desk, verdict: Verdict, error: str | None, said: str
) -> None:
    job_id = desk.send()
    (claim,) = desk.claim()
    desk.run(jobs.finish([claim.outcome(verdict, error=error)]))

    assert said in why(desk, job_id)["finished"]


def test_a_queue_that_is_paused_says_by_whom_and_why(desk: Desk) -> None:
    desk.worker()
    desk.sql(
        "INSERT INTO howdah.queue (name, paused_at, paused_by, pause_reason)"
        " VALUES ('q', howdah.now(), 'ann', 'the mail service is down')"
    )

    said = why(desk, desk.send())["queue_paused"]

    assert said.startswith("queue 'q' is paused by ann since ")
    assert said.endswith(": the mail service is down")


def test_a_queue_that_was_told_to_wait_says_until_when(desk: Desk) -> None:
    desk.sql(
        "INSERT INTO howdah.queue (name, blocked_until)"
        " VALUES ('q', howdah.now() + interval '90 s')"
    )

    assert "queue 'q' waits until" in why(desk, desk.send())["queue_blocked"]


def test_a_paused_task_is_named(desk: Desk) -> None:
    job_id = desk.send()
    desk.sql("UPDATE howdah.job SET held = 'task', ready_xid = NULL")
    desk.sql("INSERT INTO howdah.pause (kind, name, by, reason) VALUES ('task', 't', 'ann', 'bug')")

    said = why(desk, job_id)["task_paused"]
    assert (said[:29], said[-5:]) == ("task 't' is paused by ann sin", ": bug")

    desk.sql("DELETE FROM howdah.pause")
    assert "task 't' was paused: a worker's housekeeping" in why(desk, job_id)["task_paused"]


def test_who_holds_the_slots_of_a_limit_is_named(desk: Desk) -> None:
    desk.run(quotas.register({"openai": {"total": 1}}))
    running, waiting = send(desk, limits=["openai"]), send(desk, limits=["openai"])
    desk.claim()

    assert (
        f"waits for a slot of limit 'openai': 1 of 1 are taken, by {running}"
        == why(desk, waiting)["limit_full"]
    )
    (holder,) = facts(desk, waiting, "limit_full")["holders"]
    assert (running, "t", "q") == (holder["job"], holder["task"], holder["queue"])


def test_a_key_whose_slots_are_taken_is_told_from_the_limit_as_a_whole(desk: Desk) -> None:
    desk.run(quotas.register({"openai": {"total": 5, "per_key": 1}}))
    ann, bob = send(desk, limits=["openai:ann"]), send(desk, limits=["openai:bob"])
    second = send(desk, limits=["openai:ann"])
    desk.claim(limit=2)

    assert f"a slot of key 'ann' of limit 'openai': 1 of 1 are taken, by {ann}" in str(
        explained(desk, second)
    )
    assert str(bob) not in str(explained(desk, second))


def test_a_rate_says_when_its_window_opens(desk: Desk) -> None:
    desk.run(quotas.register({"mail": {"rate": 1, "per": 64}}))
    send(desk, limits=["mail"])
    waiting = send(desk, limits=["mail"])
    desk.claim()

    assert why(desk, waiting)["rate_full"].startswith(
        "limit 'mail' lets 1 begin in 64 s: they have begun, and the next may in 6"
    )


def test_a_limit_that_nobody_defined_and_one_that_was_told_to_wait(desk: Desk) -> None:
    desk.run(quotas.register({"mail": {"total": 1}}))
    desk.sql("UPDATE howdah.quota SET blocked_until = howdah.now() + interval '90 s'")
    job_id = send(desk, limits=["mail", "other"])

    assert {"limit_unknown", "limit_blocked"} <= why(desk, job_id).keys()
    assert "what limit 'other' is" in why(desk, job_id)["limit_unknown"]


@pytest.mark.parametrize("policy", ["singleton", "stately", "key_strict_fifo"])
def test_a_policy_names_the_job_that_is_in_the_way(desk: Desk, policy: str) -> None:
    first, second = desk.send(), desk.send()
    earlier, later = sorted([first, second])
    desk.sql(
        "UPDATE howdah.job SET state = 'active', worker_id = %s, ready_xid = NULL WHERE id = %s",
        desk.worker(),
        earlier,
    )
    desk.sql("UPDATE howdah.job SET policy = %s, line = 'k'", policy)

    assert (
        f"blocked by job {earlier} (t, active): its queue's policy {policy} lets one of key 'k' go"
        " at a time" == why(desk, later)["policy"]
    )


@pytest.mark.parametrize("policy", ["key_strict_fifo", "stately"])
def test_a_policy_with_an_order_waits_for_the_one_that_was_sent_first(
    desk: Desk, policy: str
) -> None:
    first, second = sorted([desk.send(), desk.send()])
    desk.sql("UPDATE howdah.job SET state = 'retry' WHERE id = %s", first)
    desk.sql("UPDATE howdah.job SET policy = %s, line = 'k', sending = 2", policy)
    desk.sql("UPDATE howdah.job SET sending = 1 WHERE id = %s", first)

    assert first == facts(desk, second, "policy")["job"]
    assert "policy" not in why(desk, first)


def test_a_failed_job_that_blocks_its_key_is_named(desk: Desk) -> None:
    desk.sql("SELECT howdah.put_queue('q', '{\"policy\": \"key_strict_fifo\"}')")
    failed, waiting = desk.send(key="k"), desk.send(key="k")
    desk.finish(*desk.claim(), verdict=Verdict.FAILED)

    assert f"blocked by job {failed} (t, failed): its queue's policy key_strict_fifo" in str(
        explained(desk, waiting)
    )


async def test_parents_that_are_not_over_are_named(app: Howdah, desk: Desk) -> None:
    parent, child = desk.send(), desk.send()
    desk.sql(
        "UPDATE howdah.job SET held = 'flow', blockers = 1, ready_xid = NULL WHERE id = %s", child
    )
    desk.sql("INSERT INTO howdah.dependency (parent, child) VALUES (%s, %s)", parent, child)

    assert f"waits for its parent, job {parent} (t, created)" == why(desk, child)["parent"]

    desk.sql("DELETE FROM howdah.job WHERE id <> %s AND id <> %s", parent, child)
    desk.sql("UPDATE howdah.dependency SET state = 'failed'")
    desk.finish(*desk.claim(), verdict=Verdict.FAILED)

    assert f"blocked by its parent, job {parent} (t, failed)" in why(desk, child)["parent"]


def test_a_child_whose_parent_is_gone_says_that_it_waits_in_vain(desk: Desk) -> None:
    child, (parent,) = family(desk, 1)
    desk.finish(parent, verdict=Verdict.FAILED)
    # As when its retention is over.
    desk.sql("DELETE FROM howdah.archive WHERE id = %s", parent.job_id)

    said = why(desk, UUID(child))["parent"]

    assert facts(desk, UUID(child), "parent")["is_gone"]
    assert said.startswith(f"waits in vain for its parent, job {parent.id}, which is gone")
    assert said.endswith(f"give this one up with `howdah jobs cancel {child}`")


def test_a_queue_that_nobody_serves_is_named(desk: Desk, clock: Clock) -> None:
    job_id = desk.send()

    assert "no live worker serves queue 'q'" == why(desk, job_id)["no_worker"]

    desk.worker(queues=["other"])
    assert "no live worker serves queue 'q', 1 serve other queues" == why(desk, job_id)["no_worker"]

    desk.worker()
    clock.advance(LEASE + 1)
    assert {"no_worker", "turn"} == why(desk, job_id).keys()


def test_a_task_that_no_worker_of_the_queue_has_is_named(desk: Desk) -> None:
    job_id = desk.send()
    _worker(desk, tasks=["other"])

    assert "no live worker of queue 'q' has task 't'" == why(desk, job_id)["task_unknown"]

    _worker(desk, tasks=["t"])
    assert {"turn"} == why(desk, job_id).keys()


def test_a_worker_that_does_not_say_its_tasks_may_have_any(desk: Desk) -> None:
    desk.worker()

    assert {"turn"} == why(desk, desk.send()).keys()


def test_workers_that_are_paused_do_not_count(desk: Desk) -> None:
    desk.worker()
    desk.sql("UPDATE howdah.worker SET paused_at = howdah.now()")

    assert "every live worker of queue 'q' is paused" in why(desk, desk.send())["workers_paused"]


def test_workers_whose_slots_are_all_taken_say_so(desk: Desk) -> None:
    worker = _worker(desk, concurrency=1)
    desk.send()
    desk.claim(worker)

    assert (
        "all 1 slots of the workers of queue 'q' are taken"
        == why(desk, desk.send())["workers_busy"]
    )


def test_all_that_is_in_the_way_is_said_at_once(desk: Desk) -> None:
    desk.sql("INSERT INTO howdah.queue (name, paused_at) VALUES ('q', howdah.now())")
    job_id = send(desk, delay=60, limits=["other"])

    assert ["not_due", "queue_paused", "limit_unknown", "no_worker"] == [*why(desk, job_id)]


def test_a_list_says_in_a_few_words_what_each_job_waits_for(desk: Desk) -> None:
    desk.worker()
    desk.run(
        quotas.register({"openai": {"total": 9, "per_key": 0}, "mail": {"rate": 0, "per": 64}})
    )
    desk.sql("SELECT howdah.put_queue('paused'), howdah.pause_queue('paused', NULL, NULL)")
    parent, child = desk.send(), desk.send()
    desk.sql(
        "UPDATE howdah.job SET held = 'flow', blockers = 1, ready_xid = NULL WHERE id = %s", child
    )
    desk.sql("INSERT INTO howdah.dependency (parent, child) VALUES (%s, %s)", parent, child)
    said = {
        parent: "its turn",
        child: "parent t",
        desk.send(queue="paused"): "queue is paused",
        desk.send(start_after=600): "due in 10 min",
        send(desk, limits=["openai:ann"]): "limit openai:ann is full",
        send(desk, limits=["mail"]): "rate mail is used up",
        desk.send(queue="nobody"): "no worker",
    }
    cancelled = desk.send()
    desk.run(jobs.cancel(cancelled))

    found = desk.run(why_each([*said, cancelled]))

    assert said == {job_id: reason.text for job_id, reason in found.items()}


def test_of_several_parents_the_worst_is_named(desk: Desk) -> None:
    child, (first, second) = family(desk, 2)
    assert "2 parents" == desk.run(why_each([UUID(child)]))[UUID(child)].text

    desk.finish(second, verdict=Verdict.FAILED)
    assert "parent t has failed (of 2)" == desk.run(why_each([UUID(child)]))[UUID(child)].text

    desk.sql("DELETE FROM howdah.job WHERE id = %s", first.job_id)
    assert "parent is gone (of 2)" == desk.run(why_each([UUID(child)]))[UUID(child)].text


async def test_both_clients_explain_and_know_what_does_not_exist(app: Howdah, desk: Desk) -> None:
    job_id = desk.send()

    explanation = await app.jobs.explain(job_id)

    assert explanation == app.sync.jobs.explain(job_id)
    assert JobState.CREATED is explanation.state
    with pytest.raises(JobNotFoundError):
        await app.jobs.explain(uuid4())


def _worker(desk: Desk, *, tasks: list[str] | None = None, concurrency: int = 20) -> int:
    return desk.run(
        workers.register(
            lease=LEASE,
            pid=1,
            host="here",
            concurrency=concurrency,
            queues=["q"],
            version="0",
            tasks=tasks,
        )
    )
