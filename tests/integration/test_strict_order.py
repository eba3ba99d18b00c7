"""The order of strict and stately queues: that of the sends, whatever the ids say."""

from __future__ import annotations

import json
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from howdah._db import job as jobs
from howdah._db import queue as queues
from howdah._model.outcome import Verdict
from tests.integration.desk import Claim, Desk
from tests.integration.touched import touched_by

# Ids of a sender's own, in the order opposite to that in which they are used.
FALLING = [UUID(f"{digit * 8}-0000-4000-8000-000000000000") for digit in "fc840"]
LINES = 20_000


def known(desk: Desk, policy: str = "key_strict_fifo") -> None:
    desk.run(queues.put("q", {"policy": policy}))


def ran(desk: Desk, worker: int | None = None) -> list[str]:
    """Run all that can be claimed, one after the other, and return the ids in that order."""
    order: list[str] = []
    while claims := desk.claim(worker, limit=50):
        order += [claim.id for claim in claims]
        desk.finish(*claims)
    return order


def texts(ids: list[UUID]) -> list[str]:
    return [str(one) for one in ids]


def test_ids_of_a_senders_own_do_not_change_the_order(desk: Desk) -> None:
    known(desk)
    for one in FALLING:
        desk.send(key="a", id=one)

    assert texts(FALLING) == ran(desk)


def test_jobs_of_one_transaction_run_in_the_order_of_its_sends(desk: Desk) -> None:
    known(desk)
    with desk.transaction():
        for one in FALLING:
            desk.send(key="a", id=one)

    assert texts(FALLING) == ran(desk)


def test_a_sender_whose_clock_is_behind_comes_after_those_before_it(desk: Desk) -> None:
    known(desk)
    first = desk.send(key="a")
    behind = {"id": str(UUID(int=7 << 76)), "new_id": True, "key": "a"}
    second = desk.run(jobs.send(queue="q", task="t", args="{}", options=json.dumps(behind))).id

    assert texts([first, second]) == ran(desk)


def test_a_job_that_is_retried_by_hand_has_its_old_turn(desk: Desk) -> None:
    known(desk)
    for one in FALLING:
        desk.send(key="a", id=one)
    (first,) = desk.claim()
    desk.finish(first, verdict=Verdict.FAILED)
    desk.run(jobs.retry(FALLING[0]))

    assert texts(FALLING) == ran(desk)


def test_a_dead_letter_that_goes_back_has_the_turn_of_its_job(desk: Desk) -> None:
    known(desk)
    desk.send(key="a", dead_letter="dead", id=FALLING[0])
    desk.send(key="a", id=FALLING[1])
    desk.finish(*desk.claim(), verdict=Verdict.FAILED)
    assert [] == desk.claim()
    letter = desk.value("SELECT id FROM howdah.job WHERE queue = 'dead'")

    desk.sql("SELECT howdah.redrive('dead')")

    assert texts([letter, FALLING[1]]) == ran(desk)


def test_a_dead_letter_that_goes_elsewhere_leaves_the_key_blocked(desk: Desk) -> None:
    known(desk)
    desk.send(key="a", dead_letter="dead")
    desk.finish(*desk.claim(), verdict=Verdict.FAILED)

    desk.sql("SELECT howdah.redrive('dead', 10, 'elsewhere')")

    assert 1 == len(desk.run(queues.blocked_keys("q")))


def test_a_stately_retry_by_hand_comes_before_what_was_sent_later(desk: Desk) -> None:
    known(desk, "stately")
    desk.send(key="a", id=FALLING[0])
    desk.finish(*desk.claim(), verdict=Verdict.FAILED)
    desk.send(key="a", id=FALLING[1])

    desk.run(jobs.retry(FALLING[0]))

    assert texts(FALLING[:2]) == ran(desk)


def test_what_was_archived_before_sends_were_numbered_comes_back_as_the_first(desk: Desk) -> None:
    known(desk)
    first, second = desk.send(key="a"), desk.send(key="a")
    desk.finish(*desk.claim(), verdict=Verdict.FAILED)
    desk.sql("UPDATE howdah.archive SET sending = NULL")

    desk.run(jobs.retry(first))

    assert texts([first, second]) == ran(desk)


@pytest.mark.parametrize("is_counted", [False, True], ids=["nobody counted", "counted"])
def test_the_head_of_a_very_long_line_is_one_look(desk: Desk, *, is_counted: bool) -> None:
    known(desk)
    desk.sql("ALTER TABLE howdah.job SET (autovacuum_enabled = false)")
    desk.sql("INSERT INTO howdah.lane (queue, priority, lined) VALUES ('q', 0, true)")
    desk.sql(
        "INSERT INTO howdah.job (id, queue, task, args, ready_xid, line, key, policy, sending)"
        " SELECT pg_catalog.gen_random_uuid(), 'q', 't', '{}', howdah.turn(),"
        " 'a', 'a', 'key_strict_fifo', n FROM pg_catalog.generate_series(1, %s) AS n",
        LINES,
    )
    desk.sql("INSERT INTO howdah.line (queue, priority, line) VALUES ('q', 0, 'a')")
    if is_counted:
        desk.sql("ANALYZE howdah.job")
    worker = desk.worker()
    desk.finish(*desk.claim(worker))
    done: list[Claim] = []

    touched = touched_by(desk, lambda: done.extend(desk.claim(worker, limit=20)))

    (claim,) = done
    assert 2 == desk.row(claim.id)["sending"]
    assert (touched.scans, True) == (0, touched.entries <= 60)


def test_senders_at_once_do_not_wait_for_each_other(
    desk: Desk, open_desk: Callable[[], Desk]
) -> None:
    known(desk)
    other = open_desk()
    with other.transaction():
        late = other.send(key="a", id=uuid4())
        soon = desk.send(key="a", id=uuid4())
        (running,) = desk.claim()
        assert str(soon) == running.id

    assert [] == desk.claim()
    desk.finish(running)
    assert [str(late)] == ran(desk)


def test_whoever_asks_why_is_told_of_the_one_that_was_sent_before(desk: Desk) -> None:
    known(desk)
    for one in FALLING[:2]:
        desk.send(key="a", id=one)
    asked = "SELECT id, facts ->> 'job' FROM howdah.why(%s::uuid[]) WHERE kind = 'policy'"
    explained = "SELECT facts ->> 'job' FROM howdah.explain(%s) WHERE kind = 'policy'"

    assert [(FALLING[1], str(FALLING[0]))] == desk.sql(asked, FALLING[:2])
    assert [(str(FALLING[0]),)] == desk.sql(explained, FALLING[1])
