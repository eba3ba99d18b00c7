"""Parents and children whose sessions meet, and whole flows whose jobs end as chance has it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from howdah._db import flow as flows
from howdah._db import job as jobs
from howdah._db.query import Query
from howdah._model.identity import uuid7s
from howdah._model.outcome import Verdict
from howdah.errors import DatabaseError
from tests.integration.desk import Desk, wait_until_blocked
from tests.integration.kin import family
from tests.integration.promises.stage import LOCK_NOT_AVAILABLE

Open = Callable[[], Desk]


def test_parents_that_end_at_once_free_their_child(desk: Desk, open_desk: Open) -> None:
    child, (first, second) = family(desk, 2)
    other, watcher = open_desk(), open_desk()

    with desk.transaction():
        desk.run(jobs.complete(first.id, first.fence, None))
        ending = other.start(jobs.complete(second.id, second.fence, None))
        wait_until_blocked(watcher, other, ending)
    ending.result()

    assert [child] == [claim.id for claim in desk.claim()]


def test_a_parent_that_ends_while_its_child_is_sent_frees_it(desk: Desk, open_desk: Open) -> None:
    desk.send()
    (parent,) = desk.claim()
    (child,) = uuid7s(1)
    other = open_desk()
    text = flows.job_text(
        job_id=child, queue="q", task="t", args="{}", options="{}", after=[{"id": parent.id}]
    )
    with desk.transaction():
        desk.run(jobs.complete(parent.id, parent.fence, None))
        sending = other.start(flows.send_flow(uuid7s(1)[0], [text]))
        wait_until_blocked(open_desk(), other, sending)
    sending.result()

    assert [child] == [claim.id for claim in desk.claim()]


def test_a_child_that_runs_is_not_cancelled_by_a_parent(desk: Desk, open_desk: Open) -> None:
    child, (parent,) = family(desk, 1, on_failure="cancel")
    desk.finish(parent)
    (running,) = desk.claim()
    desk.run(jobs.retry(parent.job_id))
    (again,) = desk.claim()
    desk.finish(again, verdict=Verdict.FAILED)

    assert "active" == desk.state(child)
    assert 1 == desk.finish(running)


def test_results_are_put_where_they_belong(desk: Desk, open_desk: Open) -> None:
    a, b, c = uuid7s(3)
    texts = [
        flows.job_text(job_id=one, queue="q", task="t", args="{}", options="{}", after=[])
        for one in (a, b)
    ]
    args = {"all": [[f"result of {b}"], [f"result of {a}", f"result of {a}"]], "x": "result of"}
    texts.append(
        flows.job_text(
            job_id=c,
            queue="q",
            task="t",
            args=json.dumps(args),
            options="{}",
            after=[{"id": one, "fills": ["all"]} for one in (a, b)],
        )
    )
    desk.run(flows.send_flow(uuid7s(1)[0], texts))
    for claim in desk.claim(limit=2):
        desk.run(jobs.complete(claim.id, claim.fence, json.dumps({a: 1, b: 2}[claim.id])))

    assert {"all": [[2], [1, 1]], "x": "result of"} == desk.row(c)["args"]


class Cast:
    """A random flow: who waits for whom, and how each ends."""

    def __init__(self, chance: random.Random, size: int) -> None:
        self.ids = uuid7s(size)
        self.parents: dict[str, list[str]] = {}
        self.words: dict[str, str] = {}
        for at, job_id in enumerate(self.ids):
            count = min(at, chance.choice([0, 1, 1, 2, 3]))
            self.parents[job_id] = chance.sample(self.ids[:at], count)
            self.words[job_id] = chance.choice(["block", "cancel", "run"])
        self.fate = {one: chance.choice("cccccfr") for one in self.ids}

    def expected(self) -> dict[str, str]:
        """How each ends when all is over; None: it waits for ever."""
        ends: dict[str, str] = {}
        for one in self.ids:
            parents = [ends[parent] for parent in self.parents[one]]
            if all(end == "completed" for end in parents) or (
                self.words[one] == "run" and "blocked" not in parents
            ):
                ends[one] = "failed" if self.fate[one] == "f" else "completed"
            elif self.words[one] == "cancel" and {"failed", "cancelled"} & set(parents):
                ends[one] = "cancelled"
            else:
                ends[one] = "blocked"
        return ends

    def send(self, desk: Desk) -> None:
        """Store it, in several parts, some of whose parents may be over by then."""
        texts = {
            one: flows.job_text(
                job_id=one, queue="q", task="t", args="{}", options="{}",
                after=[{"id": p, "on_failure": self.words[one]} for p in self.parents[one]],
            )
            for one in self.ids
        }  # fmt: skip
        for at in range(0, len(self.ids), 7):
            desk.run(flows.send_flow(uuid7s(1)[0], [texts[i] for i in self.ids[at : at + 7]]))


def work(desk: Desk, cast: Cast, seed: int, started: dict[str, list[str]]) -> None:
    """Claim and end jobs until none is left to claim, several in one statement now and then."""
    chance = random.Random(seed)
    worker = desk.worker()
    retried: set[str] = set()
    idle = 0
    while idle < 20:
        claims = desk.claim(worker, limit=chance.randint(1, 4))
        idle = 0 if claims else idle + 1
        for claim in claims:
            live = desk.sql("SELECT id::text FROM howdah.job")
            waiting = {row[0] for row in live} & set(cast.parents[claim.id])
            started.setdefault(claim.id, []).extend(waiting)
        back = [c for c in claims if cast.fate[c.id] == "r" and c.id not in retried]
        retried |= {claim.id for claim in back}
        ended = sorted((c for c in claims if c not in back), key=lambda claim: claim.id)
        if back:
            tell(desk, jobs.put_back([claim.outcome(Verdict.RETRY) for claim in back]))
        if ended:
            outcomes = [
                c.outcome(Verdict.FAILED if cast.fate[c.id] == "f" else Verdict.COMPLETED)
                for c in ended
            ]
            tell(desk, jobs.finish(outcomes))


def tell(desk: Desk, query: Query[Any]) -> None:
    """Say what became of claims as a worker does, which gives way to whoever holds what it needs.

    Somebody who makes a parent of one job holds it and waits for another that is being ended.
    """
    while True:
        try:
            desk.run(query)
        except DatabaseError as error:
            if error.sqlstate != LOCK_NOT_AVAILABLE:
                raise
        else:
            return


@pytest.mark.parametrize("seed", range(6))
def test_every_job_of_a_random_flow_runs_once_its_parents_are_over_and_none_is_left(
    desk: Desk, open_desk: Open, seed: int
) -> None:
    cast = Cast(random.Random(seed), size=60)
    started: dict[str, list[str]] = {}
    desks = [open_desk() for _ in range(4)]
    with ThreadPoolExecutor(5) as threads:
        sending = threads.submit(cast.send, desk)
        works = [
            threads.submit(work, each, cast, seed * 10 + at, started)
            for at, each in enumerate(desks)
        ]
        for each in (sending, *works):
            each.result()
    work(desk, cast, seed, started)

    assert {} == {child: waiting for child, waiting in started.items() if waiting}
    found = {one: desk.state(one) for one in cast.ids}
    assert {
        one: "created" if end == "blocked" else end for one, end in cast.expected().items()
    } == found
