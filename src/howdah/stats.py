"""What queues were like: `app.stats(...)` and `app.sync.stats(...)`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from howdah._db import sample
from howdah._db.sample import MINUTE, QueueStats
from howdah._db.steps import walk, walk_async
from howdah.job import Runs

HOUR = timedelta(hours=1)


class Stats:
    """Reads what queues were like."""

    def __init__(self, run: Runs) -> None:
        self._run = run

    async def __call__(
        self,
        queue: str | None = None,
        /,
        *,
        since: timedelta | float | datetime = HOUR,
        bucket: timedelta | float = MINUTE,
    ) -> list[QueueStats]:
        """Read what a queue was like, or each queue, bucket by bucket.

        Workers count once a minute. What a worker ran since is not counted yet; one that was
        killed takes the counts of its last minute with it.

        Args:
            queue: Its name; without one, every queue that was not empty.
            since: How long ago, or a moment.
            bucket: Of whole minutes. Numbers of jobs are the highest of a bucket, what happened
                in it is added up, and durations are merged before percentiles are taken.

        Returns:
            The buckets by queue and time, without gaps; the last one is not over yet.

        Raises:
            UsageError: The bucket is no whole number of minutes, or there would be too many.

        Example:
            >>> for it in await app.stats("mail", bucket=timedelta(minutes=5)):
            ...     print(it.at, it.ready, it.done, it.latency.p95)
        """
        return await walk_async(sample.stats(queue, since=since, bucket=bucket), self._run)


class SyncStats:
    """Reads what queues were like, for code that does not await. As `Stats`."""

    def __init__(self, run: Callable[..., Any]) -> None:
        self._run = run

    def __call__(
        self,
        queue: str | None = None,
        /,
        *,
        since: timedelta | float | datetime = HOUR,
        bucket: timedelta | float = MINUTE,
    ) -> list[QueueStats]:
        """Read what a queue was like, or each queue, bucket by bucket. As `Stats`."""
        return walk(sample.stats(queue, since=since, bucket=bucket), self._run)
