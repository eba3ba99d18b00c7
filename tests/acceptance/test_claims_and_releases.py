"""A worker is released while its last claim is on the way."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from tests.acceptance.harness import Station, until

CLAIM = "SELECT id FROM howdah.claim('{default}', 10, %s, NULL) AS c WHERE id IS NOT NULL"
RELEASE = "SELECT howdah.release(%s, '{}', 3)"


def register(station: Station) -> int:
    ((worker,),) = station.sql(
        "INSERT INTO howdah.worker (lease, pid, host, concurrency, queues, version)"
        " VALUES ('1 hour', 1, 'here', 1, '{default}', '0') RETURNING id"
    )
    return int(worker)


def test_a_release_waits_for_a_claim_under_way_and_gives_it_back(station: Station) -> None:
    worker = register(station)
    job = station.send("tick", n=1)
    with station.connect() as claiming, psycopg.connect(station.url) as releasing:
        claimed = station.sql_on(claiming, CLAIM, worker)
        pid = releasing.info.backend_pid

        releasing.autocommit = True
        finished = begin(station, releasing, RELEASE, worker)
        until(lambda: is_waiting(station, pid), what="the release does not wait")
        claiming.commit()
        finished()

    assert [(str(job),)] == claimed
    assert ("retry", 0, None) == tuple(
        station.job(job)[name] for name in ("state", "attempt", "worker_id")
    )


def test_a_claim_that_crosses_the_release_of_its_worker_claims_nothing(station: Station) -> None:
    worker = register(station)
    job = station.send("tick", n=1)
    with station.connect() as releasing, psycopg.connect(station.url) as claiming:
        station.sql_on(releasing, RELEASE, worker)
        pid = claiming.info.backend_pid

        claiming.autocommit = True
        finished = begin(station, claiming, CLAIM, worker)
        until(lambda: is_waiting(station, pid), what="the claim does not wait")
        releasing.commit()
        with pytest.raises(psycopg.Error, match="cannot claim"):
            finished()

    assert ("created", 0) == (station.state(job), station.job(job)["fence"])


def begin(
    station: Station, connection: psycopg.Connection[Any], text: str, worker: int
) -> Callable[[], Any]:
    """Run a statement in a thread, and return what waits for its end."""
    pool = ThreadPoolExecutor(1)
    future = pool.submit(station.sql_on, connection, text, worker)
    pool.shutdown(wait=False)
    return lambda: future.result(30)


def is_waiting(station: Station, pid: int) -> bool:
    """Whether a backend waits for a lock."""
    return station.sql("SELECT cardinality(pg_blocking_pids(%s)) > 0", pid) == [(True,)]
