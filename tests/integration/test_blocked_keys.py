"""Keys of strict queues that failed jobs block, until all of those are dealt with or gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import UUID

import pytest

from howdah._db import doctor
from howdah._db import job as jobs
from howdah._db import queue as queues
from howdah._db import warning as warnings
from howdah._db import worker as workers
from howdah._db.steps import walk
from howdah._model.outcome import Verdict
from howdah._model.signals import Signals
from howdah._worker.blocking_link import BlockingLink
from howdah._worker.housekeeping.archiver import Archiver
from howdah._worker.notices import Notices
from howdah._worker.settings import WorkerSettings
from tests.conftest import Clock
from tests.integration.desk import Desk

DAY = 86_400.0


def known(desk: Desk) -> None:
    desk.run(queues.put("q", {"policy": "key_strict_fifo"}))


def blocking(desk: Desk) -> list[UUID]:
    return [one.job_id for one in desk.run(queues.blocked_keys("q"))]


def two_failed(desk: Desk, clock: Clock) -> tuple[UUID, UUID, UUID]:
    """A job that failed, one behind it that came too late, and a third that waits for both."""
    known(desk)
    first, second = desk.send(key="k"), desk.send(key="k", deadline=timedelta(seconds=60))
    third = desk.send(key="k")
    desk.finish(*desk.claim(), verdict=Verdict.FAILED)
    clock.advance(61)
    assert 1 == desk.run(jobs.expire_late(limit=10))
    return first, second, third


@pytest.mark.parametrize("way", ["retry", "delete"])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["the first first", "the second first"])
def test_a_key_is_blocked_until_all_that_failed_are_dealt_with(
    desk: Desk, clock: Clock, way: str, order: tuple[int, int]
) -> None:
    first, second, third = two_failed(desk, clock)
    failed = [first, second]
    assert failed == blocking(desk)

    for number in order:
        assert [] == desk.claim()
        desk.sql(f"SELECT howdah.{way}(%s)", failed[number])

    assert [] == blocking(desk)
    got = []
    while claims := desk.claim():
        got.append(claims[0].id)
        desk.finish(*claims)
    assert [str(one) for one in ([*failed, third] if way == "retry" else [third])] == got


def test_a_retry_of_the_first_waits_for_the_second_that_failed(desk: Desk, clock: Clock) -> None:
    first, second, _ = two_failed(desk, clock)

    desk.run(jobs.retry(first))

    assert [second] == blocking(desk)
    assert [] == desk.claim()


def test_unblocking_a_key_frees_it_of_all(desk: Desk, clock: Clock) -> None:
    _, _, third = two_failed(desk, clock)

    assert desk.run(queues.unblock("q", "k"))

    assert [] == blocking(desk)
    assert [str(third)] == [claim.id for claim in desk.claim()]


def test_the_doctor_counts_keys_and_not_jobs(desk: Desk, clock: Clock) -> None:
    two_failed(desk, clock)

    assert {"q": 1} == desk.run(doctor.blocked())


@pytest.fixture
def notices() -> Notices:
    return Notices(Signals(), slow=5.0, every=0.0)


@pytest.fixture
def archiver(database_url: str, schema: str, notices: Notices) -> Iterator[Archiver]:
    link = BlockingLink(database_url, schema, role="keep house", signals=Signals())
    yield Archiver(link, WorkerSettings(), notices)
    link.close()


def tidy(archiver: Archiver) -> None:
    """Keep the partitions until there is nothing left to do."""
    while archiver.run() < 30.0:
        pass


def failed(desk: Desk) -> tuple[UUID, UUID]:
    """A job that failed and is kept for a day, and one behind it."""
    known(desk)
    first = desk.send(key="k", retention=timedelta(days=1))
    second = desk.send(key="k")
    desk.finish(*desk.claim(), verdict=Verdict.FAILED)
    return first, second


def test_a_key_goes_on_when_the_job_that_blocks_it_is_not_kept_any_more(
    desk: Desk, clock: Clock, archiver: Archiver, notices: Notices
) -> None:
    first, second = failed(desk)
    tidy(archiver)
    assert [first] == blocking(desk)
    clock.advance(3 * DAY)

    tidy(archiver)

    assert desk.state(first) is None
    assert [] == blocking(desk)
    assert [str(second)] == [claim.id for claim in desk.claim()]
    walk(notices.tell(), desk.run)
    (warning,) = desk.run(warnings.find(kind="key_freed", queue="q", limit=10))
    assert f"job {first} of queue 'q' blocks key 'k' no more" in warning.text
    assert {"key": "k", "job_id": str(first)} == warning.facts


def test_a_key_stays_blocked_while_its_job_is_kept(
    desk: Desk, clock: Clock, archiver: Archiver
) -> None:
    first, _ = failed(desk)
    clock.advance(0.5 * DAY)

    tidy(archiver)

    assert [first] == blocking(desk)


def test_a_job_that_fails_or_is_brought_back_just_now_is_not_taken_for_gone(
    desk: Desk, open_desk: Callable[[], Desk]
) -> None:
    first, _ = failed(desk)
    other = open_desk()
    with other.transaction():
        other.sql("SELECT howdah.retry(%s)", first)
        assert [] == desk.run(queues.free_keys(limit=10))
        other.finish(*other.claim(), verdict=Verdict.FAILED)
        assert [] == desk.run(queues.free_keys(limit=10))

    assert [] == desk.run(queues.free_keys(limit=10))
    assert [first] == blocking(desk)


def test_looking_for_keys_to_free_reads_no_archive_from_end_to_end(desk: Desk) -> None:
    failed(desk)
    desk.run(workers.make_partitions(days=3))
    scans = (
        "SELECT coalesce(sum(pg_catalog.pg_stat_get_xact_numscans(c.oid)), 0) FROM"
        " pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND (c.relname = 'job' OR c.relname LIKE 'archive%%')"
        " AND c.relkind = 'r'"
    )
    with desk.transaction():
        before = desk.value(scans, desk.schema)
        desk.run(queues.free_keys(limit=10))

        assert before == desk.value(scans, desk.schema)
