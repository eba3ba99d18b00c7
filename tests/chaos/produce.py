"""A process that sends jobs and writes down which sends were acknowledged.

Arguments: the number of its first job, how many, and how (`async`, `sync`, `many`). It goes on
through whatever befalls the database: a send that failed is repeated, under the same id.
"""

from __future__ import annotations

import asyncio
import sys
from uuid import uuid4

from howdah.errors import DatabaseError
from tests.acceptance.handlers import app, effect
from tests.acceptance.ledger import note


def seconds_of(n: int) -> float:
    """How long the handler of a job takes: none, or up to half a second."""
    return n % 10 / 20


async def one_by_one(numbers: range) -> None:
    """Send each by itself."""
    async with app:
        for n in numbers:
            sender = effect.using(id=uuid4())
            while True:
                note("asked", n=n)
                try:
                    job = await sender.send(n=n, seconds=seconds_of(n))
                except DatabaseError as error:
                    note("failed", n=n, error=str(error))
                    await asyncio.sleep(0.05)
                else:
                    note("acked", n=n, job=str(job.id))
                    break


def blocking(numbers: range) -> None:
    """Send each by itself, from code that does not await. The library makes the id."""
    for n in numbers:
        note("asked", n=n)
        try:
            job = app.sync.send(effect, n=n, seconds=seconds_of(n))
        except DatabaseError as error:
            note("failed", n=n, error=str(error))
        else:
            note("acked", n=n, job=str(job.id), new=job.is_new)
    app.sync.close()


def main() -> None:
    """Send."""
    first, count, how = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    numbers = range(first, first + count)
    if how == "async":
        asyncio.run(one_by_one(numbers))
    else:
        blocking(numbers)


if __name__ == "__main__":
    main()
