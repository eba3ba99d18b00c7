"""What workers warn of: one row while it lasts, told by a signal, forgotten by age."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from howdah import Howdah, WarningRecord, WorkerSettings
from howdah._db import warning as warnings
from howdah._db.steps import walk
from howdah._model.notice import Notice, WarningKind
from howdah._model.signals import (
    ListenerFailed,
    NotificationsUnavailable,
    PassFailed,
    Signal,
    Signals,
    StatementSlow,
    TaskUnknown,
    Warned,
    WorkerDied,
    WorkersSwept,
)
from howdah._worker.blocking_link import BlockingLink
from howdah._worker.housekeeping.archiver import Archiver
from howdah._worker.housekeeping.sampler import Sampler
from howdah._worker.housekeeping.watcher import Watcher
from howdah._worker.notices import Notices
from howdah.errors import DatabaseError, UsageError
from tests.conftest import Clock
from tests.integration.desk import Desk

MINUTE = timedelta(minutes=1)
SETTINGS = WorkerSettings(backlog=3)


@pytest.fixture
def signals() -> Signals:
    return Signals()


@pytest.fixture
def notices(signals: Signals) -> Notices:
    return Notices(signals, slow=5.0, every=0.0)


@pytest.fixture
def link(database_url: str, schema: str, signals: Signals) -> Iterator[BlockingLink]:
    made = BlockingLink(database_url, schema, role="keep house", signals=signals)
    yield made
    made.close()


def found(desk: Desk) -> list[WarningRecord]:
    return desk.run(warnings.find(kind=None, queue=None, limit=100))


def backlog(queue: str = "q", text: str = "many") -> Notice:
    return Notice(WarningKind.QUEUE_BACKLOG, text, queue, queue, {"ready": 7})


def test_what_lasts_is_one_warning_whose_count_goes_up(desk: Desk, clock: Clock) -> None:
    for text in ("some", "more", "most"):
        desk.run(warnings.warn([backlog(text=text)]))
        clock.advance(10 * MINUTE)

    (one,) = found(desk)
    assert (3, "most", "q", {"ready": 7}) == (one.count, one.text, one.queue, one.facts)
    assert pytest.approx(1200, abs=30) == (one.last_at - one.at).total_seconds()


def test_what_is_found_again_after_it_was_over_is_another_warning(desk: Desk, clock: Clock) -> None:
    desk.run(warnings.warn([backlog()]))
    clock.advance(16 * MINUTE)

    new = desk.run(warnings.warn([backlog()]))

    assert {("queue_backlog", "q")} == new
    assert [(1, True), (1, False)] == [(one.count, one.is_open) for one in found(desk)]


def test_only_the_first_who_warns_is_told_that_it_is_new(desk: Desk) -> None:
    assert {("queue_backlog", "q")} == desk.run(warnings.warn([backlog()]))
    assert set() == desk.run(warnings.warn([backlog()]))
    assert {("queue_backlog", "r")} == desk.run(warnings.warn([backlog(), backlog("r")]))


def test_warnings_are_forgotten_after_their_days(desk: Desk, clock: Clock) -> None:
    desk.run(warnings.warn([backlog("old")]))
    clock.advance(timedelta(days=10))
    desk.run(warnings.warn([backlog("new")]))
    clock.advance(timedelta(days=5))

    desk.run(warnings.prune(days=14))

    assert ["new"] == [one.subject for one in found(desk)]


async def test_warnings_are_listed_and_cleared_by_kind_and_queue(app: Howdah, desk: Desk) -> None:
    slow = Notice(WarningKind.SLOW_QUERY, "slow", "job/claim")
    desk.run(warnings.warn([backlog("a"), backlog("b"), slow]))

    assert 1 == len(await app.warnings.list(kind="slow_query"))
    assert app.sync.warnings.list(queue="a") == await app.warnings.list(queue="a") != []
    assert 1 == await app.warnings.clear(queue="a")
    assert 1 == app.sync.warnings.clear(kind=WarningKind.SLOW_QUERY)
    assert 1 == await app.warnings.clear()
    assert [] == await app.warnings.list()


SIGNALS: list[tuple[Signal, str, str]] = [
    (StatementSlow("job/claim", "claim", 6.0), "slow_query", "job/claim"),
    (NotificationsUnavailable("a pooler"), "listen_notify_unavailable", ""),
    (TaskUnknown("1", "resize", "images"), "task_unknown", "resize"),
    (WorkerDied(1, 2, -9, 3), "worker_died", ""),
    (WorkersSwept(1, 2), "workers_swept", ""),
    (PassFailed("archive", "no"), "pass_failed", "archive"),
    (ListenerFailed("JobEnded", "no"), "listener_failed", "JobEnded"),
]


@pytest.mark.parametrize(("signal", "kind", "subject"), SIGNALS, ids=lambda it: str(it)[:20])
def test_what_is_posted_and_matters_later_is_kept(
    desk: Desk, signals: Signals, notices: Notices, signal: Signal, kind: str, subject: str
) -> None:
    signals.post(signal)

    walk(notices.tell(), desk.run)

    assert [(kind, subject)] == [(one.kind, one.subject) for one in found(desk)]


def test_a_statement_that_is_quick_enough_is_not_warned_of(
    signals: Signals, notices: Notices
) -> None:
    signals.post(StatementSlow("job/claim", "claim", 4.9))

    assert not notices.is_due()


def test_a_warning_that_is_new_is_posted_by_who_found_it(
    desk: Desk, signals: Signals, notices: Notices
) -> None:
    heard: list[Warned] = []
    signals.on(Warned, heard.append)
    for _ in range(2):
        notices.add(backlog())
        walk(notices.tell(), desk.run)

    assert [Warned("queue_backlog", "q", "many", {"ready": 7})] == heard


def test_a_warning_that_could_not_be_told_is_told_later(desk: Desk, notices: Notices) -> None:
    notices.add(backlog())

    def fail(query: object) -> None:
        raise DatabaseError("gone")

    with pytest.raises(DatabaseError):
        walk(notices.tell(), fail)
    notices.add(backlog())
    walk(notices.tell(), desk.run)

    assert [2] == [one.count for one in found(desk)]


def test_a_backlog_is_warned_of_above_the_number_of_its_queue(
    desk: Desk, link: BlockingLink, notices: Notices
) -> None:
    desk.run(warnings.backlog("large", 10))
    desk.run(warnings.backlog("small", 1))
    for queue in ("large", "small", "usual", "fine"):
        for _ in range(2 if queue in ("small", "fine") else 5):
            desk.send(queue=queue)

    Sampler(link, SETTINGS, notices).run()
    walk(notices.tell(), desk.run)

    assert {"small", "usual"} == {one.queue for one in found(desk)}


async def test_a_backlog_of_less_than_nothing_is_refused(app: Howdah) -> None:
    with pytest.raises(UsageError, match="0 or more"):
        await app.warnings.backlog("q", -1)


def test_jobs_that_were_quarantined_are_warned_of(
    desk: Desk, clock: Clock, link: BlockingLink, notices: Notices
) -> None:
    desk.send()
    desk.claim()
    desk.sql("UPDATE howdah.job SET crash_count = 2")
    desk.sql("SELECT howdah.release(worker_id, NULL, 3) FROM howdah.job")
    clock.advance(120)

    Sampler(link, SETTINGS, notices).run()
    walk(notices.tell(), desk.run)

    assert [("jobs_quarantined", 1)] == [(one.kind, one.count) for one in found(desk)]


def test_a_clock_that_differs_is_warned_of(
    desk: Desk, link: BlockingLink, notices: Notices, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    here = time.time
    monkeypatch.setattr("time.time", lambda: here() + 60)

    Watcher(link, SETTINGS, notices).run()

    (one,) = found(desk)
    assert "clock_skew" == one.kind
    assert "60.0 s ahead of" in one.text


def test_clocks_that_agree_are_not_warned_of(
    desk: Desk, link: BlockingLink, notices: Notices
) -> None:
    Watcher(link, SETTINGS, notices).run()

    assert [] == found(desk)


def test_partitions_that_are_missing_for_long_are_warned_of(
    desk: Desk,
    link: BlockingLink,
    notices: Notices,
    open_desk: Callable[[], Desk],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("howdah._worker.housekeeping.archiver.MISSED_FOR_LONG", 0.0)
    reader = open_desk()
    with reader.transaction():
        reader.sql("SELECT count(*) FROM howdah.archive")
        archiver = Archiver(link, SETTINGS, notices)
        while archiver.run() < 30.0:
            pass
    walk(notices.tell(), desk.run)

    assert ["partition_missed"] == [one.kind for one in found(desk)]


def test_a_statement_that_takes_long_is_posted(
    link: BlockingLink, signals: Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[StatementSlow] = []
    signals.on(StatementSlow, heard.append)
    monkeypatch.setattr("howdah._worker.blocking_link.SLOW", 0.0)

    link.run(warnings.prune(days=1))

    assert [("warning/prune", "keep house")] == [(it.statement, it.role) for it in heard]
