"""What queues were like: counted once a minute, read by buckets of time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta

from howdah._db import wire
from howdah._db.query import Query, Row
from howdah._db.steps import Steps
from howdah._model.duration import seconds_of, spoken
from howdah._model.histogram import Histogram, from_pairs
from howdah.errors import UsageError

MINUTE = timedelta(minutes=1)
MOST_BUCKETS = 10_000


@dataclass(frozen=True, slots=True)
class Count:
    """What one worker ran of one queue. Histograms are pairs of bucket and count."""

    queue: str
    done: int
    retried: int
    run_time: list[int]
    latency: list[int]


@dataclass(frozen=True, slots=True)
class Standing:
    """A queue as it was when a sample was taken.

    Attributes:
        ready: Jobs that could be claimed.
        quarantined: Jobs that ended since the last sample because their workers kept dying.
        warn_backlog: More ready jobs than that are to be warned of, where the queue says so.
    """

    queue: str
    ready: int
    quarantined: int
    warn_backlog: int | None


@dataclass(frozen=True, slots=True)
class QueueStats:
    """What a queue was like in one bucket of time.

    Numbers of jobs are the highest of the bucket, and None where no worker looked.

    Attributes:
        queue: The queue.
        at: When the bucket begins.
        bucket: How long it is.
        ready: Jobs that could be claimed.
        delayed: Jobs created or retried, for later.
        active: Jobs that ran.
        waiting: Jobs that were suspended.
        oldest: For how long the oldest claimable job had been due.
        done: Jobs that workers completed.
        failed: Jobs that failed, for whatever reason.
        expired: Jobs that ran out of time.
        cancelled: Jobs that were cancelled.
        retried: Attempts that went wrong and come again.
        latency: From due to claimed, of jobs that were done at their first attempt.
        run_time: How long handlers ran.
    """

    queue: str
    at: datetime
    bucket: timedelta
    ready: int | None = None
    delayed: int | None = None
    active: int | None = None
    waiting: int | None = None
    oldest: timedelta | None = None
    done: int = 0
    failed: int = 0
    expired: int = 0
    cancelled: int = 0
    retried: int = 0
    latency: Histogram = field(default_factory=Histogram)
    run_time: Histogram = field(default_factory=Histogram)


def take(*, crash_limit: int) -> Query[list[Standing]]:
    """Take this minute's sample, unless somebody has. Answers whoever takes it."""
    return Query(
        "sample/take",
        {"crash_limit": crash_limit},
        lambda rows: [Standing(*row) for row in rows],
    )


def now() -> Query[str]:
    """The moment under which a worker's counts are kept."""
    return Query("sample/now", {}, lambda rows: str(rows[0][0]))


def latencies(ids: Sequence[str]) -> Query[dict[str, float]]:
    """For how many seconds these jobs were due before they were claimed, where it is known."""
    return Query(
        "sample/latencies", {"ids": wire.array(ids)}, lambda rows: {row[0]: row[1] for row in rows}
    )


def write(at: str, worker_id: int, counts: Sequence[Count]) -> Query[None]:
    """Keep what a worker counted. May be repeated."""
    said = json.dumps([asdict(count) for count in counts])
    return Query(
        "sample/write", {"at": at, "worker_id": worker_id, "counts": said}, lambda rows: None
    )


def stats(
    queue: str | None, *, since: timedelta | float | datetime, bucket: timedelta | float
) -> Steps[list[QueueStats]]:
    """Read the series of a queue, or of all: without gaps, by queue and time.

    Raises:
        UsageError: The bucket is no whole number of minutes, or there would be too many.
    """
    bucket = timedelta(seconds=seconds_of(bucket, what="bucket"))
    if not isinstance(since, datetime):
        since = timedelta(seconds=seconds_of(since, what="since"))
    moment = datetime.fromisoformat((yield now())).astimezone(UTC)
    first = _begin(since, moment, bucket)
    rows: list[Row] = yield Query(
        "sample/read",
        {"queue": queue, "since": first.isoformat(), "bucket": bucket.total_seconds()},
        list,
    )
    looked = {row[1] for row in rows if row[0] == ""}
    found = {(row[0], row[1]): row for row in rows if row[0] != ""}
    names = [queue] if queue is not None else sorted({name for name, _ in found})
    ticks = [first + n * bucket for n in range(int((moment - first) / bucket) + 1)]
    return [
        _read(name, tick, bucket, found, was_looked_at=tick.timestamp() in looked)
        for name in names
        for tick in ticks
    ]


def _begin(since: timedelta | datetime, moment: datetime, bucket: timedelta) -> datetime:
    """When the first bucket begins, as the statement counts them."""
    if bucket < MINUTE or bucket % MINUTE:
        raise UsageError(
            f"cannot read stats by {spoken(bucket)}: a bucket is one whole minute or more"
        )
    if isinstance(since, datetime) and since.tzinfo is None:
        raise UsageError(f"cannot read stats since {since}: give it a time zone")
    begin = since if isinstance(since, datetime) else moment - since
    if (moment - begin) / bucket > MOST_BUCKETS:
        raise UsageError(
            f"cannot read stats by {spoken(bucket)} since {begin:%Y-%m-%d %H:%M %Z}: at most"
            f" {MOST_BUCKETS:,} buckets; take larger ones"
        )
    origin = datetime(2000, 1, 1, tzinfo=UTC)
    return begin.astimezone(UTC) - (begin - origin) % bucket


def _read(
    name: str,
    tick: datetime,
    bucket: timedelta,
    found: Mapping[tuple[str, float], Row],
    *,
    was_looked_at: bool,
) -> QueueStats:
    row = found.get((name, tick.timestamp()))
    # In a minute that was looked at, a queue without a row was empty.
    empty = 0 if was_looked_at else None
    if row is None:
        return QueueStats(name, tick, bucket, empty, empty, empty, empty)
    ready, delayed, active, waiting = (empty if n is None else n for n in row[2:6])
    done, failed, expired, cancelled, retried = (n or 0 for n in row[7:12])
    return QueueStats(
        queue=name,
        at=tick,
        bucket=bucket,
        ready=ready,
        delayed=delayed,
        active=active,
        waiting=waiting,
        oldest=None if row[6] is None else timedelta(seconds=row[6]),
        done=done,
        failed=failed,
        expired=expired,
        cancelled=cancelled,
        retried=retried,
        run_time=_histogram(row[12]),
        latency=_histogram(row[13]),
    )


def _histogram(pairs: str | None) -> Histogram:
    return from_pairs(map(int, pairs.split(","))) if pairs else Histogram()
