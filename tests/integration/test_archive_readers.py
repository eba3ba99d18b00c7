"""Moving rows out of the default partition, under the eyes of a reader."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg

from howdah import Howdah
from howdah._db.statements import quote_name
from tests.acceptance.harness import until

WAITING = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock')"


async def test_a_reader_finds_a_job_that_is_being_moved_into_its_day(
    app: Howdah, sql: Callable[..., list[tuple]], database_url: str, schema: str
) -> None:
    @app.task
    async def job() -> None: ...

    sent = await job.send()
    await sent.cancel()
    ours = f"{quote_name(schema)}."
    look = f"SELECT count(*) FROM {ours}jobs WHERE id = '{sent.id}'".encode()
    with (
        psycopg.connect(database_url) as mover,
        psycopg.connect(database_url, autocommit=True) as reader,
        ThreadPoolExecutor() as threads,
    ):
        mover.execute(f"SELECT {ours}make_partitions(0)".encode())
        looking = threads.submit(lambda: reader.execute(look).fetchone())
        until(lambda: sql(WAITING, reader.info.backend_pid)[0][0])

        mover.commit()

        assert (1,) == looking.result(30)
