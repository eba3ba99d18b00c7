"""A query is a value: which statement, with which parameters, and how to read its rows.

Each verb is written once, as a function that returns a Query. A runner, one for each kind of
connection, executes it, so nothing is written twice for blocking and non-blocking code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

Row = Sequence[Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Query(Generic[T]):
    """One statement, ready to run on any connection.

    Attributes:
        statement: The file below `sql/` without its ending: `job/send` is `sql/job/send.sql`.
        params: Values for its `:name` parameters. They are text, int, float, bool or None, and
            the statement casts them, so that every driver sends them alike.
        read: Rows in, answer out. Rows hold what Postgres text, int8, float8 and bool decode to;
            statements cast every other type to text.
    """

    statement: str
    params: Mapping[str, Any]
    read: Callable[[Sequence[Row]], T]


class Runner(Protocol):
    """All that a blocking connection must offer."""

    def run(self, query: Query[T], /) -> T: ...


class AsyncRunner(Protocol):
    """All that a non-blocking connection must offer."""

    async def run(self, query: Query[T], /) -> T: ...
