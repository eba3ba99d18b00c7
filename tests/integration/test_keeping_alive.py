"""The threads that beat and keep house go on, whatever they meet."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from howdah._db import fleet
from howdah._db import worker as workers
from howdah._db.query import Query
from howdah._model.signals import PassFailed, Signals
from howdah._worker.blocking_link import BlockingLink
from howdah._worker.heartbeat import Heartbeat
from howdah._worker.housekeeping import Housekeeper
from howdah._worker.settings import WorkerSettings
from howdah.errors import ConfigError, DatabaseError
from tests.acceptance.proxy import Proxy

DEADLINE = 1.0
# It would wait for half a minute for an answer.
AT_ONCE = 10
PATIENCE = 20


class Unlucky(BlockingLink):
    """A link that meets what nobody expects, and then works."""

    unlucky = 1

    def run(self, query: Query[Any], *, deadline: float | None = None) -> Any:
        if self.unlucky:
            self.unlucky -= 1
            raise ConfigError("the role's default isolation was changed")
        return super().run(query, deadline=deadline)


@pytest.fixture
def signals() -> Signals:
    """A board."""
    return Signals()


@pytest.fixture
def failed(signals: Signals) -> list[str]:
    """The names of passes that failed."""
    names: list[str] = []
    signals.on(PassFailed, lambda signal: names.append(signal.name))
    return names


def registered(lease: float) -> Query[int]:
    """A worker."""
    return workers.register(
        lease=lease, pid=1, host="here", concurrency=1, queues=["q"], version="0"
    )


def within(seconds: float, fact: Callable[[], object]) -> bool:
    """Whether a fact comes true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if fact():
            return True
        time.sleep(0.01)
    return False


def test_the_heart_beats_on_after_an_error_that_is_not_the_databases(
    database_url: str, schema: str, signals: Signals, failed: list[str], sql: Callable[..., Any]
) -> None:
    link = Unlucky(database_url, schema, role="beat", signals=signals)
    heartbeat = Heartbeat(link, signals, lease=1.0)
    worker = BlockingLink(database_url, schema, role="x", signals=signals).run(registered(1.0))
    heartbeat.add(worker, pid=os.getpid())

    heartbeat.start()
    has_beaten = within(
        PATIENCE, lambda: sql("SELECT 1 FROM howdah.worker AS w WHERE beat_at > started_at")
    )
    heartbeat.stop()

    assert has_beaten
    assert ["beat"] == failed


def test_the_house_is_kept_after_an_error_that_is_not_howdahs(
    database_url: str, schema: str, signals: Signals, failed: list[str]
) -> None:
    class Broken(Unlucky):
        def run(self, query: Query[Any], *, deadline: float | None = None) -> Any:
            if self.unlucky:
                self.unlucky -= 1
                raise RuntimeError("nobody expects this")
            return super().run(query, deadline=deadline)

    swept = threading.Event()

    class Watched(Broken):
        def run(self, query: Query[Any], *, deadline: float | None = None) -> Any:
            answer = super().run(query, deadline=deadline)
            if query.statement == "worker/sweep":
                swept.set()
            return answer

    link = Watched(database_url, schema, role="keep house", signals=signals)
    housekeeper = Housekeeper(link, WorkerSettings(), signals)

    housekeeper.start()
    is_kept = swept.wait(PATIENCE)
    housekeeper.stop()

    assert is_kept
    assert ["deadline"] == failed


def test_a_blocking_link_waits_no_longer_than_its_deadline_and_heals(
    proxy: Proxy, schema: str, signals: Signals
) -> None:
    link = BlockingLink(proxy.url, schema, role="beat", signals=signals, deadline=DEADLINE)
    link.run(fleet.workers())

    proxy.freeze()
    began = time.monotonic()
    # The first finds its connection silent, the second can open no other.
    for _ in range(2):
        with pytest.raises(DatabaseError, match="no answer to worker/list"):
            link.run(fleet.workers())
    took = time.monotonic() - began
    proxy.thaw()

    assert took < 6 * DEADLINE
    assert within(PATIENCE, lambda: answers(link))
    link.close()


def answers(link: BlockingLink) -> bool:
    """Whether a link works."""
    try:
        return [] == link.run(fleet.workers())
    except DatabaseError:
        return False


def test_a_thread_that_gets_no_answer_does_not_keep_its_process(
    proxy: Proxy, schema: str, signals: Signals
) -> None:
    link = BlockingLink(proxy.url, schema, role="keep house", signals=signals)
    housekeeper = Housekeeper(link, WorkerSettings(), signals)
    link.run(fleet.workers())
    proxy.freeze()

    housekeeper.start()
    began = time.monotonic()
    housekeeper.stop()

    assert time.monotonic() - began < AT_ONCE
