"""What is asked of dead letters: jobs that failed elsewhere, and whose copies wait in a queue."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from howdah._db.bulk import BulkProgress, Tell
from howdah._db.query import Query
from howdah._db.steps import Steps

BATCH = 500


@dataclass(frozen=True, slots=True)
class Redriven:
    """What became of dead letters that were to go back.

    Attributes:
        moved: How many are in another queue now.
        kept: How many stay where they were, since another live job stands in their way: one that
            holds their key, for the most part.
    """

    moved: int = 0
    kept: int = 0


def count(queue: str) -> Query[int]:
    """How many dead letters wait in a queue."""
    return Query("dead_letter/count", {"queue": queue}, lambda rows: int(rows[0][0]))


def redrive(
    queue: str, *, destination: str | None, limit: int | None, progress: Tell | None
) -> Steps[Redriven]:
    """Move dead letters back, in batches, each a transaction of its own."""
    total: int = yield count(queue)
    left = total if limit is None else min(limit, total)
    total, far, after = left, Redriven(), None
    while left > 0:
        moved, kept, after = yield _batch(queue, destination, min(left, BATCH), after)
        if after is None:
            break
        far = Redriven(far.moved + moved, far.kept + kept)
        left -= moved + kept
        if progress is not None:
            progress(BulkProgress(seen=far.moved + far.kept, total=total))
    return far


def _batch(
    queue: str, destination: str | None, limit: int, after: UUID | None
) -> Query[tuple[int, int, UUID | None]]:
    return Query(
        "dead_letter/redrive",
        {
            "queue": queue,
            "limit": limit,
            "destination": destination,
            "after": None if after is None else str(after),
        },
        lambda rows: (rows[0][0], rows[0][1], None if rows[0][2] is None else UUID(rows[0][2])),
    )
