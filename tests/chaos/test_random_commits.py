"""Producers commit out of order and roll back; claimers do as well; nothing is lost or doubled."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import psycopg
import pytest

from tests.acceptance.harness import Station

QUEUES = ("mail", "default")


def test_every_committed_job_is_claimed_once(station: Station, seed: int) -> None:
    claimed, sent = muddle(station, seed, rounds=40)

    assert_once(claimed, sent)


@pytest.mark.chaos
def test_every_committed_job_is_claimed_once_in_a_long_run(station: Station, seed: int) -> None:
    claimed, sent = muddle(station, seed, rounds=800)

    assert_once(claimed, sent)


def muddle(station: Station, seed: int, *, rounds: int) -> tuple[list[tuple[UUID, int]], set[UUID]]:
    """Five producers and three claimers; what was claimed and committed, and what was sent."""
    done = threading.Event()
    with ThreadPoolExecutor(8) as pool:
        producing = [
            pool.submit(produce, station, random.Random(seed + at), rounds) for at in range(5)
        ]
        claiming = [
            pool.submit(claim, station, random.Random(seed - 1 - at), done) for at in range(3)
        ]
        sent = {job for future in producing for job in future.result()}
        done.set()
        claimed = [entry for future in claiming for entry in future.result()]
    print(f"seed {seed}: {len(sent)} jobs committed, {len(claimed)} claims")
    return claimed, sent


def produce(station: Station, dice: random.Random, rounds: int) -> set[UUID]:
    """Send in transactions that stay open for up to a second, with savepoints and rollbacks."""
    sent: set[UUID] = set()
    with station.connect() as connection:
        for _ in range(rounds):
            jobs: list[UUID] = []
            for _ in range(dice.randint(1, 6)):
                undone = dice.random() < 0.2
                station.sql_on(connection, "SAVEPOINT s")
                job = station.send(
                    "tick",
                    n=1,
                    queue=dice.choice(QUEUES),
                    options={"priority": dice.choice([0, 0, 5])},
                    conn=connection,
                )
                if undone:
                    station.sql_on(connection, "ROLLBACK TO SAVEPOINT s")
                else:
                    jobs.append(job)
                if dice.random() < 0.5:
                    station.sql_on(connection, "RELEASE SAVEPOINT s")
            time.sleep(dice.choice([0, 0, 0.01, 0.05, 0.3, 1.0]) * dice.random())
            if dice.random() < 0.15:
                connection.rollback()
            else:
                connection.commit()
                sent.update(jobs)
    return sent


def claim(station: Station, dice: random.Random, done: threading.Event) -> list[tuple[UUID, int]]:
    """Claim with hints, undo some claims, and go on until a while after the last send."""
    ((worker,),) = station_sql(station, REGISTER)
    hints: dict[tuple[str, int], str] = {}
    claimed: list[tuple[UUID, int]] = []
    empty = 0
    with station.connect() as connection:
        while empty < 3:
            queues = list(QUEUES)
            dice.shuffle(queues)
            last = done.is_set()
            rows = station.sql_on(
                connection,
                "SELECT c.id, c.attempt, c.queue, c.priority, c.hint"
                " FROM howdah.claim(%s, %s, %s, %s) AS c",
                queues,
                dice.randint(1, 8),
                worker,
                "\x1e".join(hints.values()) or None,
            )
            found = [(UUID(row[0]), row[1]) for row in rows if row[0] is not None]
            if dice.random() < 0.2:
                connection.rollback()
            else:
                connection.commit()
                claimed += found
            # The hint of a claim that was undone is as good as any.
            if dice.random() < 0.8:
                hints.update({(row[2], row[3]): row[4] for row in rows if row[0] is None})
            empty = empty + 1 if last and not found else 0
            time.sleep(dice.choice([0, 0.002, 0.02]) * dice.random())
    return claimed


REGISTER = (
    "INSERT INTO howdah.worker (lease, pid, host, concurrency, queues, version)"
    " VALUES ('1 hour', 1, 'here', 1, '{default}', '0') RETURNING id"
)


def station_sql(station: Station, text: str) -> list[tuple[int]]:
    """Run SQL on a connection of this thread's own."""
    with psycopg.connect(station.url, autocommit=True) as connection:
        return [(int(row[0]),) for row in station.sql_on(connection, text)]


def assert_once(claimed: list[tuple[UUID, int]], sent: set[UUID]) -> None:
    """Each committed job was claimed, by one claim, at its first attempt."""
    assert sent == {job for job, _ in claimed}
    assert [] == [job for job, times in Counter(job for job, _ in claimed).items() if times > 1]
    assert {1} == {attempt for _, attempt in claimed}
