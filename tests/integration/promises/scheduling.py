"""What is promised of schedules: each tick once, by whoever comes first and knows the latest."""

from __future__ import annotations

import json

import psycopg
import pytest

from tests.integration.desk import Desk
from tests.integration.promises.guard import Guard
from tests.integration.promises.stage import Stage, without_waiting

TICK = 1_000_000_000
NEXT = TICK + 60


def _schedule(desk: Desk, *, overlap: str = "allow", options: str = "{}") -> None:
    """One that is due at TICK."""
    desk.sql(
        "INSERT INTO howdah.schedule (name, task, queue, every, overlap, options, next_at)"
        " VALUES ('s', 't', 'q', 60, %s, %s::jsonb, pg_catalog.to_timestamp(%s))",
        overlap,
        options,
        TICK,
    )


def _fire(desk: Desk, *ticks: int, revision: int = 1, expected: int = TICK) -> tuple[int, int]:
    """Fire as somebody does who has read the schedule in that state: how many sent and skipped."""
    order = {"name": "s", "revision": revision, "expected": expected, "next": NEXT}
    text = json.dumps([{**order, "ticks": ticks or [TICK]}])
    ((fired, skipped),) = desk.sql("SELECT fired, skipped FROM howdah.fire(%s::jsonb)", text)
    return fired, skipped


def a_fired_schedule_moves_on(stage: Stage) -> None:
    _schedule(stage.desk)

    assert (1, 0) == _fire(stage.desk)
    assert NEXT == stage.desk.value("SELECT extract(epoch FROM next_at)::int8 FROM howdah.schedule")


def a_fired_schedule_moves_on_also_where_nothing_may_overlap(stage: Stage) -> None:
    _schedule(stage.desk, overlap="skip")

    assert (1, 0) == _fire(stage.desk)
    assert NEXT == stage.desk.value("SELECT extract(epoch FROM next_at)::int8 FROM howdah.schedule")


def what_was_planned_before_it_was_fired_is_not_fired(stage: Stage) -> None:
    """Not even ticks that nobody has fired: whoever moved the schedule has decided on them."""
    _schedule(stage.desk)
    _fire(stage.desk)

    assert (0, 0) == _fire(stage.desk, TICK + 1)


def what_was_planned_before_an_edit_is_not_fired(stage: Stage) -> None:
    _schedule(stage.desk)
    stage.desk.sql("UPDATE howdah.schedule SET revision = 2")

    assert (0, 0) == _fire(stage.desk, revision=1)


def a_paused_schedule_is_not_fired(stage: Stage) -> None:
    _schedule(stage.desk)
    stage.desk.sql("UPDATE howdah.schedule SET paused_at = howdah.now()")

    assert (0, 0) == _fire(stage.desk)


def a_schedule_that_another_is_firing_is_left_to_it(stage: Stage) -> None:
    _schedule(stage.desk)

    with stage.meanwhile() as other:
        assert (1, 0) == _fire(other)
        with without_waiting(stage.desk):
            assert (0, 0) == _fire(stage.desk)


def _made_again(desk: Desk, *, overlap: str) -> None:
    _schedule(desk, overlap=overlap)
    _fire(desk)
    desk.sql("DELETE FROM howdah.schedule")
    _schedule(desk, overlap=overlap)

    assert (0, 0) == _fire(desk)
    assert 1 == desk.value("SELECT count(*) FROM howdah.job")


def a_schedule_that_is_made_again_does_not_fire_a_tick_again(stage: Stage) -> None:
    _made_again(stage.desk, overlap="allow")


def one_without_overlaps_that_is_made_again_does_not_fire_a_tick_again(stage: Stage) -> None:
    _made_again(stage.desk, overlap="skip")


def a_tick_is_skipped_while_the_last_job_lives_where_nothing_may_overlap(stage: Stage) -> None:
    _schedule(stage.desk, overlap="skip")

    assert (1, 1) == _fire(stage.desk, TICK, TICK + 1)


def a_late_tick_is_skipped_while_the_last_job_lives_where_nothing_may_overlap(stage: Stage) -> None:
    _schedule(stage.desk, overlap="skip")
    _fire(stage.desk)

    assert (0, 1) == _fire(stage.desk, NEXT, expected=NEXT)


def all_ticks_that_are_due_are_sent(stage: Stage) -> None:
    _schedule(stage.desk)

    assert (2, 0) == _fire(stage.desk, TICK, TICK + 1)


def a_job_takes_the_key_that_its_schedule_says(stage: Stage) -> None:
    _schedule(stage.desk, options='{"key": "k"}')
    _fire(stage.desk)

    assert "k" == stage.desk.value("SELECT key FROM howdah.job")


def a_job_follows_the_policy_that_the_code_says_of_its_queue(stage: Stage) -> None:
    _schedule(stage.desk, options='{"defaults": {"policy": "singleton"}}')
    _fire(stage.desk)

    assert "singleton" == stage.desk.value("SELECT policy FROM howdah.job")


def a_job_follows_the_policy_that_an_operator_says_of_its_queue(stage: Stage) -> None:
    stage.desk.sql("SELECT howdah.put_queue('q', '{\"policy\": \"singleton\"}')")
    _schedule(stage.desk)
    _fire(stage.desk)

    assert "singleton" == stage.desk.value("SELECT policy FROM howdah.job")


def a_job_of_a_paused_task_is_held(stage: Stage) -> None:
    stage.desk.sql("INSERT INTO howdah.pause (kind, name) VALUES ('task', 't')")
    _schedule(stage.desk)
    _fire(stage.desk)

    assert "task" == stage.desk.value("SELECT held FROM howdah.job")


def what_cannot_be_sent_is_refused(stage: Stage) -> None:
    _schedule(stage.desk, options='{"expire_in": 0}')

    with pytest.raises(psycopg.Error, match="option expire_in is 0"):
        _fire(stage.desk)


def _has_the_tick(desk: Desk) -> None:
    assert TICK == desk.value("SELECT extract(epoch FROM scheduled_for)::int8 FROM howdah.job")


def a_job_has_the_tick_for_which_it_was_sent(stage: Stage) -> None:
    _schedule(stage.desk)
    _fire(stage.desk)

    _has_the_tick(stage.desk)


def a_job_that_is_sent_by_itself_has_its_tick(stage: Stage) -> None:
    _schedule(stage.desk, overlap="skip")
    _fire(stage.desk)

    _has_the_tick(stage.desk)


def a_job_that_is_retried_by_hand_has_its_tick(stage: Stage) -> None:
    _schedule(stage.desk)
    _fire(stage.desk)
    stage.desk.finish(*stage.desk.claim())
    stage.desk.sql("SELECT howdah.retry(a.id) FROM howdah.archive AS a")

    _has_the_tick(stage.desk)


FIRE = "functions/13_schedule"

GUARDS = [
    Guard(
        FIRE,
        "AND s.next_at = a.expected",
        "",
        what_was_planned_before_it_was_fired_is_not_fired,
    ),
    Guard(
        FIRE,
        "WHERE s.revision = a.revision\n          AND",
        "WHERE",
        what_was_planned_before_an_edit_is_not_fired,
    ),
    Guard(FIRE, "AND s.paused_at IS NULL", "", a_paused_schedule_is_not_fired),
    Guard(
        FIRE,
        "FOR UPDATE SKIP LOCKED",
        "FOR UPDATE",
        a_schedule_that_another_is_firing_is_left_to_it,
    ),
    Guard(
        FIRE,
        "CONTINUE WHEN NOT FOUND;",
        "",
        one_without_overlaps_that_is_made_again_does_not_fire_a_tick_again,
    ),
    Guard(
        FIRE,
        "v.overlap = 'allow' OR NOT",
        "true OR NOT",
        a_tick_is_skipped_while_the_last_job_lives_where_nothing_may_overlap,
    ),
    Guard(
        FIRE,
        "SET next_at     = to_timestamp(v.next),\n            last_tick",
        "SET last_tick",
        a_fired_schedule_moves_on_also_where_nothing_may_overlap,
    ),
    Guard(
        FIRE,
        "SET next_at     = to_timestamp(d.next),\n            last_tick",
        "SET last_tick",
        a_fired_schedule_moves_on,
    ),
    Guard(
        FIRE,
        "JOIN ticked AS t ON t.job_id = d.job_id\n        RETURNING",
        "LEFT JOIN ticked AS t ON t.job_id = d.job_id\n        RETURNING",
        a_schedule_that_is_made_again_does_not_fire_a_tick_again,
    ),
    Guard(
        FIRE,
        "s.overlap = 'allow' AND cardinality",
        "cardinality",
        a_late_tick_is_skipped_while_the_last_job_lives_where_nothing_may_overlap,
    ),
    Guard(FIRE, "AND cardinality(a.ticks) = 1", "", all_ticks_that_are_due_are_sent),
    Guard(
        FIRE,
        "OR p_options - v_simple - 'defaults' <> '{}' THEN",
        "THEN",
        a_job_takes_the_key_that_its_schedule_says,
    ),
    Guard(
        FIRE,
        "coalesce(p_options -> 'defaults', '{}') - v_simple = '{}'\n       AND ",
        "",
        a_job_follows_the_policy_that_the_code_says_of_its_queue,
    ),
    Guard(
        FIRE,
        "AND coalesce(p_override, '{}') - v_simple = '{}'",
        "",
        a_job_follows_the_policy_that_an_operator_says_of_its_queue,
    ),
    Guard(
        FIRE,
        "NOT EXISTS (SELECT FROM howdah.pause AS p WHERE p.kind = 'task' AND p.name = p_task)",
        "true",
        a_job_of_a_paused_task_is_held,
    ),
    Guard(
        FIRE, "PERFORM howdah.check_options(p_options);", "NULL;", what_cannot_be_sent_is_refused
    ),
    Guard(
        FIRE,
        "d.dead_letter, d.tick",
        "d.dead_letter, NULL",
        a_job_has_the_tick_for_which_it_was_sent,
    ),
    Guard(
        FIRE,
        "'scheduled_for', v_tick",
        "'scheduled_for', NULL",
        a_job_that_is_sent_by_itself_has_its_tick,
    ),
    Guard(
        "functions/05_finish",
        "g.sending, g.scheduled_for",
        "g.sending, NULL",
        a_job_that_is_retried_by_hand_has_its_tick,
    ),
    Guard(
        "functions/08_retry",
        "b.scheduled_for,",
        "NULL,",
        a_job_that_is_retried_by_hand_has_its_tick,
    ),
]
