"""What a claim may take from a queue with a policy: one of each line at once, whoever claims."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from howdah._db import job as jobs
from howdah._db import queue as queues
from howdah._db import quota as quotas
from howdah._model.outcome import Verdict
from tests.conftest import Clock
from tests.integration.desk import Claim, Desk

CLAIMERS = 16


def known(desk: Desk, policy: str) -> None:
    desk.run(queues.put("q", {"policy": policy}))


def claimed(desk: Desk, *, limit: int = 50) -> list[Claim]:
    return desk.claim(limit=limit)


def ids(claims: list[Claim]) -> list[str]:
    return [claim.id for claim in claims]


@pytest.mark.parametrize("policy", ["singleton", "key_strict_fifo"])
def test_one_of_each_key_runs_at_once(desk: Desk, policy: str) -> None:
    known(desk, policy)
    first, second = desk.send(key="a"), desk.send(key="a")
    other = desk.send(key="b")

    running = claimed(desk)

    assert {str(first), str(other)} == set(ids(running))
    assert [] == claimed(desk)
    desk.finish(*running)
    assert [str(second)] == ids(claimed(desk))


def test_without_a_key_one_of_the_queue_runs_at_once(desk: Desk) -> None:
    known(desk, "singleton")
    desk.send()
    desk.send()

    assert 1 == len(claimed(desk))


def test_a_stately_job_waits_while_another_waits_for_its_retry(desk: Desk, clock: Clock) -> None:
    known(desk, "stately")
    first = desk.send()
    (running,) = claimed(desk)
    second = desk.send()
    desk.put_back(running, delay=60)

    assert [] == claimed(desk)
    clock.advance(61)
    desk.run(jobs.promote(limit=10, within=None))
    (again,) = claimed(desk)
    assert str(first) == again.id
    desk.finish(again)
    assert [str(second)] == ids(claimed(desk))


def test_strict_order_waits_for_a_retry(desk: Desk, clock: Clock) -> None:
    known(desk, "key_strict_fifo")
    first, second = desk.send(key="a"), desk.send(key="a")
    (running,) = claimed(desk)
    desk.put_back(running, delay=60)

    assert [] == claimed(desk)
    clock.advance(61)
    desk.run(jobs.promote(limit=10, within=None))
    (again,) = claimed(desk)
    assert str(first) == again.id
    desk.finish(again)
    assert [str(second)] == ids(claimed(desk))


def test_strict_order_is_that_of_sending_whatever_the_priorities(desk: Desk) -> None:
    known(desk, "key_strict_fifo")
    sent = [str(desk.send(key="a", priority=number)) for number in (0, 9, 5)]

    got = []
    for _ in sent:
        (claim,) = claimed(desk)
        got.append(claim.id)
        desk.finish(claim)

    assert sent == got


def test_the_next_in_strict_order_keeps_to_its_own_limits(desk: Desk) -> None:
    known(desk, "key_strict_fifo")
    desk.run(quotas.register({"api": {"total": 1}}))
    options = '{"key": "a", "limits": ["api"]}'
    first = desk.value("SELECT howdah.send('q', 't', '{}', %s::text::jsonb)", options)
    (running,) = claimed(desk)
    desk.send(key="a")
    desk.put_back(running)

    desk.run(quotas.put("api", {"total": 0}))
    assert [] == claimed(desk)
    desk.run(quotas.put("api", {}))
    (again,) = claimed(desk)
    assert str(first) == again.id
    assert [(first, "api")] == desk.sql("SELECT job_id, name FROM howdah.slot")


def test_a_job_that_failed_blocks_its_key_until_it_is_retried(desk: Desk) -> None:
    known(desk, "key_strict_fifo")
    first, second = desk.send(key="a"), desk.send(key="a")
    other = desk.send(key="b")
    failed = next(claim for claim in claimed(desk) if claim.id == str(first))
    desk.finish(failed, verdict=Verdict.FAILED)

    assert str(other) not in ids(claimed(desk))
    assert [] == claimed(desk)
    desk.run(jobs.retry(first))
    (again,) = claimed(desk)
    assert str(first) == again.id
    desk.finish(again)
    assert [str(second)] == ids(claimed(desk))


@pytest.mark.parametrize("policy", ["singleton", "key_strict_fifo"])
def test_sixteen_claimers_never_run_two_of_a_key(
    desk: Desk, open_desk: Callable[[], Desk], policy: str
) -> None:
    known(desk, policy)
    sent: dict[str, list[str]] = {key: [] for key in "abcdef"}
    for number in range(120):
        key = "abcdef"[number % 6]
        sent[key].append(str(desk.send(key=key)))
    order: list[str] = []
    most: list[int] = []

    def work(own: Desk) -> None:
        worker, idle = own.worker(), 0
        chance = random.Random(worker)
        while idle < 400:
            claims = own.claim(worker, limit=chance.randint(1, 4))
            idle = 0 if claims else idle + 1
            if not claims and own.value("SELECT count(*) FROM howdah.job") == 0:
                return
            most.append(own.value(MOST))
            order.extend(claim.id for claim in claims)
            if claims:
                own.finish(*claims)

    with ThreadPoolExecutor(CLAIMERS) as threads:
        list(threads.map(work, [open_desk() for _ in range(CLAIMERS)]))

    assert 0 == desk.value("SELECT count(*) FROM howdah.job")
    assert 1 == max(most)
    for one in sent.values():
        assert one == [job for job in order if job in set(one)]


MOST = """
    SELECT coalesce(max(n), 0) FROM (
        SELECT count(*) AS n FROM howdah.job WHERE state = 'active' GROUP BY line) AS c
"""
