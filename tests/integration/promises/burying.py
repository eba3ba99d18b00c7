"""What is promised of the copies that failed jobs leave."""

from __future__ import annotations

from howdah._db import dead_letter
from howdah._db import queue as queues
from howdah._db.steps import walk
from howdah._model.outcome import Verdict
from tests.integration.desk import Desk
from tests.integration.promises.guard import Guard
from tests.integration.promises.stage import Stage, without_waiting


def _dead(desk: Desk, **options: str) -> None:
    desk.send(dead_letter="dead", **options)
    desk.finish(*desk.claim(), verdict=Verdict.FAILED)


def _redrive(desk: Desk, limit: int | None = None) -> tuple[int, int]:
    steps = dead_letter.redrive("dead", destination=None, limit=limit, progress=None)
    done = walk(steps, desk.run)
    return done.moved, done.kept


def _waiting(desk: Desk, queue: str) -> int:
    count: int = desk.value("SELECT count(*) FROM howdah.job WHERE queue = %s", queue)
    return count


def only_what_fails_leaves_a_copy(stage: Stage) -> None:
    for verdict in (Verdict.COMPLETED, Verdict.CANCELLED):
        stage.desk.send(dead_letter="dead")
        stage.desk.finish(*stage.desk.claim(), verdict=verdict)

    assert 0 == _waiting(stage.desk, "dead")


def a_dead_letter_gives_no_room_to_others(stage: Stage) -> None:
    stage.desk.run(queues.put("dead", {"max_waiting": 1, "on_full": "drop_oldest"}))
    _dead(stage.desk)

    stage.desk.send(queue="dead")

    assert 2 == _waiting(stage.desk, "dead")


def only_dead_letters_are_moved(stage: Stage) -> None:
    _dead(stage.desk)
    stage.desk.send(queue="dead")

    assert 1 == stage.desk.value("SELECT moved FROM howdah.redrive('dead')")
    assert 1 == _waiting(stage.desk, "dead")


def a_running_dead_letter_is_not_moved(stage: Stage) -> None:
    _dead(stage.desk)
    stage.desk.claim(queues=["dead"])

    stage.desk.sql("SELECT howdah.redrive('dead')")
    assert 1 == _waiting(stage.desk, "dead")


def dead_letters_of_other_queues_are_not_moved(stage: Stage) -> None:
    _dead(stage.desk)

    assert 0 == stage.desk.value("SELECT moved FROM howdah.redrive('other')")


def only_what_is_asked_for_is_moved(stage: Stage) -> None:
    _dead(stage.desk)

    for said in (
        'p_filter => \'{"key": "k"}\'',
        'p_filter => \'{"tags": "a"}\'',
        "p_ids => '{}'",
    ):
        assert 0 == stage.desk.value(f"SELECT moved FROM howdah.redrive('dead', {said})")


def a_dead_letter_that_cannot_be_moved_holds_up_no_other(stage: Stage) -> None:
    _dead(stage.desk, key="k")
    _dead(stage.desk)
    stage.desk.send(key="k")

    assert (1, 1) == _redrive(stage.desk)


def two_who_move_dead_letters_do_not_wait_for_each_other(stage: Stage) -> None:
    _dead(stage.desk)
    _dead(stage.desk)
    with stage.meanwhile() as other:
        _redrive(other, limit=1)

        with without_waiting(stage.desk):
            assert (1, 0) == _redrive(stage.desk)


DEAD = "functions/20_dead_letter"
GUARDS = [
    Guard(
        "functions/19_room",
        "              AND k.source IS NULL\n",
        "",
        a_dead_letter_gives_no_room_to_others,
    ),
    Guard(
        "functions/05_finish",
        " AND g.outcome = ANY ('{failed,expired}'))",
        ")",
        only_what_fails_leaves_a_copy,
    ),
    Guard(
        DEAD,
        "        format('v.queue = %L', p_queue),\n",
        "",
        dead_letters_of_other_queues_are_not_moved,
    ),
    Guard(
        DEAD,
        "        'v.id = ANY (' || quote_literal(p_ids) || '::uuid[])',\n",
        "",
        only_what_is_asked_for_is_moved,
    ),
    Guard(
        DEAD,
        "        'v.source ->> ''key'' = ' || quote_literal(f.own ->> 'key'),\n",
        "",
        only_what_is_asked_for_is_moved,
    ),
    Guard(
        DEAD,
        "        'v.source IS NOT NULL',\n",
        "",
        only_dead_letters_are_moved,
        error="null value",
    ),
    Guard(
        DEAD,
        "        'v.state IN (''created'', ''retry'')',\n",
        "",
        a_running_dead_letter_is_not_moved,
        error="job_owned|job_ready",
    ),
    Guard(
        DEAD,
        "        EXCEPTION WHEN unique_violation THEN\n            kept := kept + 1;\n",
        "",
        a_dead_letter_that_cannot_be_moved_holds_up_no_other,
        error="unique|duplicate|job_key",
    ),
    Guard(
        DEAD,
        "' FOR UPDATE SKIP LOCKED'",
        "' FOR UPDATE'",
        two_who_move_dead_letters_do_not_wait_for_each_other,
    ),
]
