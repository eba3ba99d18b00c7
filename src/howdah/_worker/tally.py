"""Counts what one process ran: in memory, and written once a minute.

Nothing here is asked of the database while jobs run. Of very many attempts an even share is timed,
and how long jobs had been due is looked up in the archive for some of them; each stands for as many
as were passed over.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping

from howdah._db import sample as samples
from howdah._db.sample import Count
from howdah._db.steps import Steps
from howdah._model.histogram import bucket_of, pairs_of
from howdah._model.outcome import Verdict
from howdah._worker.claimed import ClaimedJob

# Of more attempts in a minute, an even share is timed: between half of so many and all.
MOST_TIMED = 2_000
# And at most so many jobs of a queue are looked up in the archive.
MOST_LOOKED_UP = 200
AFTER_FAILURE = 5.0

# Names of the module's own: to look them up in the enum for each job costs as much as the rest.
_COMPLETED = Verdict.COMPLETED
_SETTLED = Verdict.SETTLED
_RAN = frozenset({Verdict.RETRY, Verdict.FAILED, Verdict.EXPIRED})


class _Queue:
    """What was run of one queue since the last write."""

    __slots__ = ("done", "retried", "stride", "timed", "total")

    def __init__(self) -> None:
        self.done = 0
        self.retried = 0
        self.total = 0
        # One of `stride` is timed: for how long it ran, and its id if it is to be looked up.
        self.stride = 1
        self.timed: list[tuple[float, str | None]] = []

    def time(self, seconds: float, job_id: str | None) -> None:
        """Keep the time of an attempt, and fewer of them when they become many."""
        self.timed.append((seconds, job_id))
        if len(self.timed) >= MOST_TIMED:
            del self.timed[1::2]
            self.stride *= 2

    def run_time(self) -> list[int]:
        """The histogram of how long handlers ran."""
        buckets = Counter(bucket_of(seconds) for seconds, _ in self.timed)
        return _weighed(buckets, self.total / len(self.timed))

    def ids(self) -> list[str]:
        """The jobs to look up, evenly chosen."""
        ids = [job_id for _, job_id in self.timed if job_id is not None]
        return ids[:: -(-len(ids) // MOST_LOOKED_UP)] if ids else ids

    def latency(self, found: Mapping[str, float]) -> list[int]:
        """The histogram of how long jobs had been due, from what was found of some of them."""
        buckets = Counter(bucket_of(found[one]) for one in self.ids() if one in found)
        firsts = sum(job_id is not None for _, job_id in self.timed) * self.total / len(self.timed)
        return _weighed(buckets, firsts / max(buckets.total(), 1))


class Tally:
    """The counts of one worker."""

    def __init__(self, worker_id: int, *, every: float) -> None:
        self._worker_id = worker_id
        self._every = every
        self._due = time.monotonic() + every
        self._queues: dict[str, _Queue] = {}
        # Written or not, nobody knows: repeated as it is.
        self._pending: tuple[str, list[Count]] | None = None

    def note(self, job: ClaimedJob, verdict: Verdict, seconds: float) -> None:
        """Count an attempt that is over."""
        queue = self._queues.get(job.queue)
        if queue is None:
            queue = self._queues[job.queue] = _Queue()
        if verdict is _COMPLETED or verdict is _SETTLED:
            queue.done += 1
        elif verdict not in _RAN:
            return
        elif verdict is Verdict.RETRY:
            queue.retried += 1
        if not queue.total % queue.stride:
            is_first = job.attempt == 1 and (verdict is _COMPLETED or verdict is _SETTLED)
            queue.time(seconds, job.id if is_first else None)
        queue.total += 1

    def is_due(self, *, last: bool = False) -> bool:
        """Whether there is something to write, and it is time to."""
        return (last or time.monotonic() >= self._due) and bool(self._queues or self._pending)

    def write(self) -> Steps[None]:
        """Write what was counted since the last write. After a failure, write again."""
        self._due = time.monotonic() + min(AFTER_FAILURE, self._every)
        if self._pending is None:
            at = yield samples.now()
            ids = [job_id for queue in self._queues.values() for job_id in queue.ids()]
            found: dict[str, float] = (yield samples.latencies(ids)) if ids else {}
            # Taken only now: had the question failed, they would be lost.
            queues, self._queues = self._queues, {}
            counts = [
                Count(name, queue.done, queue.retried, queue.run_time(), queue.latency(found))
                for name, queue in queues.items()
                if queue.total
            ]
            self._pending = at, counts
        at, counts = self._pending
        yield samples.write(at, self._worker_id, counts)
        self._pending = None
        self._due = time.monotonic() + self._every


def _weighed(buckets: Mapping[int, int], weight: float) -> list[int]:
    return pairs_of({bucket: max(1, round(n * weight)) for bucket, n in buckets.items()})
