"""What is promised of throttle, debounce, replace and update: one job, and nothing lost of it."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from howdah._db import job as jobs
from howdah._db import worker as workers
from howdah._db.job import Receipt
from howdah.errors import UsageError
from tests.integration.desk import Desk, wait_until_blocked
from tests.integration.promises.guard import HINTS, Guard
from tests.integration.promises.stage import Stage, without_waiting

HOURS = 3_600.0
EVER = {"throttle": 1e9}
OFTEN = {"throttle": {"per": 1e9, "next_slot": True}}
LATEST = {"replace": ["args", "priority"]}


def _send(desk: Desk, *, args: str = "{}", **options: object) -> Receipt:
    said = json.dumps(options)
    return desk.run(jobs.send(queue="q", task="t", args=args, options=said))


def a_window_has_one_job(stage: Stage) -> None:
    first = _send(stage.desk, **EVER)

    assert Receipt(first.id, False) == _send(stage.desk, **EVER)


def of_two_senders_of_a_window_one_waits_for_the_other(stage: Stage) -> None:
    other = stage.open()
    with stage.meanwhile() as first:
        job = _send(first, **EVER)
        query = jobs.send(queue="q", task="t", args="{}", options=json.dumps(EVER))
        waiting = other.start(query)
        wait_until_blocked(stage.desk, other, waiting)

    assert Receipt(job.id, False) == waiting.result()


def a_repeated_send_takes_no_later_window(stage: Stage) -> None:
    job_id = str(uuid4())
    _send(stage.desk, id=job_id, throttle=60)
    stage.clock.advance(60)
    _send(stage.desk, id=job_id, throttle=60)

    assert _send(stage.desk, throttle=60).created


def a_repeated_send_is_answered_with_its_own_job(stage: Stage) -> None:
    job_id = str(uuid4())
    first = _send(stage.desk, id=job_id, **OFTEN)
    _send(stage.desk, **OFTEN)

    assert Receipt(first.id, False) == _send(stage.desk, id=job_id, **OFTEN)


def of_two_who_change_what_waits_one_waits_for_the_other(stage: Stage) -> None:
    _send(stage.desk, **LATEST)
    stage.desk.claim()
    other = stage.open()
    with stage.meanwhile() as first:
        job = _send(first, **LATEST)
        query = jobs.send(queue="q", task="t", args="{}", options=json.dumps(LATEST))
        waiting = other.start(query)
        wait_until_blocked(stage.desk, other, waiting)

    assert Receipt(job.id, False) == waiting.result()


def a_running_job_keeps_its_arguments(stage: Stage) -> None:
    first = _send(stage.desk, args='{"n": 1}', **LATEST)
    stage.desk.claim()

    assert _send(stage.desk, args='{"n": 2}', **LATEST).created
    assert {"n": 1} == stage.desk.row(first.id)["args"]


def a_repeated_send_undoes_no_later_one(stage: Stage) -> None:
    earlier, later = sorted(str(uuid4()) for _ in range(2))
    first = _send(stage.desk, id=earlier, args='{"n": 1}', **LATEST)
    _send(stage.desk, id=later, args='{"n": 2}', **LATEST)
    _send(stage.desk, id=earlier, args='{"n": 1}', **LATEST)

    assert {"n": 2} == stage.desk.row(first.id)["args"]


def a_key_of_a_window_is_not_the_key_of_a_live_job(stage: Stage) -> None:
    _send(stage.desk, key="k", **LATEST)
    stage.desk.claim()

    assert _send(stage.desk, key="k", **LATEST).created
    plain = _send(stage.desk, key="k")
    assert plain.created
    assert Receipt(plain.id, False) == _send(stage.desk, key="k")


def a_new_priority_is_found_behind_the_hints_of_its_lane(stage: Stage) -> None:
    job = _send(stage.desk, priority=1, **LATEST)
    for _ in range(3):
        _send(stage.desk, priority=2)
    stage.desk.claim(limit=3)
    worker = stage.desk.worker()
    hints = stage.desk.hints(worker)
    _send(stage.desk, priority=2, **LATEST)

    found = stage.desk.claim(worker, hints=hints, limit=5)

    assert [job.id] == [claim.job_id for claim in found]


def a_job_that_is_put_off_is_not_claimed(stage: Stage) -> None:
    job = _send(stage.desk)
    stage.desk.value(
        "SELECT howdah.update_job(%s::text::uuid, '{\"delay\": 60}'::jsonb)", str(job.id)
    )

    assert [] == stage.desk.claim()


def a_held_job_that_is_moved_stays_held(stage: Stage) -> None:
    job = _send(stage.desk)
    stage.desk.sql("UPDATE howdah.job SET held = 'task', ready_xid = NULL")
    stage.desk.value(
        "SELECT howdah.update_job(%s::text::uuid, '{\"delay\": 0}'::jsonb)", str(job.id)
    )

    assert [] == stage.desk.claim()


def a_job_is_changed_only_in_what_can_be_changed(stage: Stage) -> None:
    job = _send(stage.desk)
    for changes in ('{"key": "k"}', '{"args": []}'):
        with pytest.raises(UsageError):
            stage.desk.run(jobs.update(job.id, changes))


def windows_of_jobs_that_wait_are_remembered(stage: Stage) -> None:
    job = _send(stage.desk, **LATEST)
    stage.clock.advance(2 * HOURS)
    stage.desk.run(workers.prune_windows(limit=10))

    assert Receipt(job.id, False) == _send(stage.desk, **LATEST)


def windows_are_remembered_for_an_hour(stage: Stage) -> None:
    _send(stage.desk, throttle=60)
    stage.clock.advance(120)

    assert 0 == stage.desk.run(workers.prune_windows(limit=10))


def forgetting_waits_for_nobody(stage: Stage) -> None:
    _send(stage.desk, **LATEST)
    stage.desk.claim()
    stage.clock.advance(2 * HOURS)

    with stage.meanwhile() as other:
        _send(other, **LATEST)
        with without_waiting(stage.desk):
            assert 0 == stage.desk.run(workers.prune_windows(limit=10))


WINDOW = "functions/15_window"
CHANGE = "functions/14_change"
PRUNE = "throttle/prune"

GUARDS = [
    Guard(
        WINDOW,
        "EXIT WHEN v_found = v_id;",
        "",
        a_repeated_send_is_answered_with_its_own_job,
    ),
    Guard(
        "migrations/0005_windows",
        "PRIMARY KEY (task, key, slot)",
        "CHECK (true)",
        a_window_has_one_job,
    ),
    Guard(
        "migrations/0005_windows",
        "    PRIMARY KEY (task, key, slot)\n",
        "    CHECK (true)\n",
        of_two_senders_of_a_window_one_waits_for_the_other,
    ),
    Guard(WINDOW, "IF NOT v_new THEN", "IF false THEN", a_repeated_send_takes_no_later_window),
    Guard(
        "migrations/0005_windows",
        "PRIMARY KEY (task, key, slot)\n) WITH",
        "CHECK (true)\n) WITH",
        of_two_who_change_what_waits_one_waits_for_the_other,
    ),
    Guard(
        CHANGE,
        "WHERE j.id = p_id AND j.state IN ('created', 'retry')",
        "WHERE j.id = p_id",
        a_running_job_keeps_its_arguments,
    ),
    Guard(
        WINDOW,
        "v_row.sent_id >= v_id",
        "false",
        a_repeated_send_undoes_no_later_one,
    ),
    Guard(
        "functions/03_send",
        "CASE WHEN p_options ? 'window' THEN 'window' END",
        "NULL",
        a_key_of_a_window_is_not_the_key_of_a_live_job,
    ),
    Guard(
        "functions/03_send",
        "AND j.policy IS NULL;",
        ";",
        a_key_of_a_window_is_not_the_key_of_a_live_job,
    ),
    Guard(
        CHANGE,
        "(p_changes ->> 'priority')::smallint <> j.priority\n                  OR",
        "",
        a_new_priority_is_found_behind_the_hints_of_its_lane,
        standard=HINTS,
    ),
    Guard(
        CHANGE,
        "OR v_moves AND NOT v_due THEN NULL",
        "THEN NULL",
        a_job_that_is_put_off_is_not_claimed,
    ),
    Guard(
        CHANGE,
        "WHEN j.held IS NOT NULL OR",
        "WHEN",
        a_held_job_that_is_moved_stays_held,
        error="job_held",
    ),
    Guard(
        CHANGE,
        "jsonb_object_keys(p_changes - v_known - '{task,limits,group}'::text[])",
        "jsonb_object_keys('{}')",
        a_job_is_changed_only_in_what_can_be_changed,
    ),
    Guard(
        CHANGE,
        "IF p_changes ? 'args' AND jsonb_typeof(p_changes -> 'args') <> 'object' THEN",
        "IF false THEN",
        a_job_is_changed_only_in_what_can_be_changed,
    ),
    Guard(
        PRUNE,
        "AND EXISTS (SELECT FROM howdah.job AS j",
        "AND NOT EXISTS (SELECT FROM howdah.job AS j",
        windows_of_jobs_that_wait_are_remembered,
    ),
    Guard(PRUNE, "- interval '1 hour'", "", windows_are_remembered_for_an_hour),
    Guard(PRUNE, "SKIP LOCKED", "", forgetting_waits_for_nobody),
]
