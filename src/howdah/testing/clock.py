"""The clock of one test's schema: every statement of Howdah reads the time from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from howdah._db import testing as queries
from howdah.errors import UsageError

Run = Callable[..., Any]


class Clock:
    """Runs as the server's does, and can be moved ahead.

    Raises:
        UsageError: The schema was not made by a testbed. Who moves the clock of a schema that
            workers use expires every lease in it.
    """

    def __init__(self, run: Run, schema: str) -> None:
        if not run(queries.is_testbed(schema)):
            raise UsageError(
                f"cannot move the clock of schema {schema!r}: it was not made for a test; use the"
                " fixture `howdah`, or howdah.testing.Testbed.open"
            )
        self._run = run

    def now(self) -> datetime:
        """What time it is for the database, and so for delays, retries and leases."""
        found: datetime = self._run(queries.now())
        return found

    def move(self, by: timedelta | float) -> datetime:
        """Move the clock ahead without running anything; `Testbed.advance` also runs what is due.

        Args:
            by: A timedelta, or seconds.

        Returns:
            The time it then is.

        Raises:
            UsageError: It would go backwards.
        """
        moved: datetime = self._run(queries.move(seconds_ahead(by)))
        return moved

    @contextmanager
    def held(self) -> Iterator[None]:
        """Stop the clock while the block runs, so that nothing falls due for its taking long."""
        is_first = self._run(queries.hold())
        try:
            yield
        finally:
            if is_first:
                self._run(queries.release())


def seconds_ahead(by: timedelta | float) -> float:
    """A span in seconds.

    Raises:
        UsageError: It is negative.
    """
    seconds = by.total_seconds() if isinstance(by, timedelta) else float(by)
    if not seconds >= 0:
        raise UsageError(f"cannot move the clock by {seconds:g} s: it only goes ahead")
    return seconds
