"""What became of many jobs that were sent at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from howdah._db.query import Row


@dataclass(frozen=True, slots=True)
class Sent:
    """The answer to a send of many.

    Attributes:
        count: How many were stored.
        others: For each item that the queue's policy turned away, by its place, the id of the job
            that is in its way.
    """

    count: int
    others: Mapping[int, str]

    @classmethod
    def read(cls, rows: Sequence[Row]) -> Sent:
        """Read the row of `job/send_many.sql` or `job/send_many_plain.sql`."""
        count, told = rows[0][:2]
        if told is None:
            return cls(count, {})
        pairs = (entry.split(" ") for entry in told.split(","))
        return cls(count, {int(place) - 1: job_id for place, job_id in pairs})
