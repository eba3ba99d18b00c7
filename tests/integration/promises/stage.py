"""What a promise is held on: a schema, its clock, and any number of sessions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg

from howdah.errors import DatabaseError
from tests.conftest import Clock
from tests.integration.desk import Desk

LOCK_NOT_AVAILABLE = "55P03"


class Stage:
    """One schema, perhaps with a guard removed.

    Attributes:
        desk: A session.
        clock: Moves the schema's time.
    """

    def __init__(self, database_url: str, schema: str) -> None:
        self._url = database_url
        self._schema = schema
        self._desks: list[Desk] = []
        self.desk = self.open()
        self.clock = Clock(database_url, schema)

    def open(self) -> Desk:
        """Another session."""
        self._desks.append(Desk(self._url, self._schema))
        return self._desks[-1]

    def close(self) -> None:
        """End all sessions."""
        for desk in reversed(self._desks):
            desk.close()

    @contextmanager
    def meanwhile(self) -> Iterator[Desk]:
        """Another session, whose transaction is open while the block runs and commits after it."""
        other = self.open()
        with other.transaction():
            yield other


@contextmanager
def without_waiting(desk: Desk) -> Iterator[None]:
    """Fail when this session has to wait for a lock of another in the block."""
    desk.sql("SET lock_timeout = '300ms'")
    try:
        yield
    except (DatabaseError, psycopg.Error) as error:
        if error.sqlstate != LOCK_NOT_AVAILABLE:
            raise
        raise AssertionError("it had to wait for another session") from error
    finally:
        desk.sql("SET lock_timeout = 0")


Promise = Callable[[Stage], None]
