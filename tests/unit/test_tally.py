"""What a worker counts in memory, and what becomes of it when it cannot be written."""

from __future__ import annotations

from typing import Any

import pytest

from howdah._db.query import Query
from howdah._db.sample import Count
from howdah._db.steps import walk
from howdah._model.histogram import Histogram, from_pairs
from howdah._model.outcome import Verdict
from howdah._worker.claimed import ClaimedJob
from howdah._worker.tally import MOST_LOOKED_UP, Tally
from howdah.errors import DatabaseError

LATENCY = 0.25


class Book:
    """Answers a tally's queries, and keeps what it writes."""

    def __init__(self) -> None:
        self.written: list[dict[str, Any]] = []
        self.looked_up: list[str] = []
        self.fails = False

    def run(self, query: Query[Any]) -> Any:
        match query.statement:
            case "sample/now":
                return f"moment {len(self.written)}"
            case "sample/latencies":
                self.looked_up = query.params["ids"].strip("{}").split(",")
                return dict.fromkeys(self.looked_up, LATENCY)
            case _:
                self.written.append(dict(query.params))
                if self.fails:
                    raise DatabaseError("gone")
                return None

    def counts(self) -> list[Count]:
        """What the last write said."""
        import json

        return [Count(**said) for said in json.loads(self.written[-1]["counts"])]


def job(number: int, *, queue: str = "q", attempt: int = 1) -> ClaimedJob:
    row = (f"id{number}", 1, attempt, 0, queue, "t", 0, "{}", None, None, None, None, None)
    return ClaimedJob(row, 0.0)


def tally() -> Tally:
    return Tally(7, every=60.0)


def test_attempts_are_counted_by_queue_and_by_how_they_ended() -> None:
    counted, book = tally(), Book()
    for number, verdict in enumerate(Verdict):
        counted.note(job(number), verdict, 0.5)
    counted.note(job(99, queue="other"), Verdict.COMPLETED, 0.5)

    walk(counted.write(), book.run)

    mine, others = book.counts()
    assert ("q", 2, 1) == (mine.queue, mine.done, mine.retried)
    assert ("other", 1, 0) == (others.queue, others.done, others.retried)


def test_what_did_not_run_to_an_end_has_no_run_time() -> None:
    counted, book = tally(), Book()
    for number, verdict in enumerate((Verdict.SNOOZED, Verdict.RELEASED, Verdict.COMPLETED)):
        counted.note(job(number), verdict, 0.5)

    walk(counted.write(), book.run)

    assert 1 == from_pairs(book.counts()[0].run_time).count


def test_of_very_many_jobs_few_are_looked_up_and_stand_for_all() -> None:
    counted, book = tally(), Book()
    for number in range(10_000):
        counted.note(job(number), Verdict.COMPLETED, 0.001)

    walk(counted.write(), book.run)

    assert MOST_LOOKED_UP // 2 <= len(book.looked_up) <= MOST_LOOKED_UP
    assert pytest.approx(10_000, rel=0.01) == from_pairs(book.counts()[0].latency).count


def test_a_later_attempt_says_nothing_of_latency() -> None:
    counted, book = tally(), Book()
    counted.note(job(1, attempt=2), Verdict.COMPLETED, 0.1)

    walk(counted.write(), book.run)

    assert ([], Histogram()) == (book.looked_up, from_pairs(book.counts()[0].latency))


def test_a_write_that_failed_is_repeated_under_the_same_moment() -> None:
    counted, book = tally(), Book()
    counted.note(job(1), Verdict.COMPLETED, 0.1)
    book.fails = True
    with pytest.raises(DatabaseError):
        walk(counted.write(), book.run)
    book.fails = False
    counted.note(job(2), Verdict.COMPLETED, 0.1)

    walk(counted.write(), book.run)

    assert book.written[0] == book.written[1]
    assert counted.is_due(last=True)


def test_nothing_is_due_when_nothing_was_counted() -> None:
    assert not tally().is_due(last=True)
