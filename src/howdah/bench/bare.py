"""The bare driver at the worker's work: claim, then archive, one after the other, nothing between.

The same two functions of the database, through psycopg on one blocking connection, with hints kept
from claim to claim as the worker keeps them. This is what a worker's speed is held against.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import psycopg

from howdah._db import faults, session, wire
from howdah._db import worker as workers
from howdah._db.query import Row
from howdah.bench import queries
from howdah.bench.ground import Ground
from howdah.errors import HowdahError

BATCH = 500
NAME = "howdah bare"
# It does not beat, so its lease must outlast any benchmark.
LEASE = 86_400.0


class BareWorker:
    """One connection that claims and archives."""

    def __init__(
        self, connection: psycopg.Connection[Any], schema: str, *, queue: str, worker_id: int
    ) -> None:
        self._connection = connection
        self._claim = queries.text("job/claim", schema)
        self._finish = queries.text("job/finish", schema)
        self._queue = queue
        self._worker_id = worker_id
        self._hints: dict[int, str] = {}

    def claim(self, limit: int) -> list[Row]:
        """Claim so many jobs."""
        params = {
            "queues": self._queue,
            "limit": limit,
            "worker_id": self._worker_id,
            "hints": wire.RS.join(self._hints.values()) or None,
            "served": None,
            "lowest": None,
            "highest": None,
        }
        rows = self._connection.execute(self._claim, params, prepare=True).fetchall()
        jobs = []
        for row in rows:
            if row[0] is None:
                self._hints[row[6]] = row[12]
            else:
                jobs.append(row)
        return jobs

    def archive(self, jobs: Sequence[Row]) -> None:
        """Complete claimed jobs without a result."""
        empty = wire.RS * (len(jobs) - 1)
        params = {
            "ids": "{" + ",".join([job[0] for job in jobs]) + "}",
            "fences": wire.array([job[1] for job in jobs]),
            "states": ",".join(["completed"] * len(jobs)),
            "results": empty,
            "errors": empty,
        }
        self._connection.execute(self._finish, params, prepare=True).fetchall()

    def drain(self, n: int) -> float:
        """Claim and archive so many jobs. Returns the seconds it took."""
        began = time.perf_counter()
        done = 0
        while done < n:
            jobs = self.claim(BATCH)
            if not jobs:
                raise HowdahError(f"the bare loop found {done} of {n} jobs")
            self.archive(jobs)
            done += len(jobs)
        return time.perf_counter() - began


@asynccontextmanager
async def bare_worker(ground: Ground, queue: str) -> AsyncIterator[BareWorker]:
    """A bare worker on a connection of its own."""
    worker_id = await ground.ask(
        workers.register(
            lease=LEASE,
            pid=os.getpid(),
            host="bench",
            concurrency=1,
            queues=[queue],
            version="bare",
        )
    )
    connection = await asyncio.to_thread(_connect, ground)
    try:
        yield BareWorker(connection, ground.schema, queue=queue, worker_id=worker_id)
    finally:
        connection.close()


def _connect(ground: Ground) -> psycopg.Connection[Any]:
    with faults.translated(ground.schema):
        return psycopg.connect(ground.url, **session.options(NAME))
