"""What is promised of sends: each job once, by id and by key, and not before its time."""

from __future__ import annotations

import json
from uuid import UUID, uuid4

import pytest

from howdah._db import job as jobs
from howdah._db import many
from howdah._db.job import Receipt
from howdah.errors import PayloadValueError, UnknownOptionError, UsageError
from tests.integration.desk import Desk
from tests.integration.promises.guard import Guard
from tests.integration.promises.stage import Stage


def _send(desk: Desk, *, args: str = "{}", **options: object) -> Receipt:
    said = json.dumps(options)
    return desk.run(jobs.send(queue="q", task="t", args=args, options=said))


def _send_many(
    desk: Desk, ids: list[UUID], *, delay: float | None = None, priority: int = 0
) -> int:
    return desk.run(
        many.send_many(
            queue="q",
            task="t",
            ids=[str(one) for one in ids],
            args=["{}"] * len(ids),
            delay=delay,
            priority=priority,
        )
    )


def a_second_send_of_an_id_answers_with_the_first(stage: Stage) -> None:
    job_id = str(uuid4())

    receipts = [_send(stage.desk, id=job_id) for _ in range(2)]

    assert [Receipt(UUID(job_id), True), Receipt(UUID(job_id), False)] == receipts


def a_second_send_of_an_id_after_the_job_has_run_stores_nothing(stage: Stage) -> None:
    job_id = str(uuid4())
    _send(stage.desk, id=job_id)
    stage.desk.finish(*stage.desk.claim())

    assert Receipt(UUID(job_id), False) == _send(stage.desk, id=job_id)
    assert "completed" == stage.desk.state(job_id)


def a_second_send_of_an_id_is_answered_with_its_own_job_whoever_has_its_key(stage: Stage) -> None:
    job_id = str(uuid4())
    _send(stage.desk, id=job_id, key="k")
    stage.desk.finish(*stage.desk.claim())
    _send(stage.desk, key="k")

    assert Receipt(UUID(job_id), False) == _send(stage.desk, id=job_id, key="k")


def an_id_is_not_sent_from_where_the_archive_cannot_be_seen(stage: Stage) -> None:
    with stage.desk.transaction():
        stage.desk.sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        with pytest.raises(UsageError, match="with an id"), stage.desk.transaction():
            _send(stage.desk, id=str(uuid4()))


def one_live_job_of_a_task_holds_a_key(stage: Stage) -> None:
    first = _send(stage.desk, key="k")

    assert Receipt(first.id, False) == _send(stage.desk, key="k")


def a_job_is_not_claimed_before_its_time(stage: Stage) -> None:
    now = _send(stage.desk)
    _send(stage.desk, delay=60)
    _send_many(stage.desk, [uuid4()], delay=60)

    assert [str(now.id)] == [claim.id for claim in stage.desk.claim(limit=5)]


def a_job_without_a_delay_is_claimed_at_once(stage: Stage) -> None:
    _send(stage.desk)
    _send_many(stage.desk, [uuid4()])
    _send_many(stage.desk, [uuid4()], priority=1)

    assert 3 == len(stage.desk.claim(limit=5))


def arguments_that_are_no_object_are_refused(stage: Stage) -> None:
    for args in ("[]", "null", "1"):
        with pytest.raises(PayloadValueError):
            _send(stage.desk, args=args)


def an_option_that_does_not_exist_is_refused(stage: Stage) -> None:
    with pytest.raises(UnknownOptionError) as caught:
        _send(stage.desk, prioritee=1)

    assert "prioritee" == caught.value.option


SEND = "functions/03_send"

GUARDS = [
    Guard(
        SEND,
        "ON CONFLICT DO NOTHING",
        "",
        a_second_send_of_an_id_answers_with_the_first,
        error="duplicate key",
    ),
    Guard(
        SEND,
        "AND EXISTS (SELECT FROM howdah.archive AS a WHERE a.id = v_id)",
        "AND false",
        a_second_send_of_an_id_after_the_job_has_run_stores_nothing,
    ),
    Guard(
        "migrations/0005_windows",
        "CREATE UNIQUE INDEX job_key",
        "CREATE INDEX job_key",
        one_live_job_of_a_task_holds_a_key,
    ),
    Guard(
        SEND,
        "CASE WHEN v_ready THEN pg_current_xact_id() END",
        "pg_current_xact_id()",
        a_job_is_not_claimed_before_its_time,
    ),
    Guard(
        "job/send_many",
        "CASE WHEN coalesce(o.start_after <= howdah.now(), true) THEN howdah.turn() END",
        "howdah.turn()",
        a_job_is_not_claimed_before_its_time,
    ),
    Guard(
        SEND,
        "coalesce(v_start <= howdah.now(), true)",
        "v_start <= howdah.now()",
        a_job_without_a_delay_is_claimed_at_once,
    ),
    Guard(
        "job/send_many",
        "coalesce(o.start_after <= howdah.now(), true)",
        "o.start_after <= howdah.now()",
        a_job_without_a_delay_is_claimed_at_once,
    ),
    Guard(
        SEND,
        "IF jsonb_typeof(p_args) IS DISTINCT FROM 'object' THEN",
        "IF false THEN",
        arguments_that_are_no_object_are_refused,
    ),
    Guard(
        SEND,
        "PERFORM howdah.check_options(p_options);",
        "",
        an_option_that_does_not_exist_is_refused,
    ),
    Guard(
        SEND,
        "SELECT j.id INTO v_found FROM howdah.job AS j WHERE j.id = v_id;",
        "v_found := NULL;",
        a_second_send_of_an_id_answers_with_the_first,
        error="cannot see",
    ),
    Guard(
        SEND,
        "SELECT a.id INTO v_found FROM howdah.archive AS a WHERE a.id = v_id LIMIT 1;",
        "NULL;",
        a_second_send_of_an_id_is_answered_with_its_own_job_whoever_has_its_key,
    ),
    Guard(
        SEND,
        "AND current_setting('transaction_isolation') NOT IN",
        "AND false AND current_setting('transaction_isolation') NOT IN",
        an_id_is_not_sent_from_where_the_archive_cannot_be_seen,
    ),
]
