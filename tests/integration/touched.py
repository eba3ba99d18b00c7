"""Counts what a statement touches of a table, as Postgres itself counts it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.integration.desk import Desk

# `entries` are what index scans were given, dead ones included; `rows` what they then fetched.
COUNTERS = """
    SELECT pg_catalog.pg_stat_get_xact_numscans(c.oid),
           (SELECT sum(pg_catalog.pg_stat_get_xact_tuples_returned(i.indexrelid))::bigint
            FROM pg_catalog.pg_index AS i WHERE i.indrelid = c.oid),
           pg_catalog.pg_stat_get_xact_tuples_fetched(c.oid)
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = %s AND c.relname = %s
"""


@dataclass(frozen=True, slots=True)
class Touched:
    """What was touched of a table.

    Attributes:
        scans: So often was the whole table read.
        entries: Index entries walked, also those of rows that are dead.
        rows: Rows fetched by way of an index.
    """

    scans: int
    entries: int
    rows: int


def touched_by(desk: Desk, act: Callable[[], Any], *, table: str = "job") -> Touched:
    """What `act` touches of a table. All that it did is taken back."""
    with taken_back(desk):
        before = desk.sql(COUNTERS, desk.schema, table)[0]
        act()
        after = desk.sql(COUNTERS, desk.schema, table)[0]
    return Touched(*(late - early for early, late in zip(before, after, strict=True)))


@contextmanager
def taken_back(desk: Desk) -> Iterator[None]:
    """A transaction that is rolled back in any case."""
    with desk.connection.transaction(force_rollback=True):
        yield
