"""Where a benchmark runs: a schema of its own in a database, removed at the end in every case."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from uuid import UUID

import psycopg

from howdah._db import faults, session
from howdah._db.migrate import migrate
from howdah._db.query import Query
from howdah._db.runners.psycopg import AsyncPsycopgRunner
from howdah._model.database_url import checked_url
from howdah.bench import queries
from howdah.bench.tasks import BenchApp, make_app
from howdah.client import URL_VARIABLE

T = TypeVar("T")

# How often to look whether all is done. A look costs some 50 microseconds of the server.
LOOK_EVERY = 0.005


class Ground:
    """A schema made for one benchmark, an app on it, and a connection to look on from.

    Attributes:
        url: Where the database is.
        schema: The schema, which holds nothing but what the benchmark put there.
        tasks: The app on it and its tasks.
    """

    def __init__(self, url: str, schema: str, observer: psycopg.AsyncConnection[Any]) -> None:
        self.url = url
        self.schema = schema
        self.tasks: BenchApp = make_app(schema, url)
        self._observer = AsyncPsycopgRunner(observer, schema)

    async def ask(self, query: Query[T]) -> T:
        """Run a query on a connection that does nothing else."""
        return await self._observer.run(query)

    async def drained(self, first: UUID, last: UUID) -> None:
        """Return when no job of a batch is live any more.

        Args:
            first: The job with the lowest id.
            last: The one with the highest, which is claimed last. While it is there, nothing else
                is looked at: the table is full of dead rows by then, and a look at many of them
                would cost time that is being measured.
        """
        await self.until_not(queries.is_live(last))
        await self.until_not(queries.any_since(first))

    async def until_not(self, query: Query[bool]) -> None:
        """Return when the answer is no."""
        while True:
            if not await self.ask(query):
                return
            await asyncio.sleep(LOOK_EVERY)


@asynccontextmanager
async def database(url: str | None = None) -> AsyncIterator[str]:
    """The database at `url`, or in HOWDAH_DATABASE_URL, or the private Postgres of this folder.

    Raises:
        ConfigError: It is no URL of a Postgres.
        EmbeddedError: There is no other, and the private Postgres cannot be run.
    """
    if url := url or os.environ.get(URL_VARIABLE):
        yield checked_url(url)
        return
    from howdah.embedded import Cluster

    cluster = Cluster()
    url = await asyncio.to_thread(cluster.start)
    try:
        yield url
    finally:
        await asyncio.to_thread(cluster.release)


@asynccontextmanager
async def new_ground(url: str) -> AsyncIterator[Ground]:
    """Make a schema `howdah_bench_...`, and remove it at the end.

    A run that is killed cannot remove its own; the next one does it.

    Raises:
        DatabaseError: The database is unreachable, read-only, too old, or the role may not.
    """
    schema = f"howdah_bench_{secrets.token_hex(6)}"
    observer, _ = await session.connect(url, schema, name="howdah bench")
    try:
        ground = Ground(url, schema, observer)
        for name in await ground.ask(queries.abandoned()):
            await asyncio.to_thread(_drop, url, name)
        await ground.ask(queries.hold(schema))
        try:
            await asyncio.to_thread(migrate, url, schema=schema)
            yield ground
        finally:
            await ground.tasks.app.close()
            await asyncio.to_thread(_drop, url, schema)
    finally:
        await observer.close()


def _drop(url: str, schema: str) -> None:
    with faults.translated(schema), psycopg.connect(url, autocommit=True) as connection:
        connection.execute(queries.script("bench/drop", schema))
