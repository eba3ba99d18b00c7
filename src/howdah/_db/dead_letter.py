"""What is asked of dead letters: jobs that failed elsewhere, and whose copies wait in a queue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from howdah._db import wire
from howdah._db.bulk import BulkProgress, Jobs, Tell, batches, ids_of
from howdah._db.query import Query
from howdah._db.steps import Steps
from howdah._model.filter import JobFilter
from howdah._model.states import JobState
from howdah.errors import UsageError

BATCH = 500
ANY = JobFilter()
_WAITING = (JobState.CREATED, JobState.RETRY)


@dataclass(frozen=True, slots=True)
class Redriven:
    """What became of dead letters that were to go back.

    Attributes:
        moved: How many are in another queue now.
        kept: How many stay where they were, since another live job stands in their way: one that
            holds their key, for the most part.
        missing: Which of the ids that were given are of no dead letter that waits in the queue.
    """

    moved: int = 0
    kept: int = 0
    missing: tuple[UUID, ...] = ()


def count(queue: str, wanted: JobFilter) -> Query[int]:
    """How many dead letters wait in a queue and fit."""
    params = {"queue": queue, "filter": meant(queue, wanted).to_json()}
    return Query("dead_letter/count", params, lambda rows: int(rows[0][0]))


def find(queue: str, ids: Sequence[UUID]) -> Query[list[UUID]]:
    """Which of these are dead letters that wait in a queue, the oldest first."""
    params = {"queue": queue, "ids": wire.array(ids)}
    return Query("dead_letter/find", params, lambda rows: sorted(UUID(row[0]) for row in rows))


def meant(queue: str, wanted: JobFilter) -> JobFilter:
    """The filter, unless no dead letter of the queue can fit it.

    Raises:
        UsageError: It names another queue, or a state in which no dead letter waits.
    """
    if wanted.queue not in (None, queue):
        raise UsageError(
            f"cannot redrive jobs of queue {wanted.queue!r} from {queue!r}: a filter says which of"
            " the dead letters there go back, so leave its queue out"
        )
    for state in wanted.states:
        if state not in _WAITING:
            raise UsageError(
                f"cannot redrive jobs that are {state}: choose among {', '.join(_WAITING)}"
            )
    return wanted


def redrive(
    queue: str,
    jobs: Jobs | None = None,
    *,
    destination: str | None,
    limit: int | None,
    progress: Tell | None,
) -> Steps[Redriven]:
    """Move dead letters back: these, or all that fit, in batches, each a transaction of its own.

    Raises:
        UsageError: No dead letter of the queue can fit, or what was given are not ids.
    """
    if jobs is None or isinstance(jobs, JobFilter):
        wanted = meant(queue, jobs or ANY)
        return (yield from _fitting(queue, wanted, destination, limit, progress))
    ids = sorted(ids_of("redrive", jobs))
    return (yield from _these(queue, ids, destination, limit, progress))


def _fitting(
    queue: str,
    wanted: JobFilter,
    destination: str | None,
    limit: int | None,
    progress: Tell | None,
) -> Steps[Redriven]:
    total: int = yield count(queue, wanted)
    left = total if limit is None else min(limit, total)
    total, far, after = left, Redriven(), None
    while left > 0:
        moved, kept, after = yield _batch(
            queue, destination, limit=min(left, BATCH), after=after, wanted=wanted
        )
        if after is None:
            break
        far = Redriven(far.moved + moved, far.kept + kept)
        left -= moved + kept
        if progress is not None:
            progress(BulkProgress(seen=far.moved + far.kept, total=total))
    return far


def _these(
    queue: str,
    ids: Sequence[UUID],
    destination: str | None,
    limit: int | None,
    progress: Tell | None,
) -> Steps[Redriven]:
    there: list[UUID] = []
    for batch in batches(ids, BATCH):
        there += yield find(queue, batch)
    far = Redriven(missing=tuple(sorted(set(ids).difference(there))))
    seen, chosen = 0, there[:limit]
    for batch in batches(chosen, BATCH):
        moved, kept, _ = yield _batch(queue, destination, limit=len(batch), ids=batch)
        far = replace(far, moved=far.moved + moved, kept=far.kept + kept)
        seen += len(batch)
        if progress is not None:
            progress(BulkProgress(seen, len(chosen)))
    return far


def _batch(
    queue: str,
    destination: str | None,
    *,
    limit: int,
    after: UUID | None = None,
    wanted: JobFilter = ANY,
    ids: Sequence[UUID] | None = None,
) -> Query[tuple[int, int, UUID | None]]:
    return Query(
        "dead_letter/redrive",
        {
            "queue": queue,
            "limit": limit,
            "destination": destination,
            "after": None if after is None else str(after),
            "filter": wanted.to_json(),
            "ids": None if ids is None else wire.array(ids),
        },
        lambda rows: (rows[0][0], rows[0][1], None if rows[0][2] is None else UUID(rows[0][2])),
    )
