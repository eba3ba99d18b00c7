"""Finds out where a schema differs from what the migrations make, and how to mend it.

What should be there is kept nowhere: the migrations make it in a schema beside, in a transaction
that is rolled back, and both are read by the same query.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from typing import Any, Literal
from uuid import uuid4

import psycopg

from howdah._db import faults, migrate
from howdah._db.query import Query
from howdah._db.runners.psycopg import PsycopgRunner
from howdah._db.statements import quote_literal, quote_name
from howdah.errors import PrivilegeError

# The order in which things are mended: what others are made of comes first.
KINDS = (
    "type",
    "table",
    "column",
    "column type",
    "default",
    "null",
    "constraint",
    "index",
    "view",
    "function",
    "execute by public",
    "trigger",
)
# Made anew by the same words that made them, unless their shape is another.
_REPLACED = {"function", "view"}
# Set by the same words, whatever they were.
_SET = {"column type", "default", "null", "execute by public"}


@dataclass(frozen=True, slots=True)
class Item:
    """One object of a schema, or one property of a column or function.

    Attributes:
        within: The table, column or function that brings it along when it is made.
        shape: What cannot be changed without dropping it.
        create: The SQL that makes it.
        drop: The SQL that takes it away; empty where that would lose data.
    """

    kind: str
    name: str
    within: str
    definition: str
    shape: str
    create: str
    drop: str


@dataclass(frozen=True, slots=True)
class Drift:
    """Something that is not as the migrations make it.

    Attributes:
        kind: One of `KINDS`.
        name: Which one.
        what: How it differs.
        expected: Its definition, as the migrations make it; None for what they do not make.
        found: Its definition, as it is; None for what is not there.
        sql: What mends it; None for what somebody has to decide.
    """

    kind: str
    name: str
    what: Literal["missing", "different", "extra"]
    expected: str | None
    found: str | None
    sql: str | None


def examine(connection: psycopg.Connection[Any], schema: str) -> list[Drift]:
    """Compare a schema with what the migrations of this version make. Nothing is changed.

    Raises:
        PrivilegeError: The role may not create schemas in this database.
    """
    beside = f"howdah_expected_{uuid4().hex[:12]}"
    runner = PsycopgRunner(connection, schema)
    try:
        with faults.translated(schema), connection.transaction(force_rollback=True):
            runner.run(_isolate())
            found = runner.run(_catalogue(schema))
            quoted = runner.run(_quoted(schema))
            kind = migrate.profile_of(connection, schema)
            connection.execute(migrate.script(schema=beside, made_for=kind).encode())
            expected = runner.run(_catalogue(beside))
    except PrivilegeError as error:
        raise PrivilegeError(
            f"cannot tell what schema {schema!r} should be like: what the migrations make is made"
            " beside it for a moment, and this role may not create schemas; ask as a role that has"
            f" CREATE on the database {connection.info.dbname!r}",
            sqlstate=error.sqlstate,
        ) from error
    return compare(_renamed(expected, beside, schema, quoted), found)


def compare(expected: Iterable[Item], found: Iterable[Item]) -> list[Drift]:
    """Say what differs, in the order in which it is to be mended."""
    wanted = {(one.kind, one.name): one for one in expected}
    there = {(one.kind, one.name): one for one in found}
    drifts = [*_lacking(wanted, there), *_beyond(wanted, there)]
    return sorted(drifts, key=lambda one: (one.what == "extra", KINDS.index(one.kind), one.name))


def _lacking(
    wanted: dict[tuple[str, str], Item], there: dict[tuple[str, str], Item]
) -> Iterator[Drift]:
    missing = {item.name for key, item in wanted.items() if key not in there}
    for key, item in wanted.items():
        if item.within in missing:
            # It comes along with what it is part of. Functions are executable by all when made.
            if item.kind == "execute by public":
                yield Drift(item.kind, item.name, "missing", "revoked", None, item.create)
            continue
        other = there.get(key)
        if other is None:
            yield Drift(item.kind, item.name, "missing", item.definition, None, item.create)
        elif item.definition != other.definition:
            mend = _mend(item, other)
            yield Drift(item.kind, item.name, "different", item.definition, other.definition, mend)


def _mend(item: Item, other: Item) -> str | None:
    if item.kind in _SET or (item.kind in _REPLACED and item.shape == other.shape):
        return item.create
    return f"{other.drop};\n{item.create}" if other.drop else None


def _beyond(
    wanted: dict[tuple[str, str], Item], there: dict[tuple[str, str], Item]
) -> Iterator[Drift]:
    extra = {item.name for key, item in there.items() if key not in wanted}
    for key, item in there.items():
        if key not in wanted and item.within not in extra:
            yield Drift(item.kind, item.name, "extra", None, item.definition, None)


def _renamed(items: Iterable[Item], beside: str, schema: str, quoted: str) -> Iterator[Item]:
    """What was made beside, as it reads in the schema itself."""
    for item in items:
        texts = (
            text.replace(quote_name(beside), quote_name(schema))
            .replace(quote_literal(beside), quote_literal(schema))
            .replace(beside, quoted)
            for text in astuple(item)
        )
        yield Item(*texts)


def _isolate() -> Query[None]:
    return Query("doctor/isolate", {}, lambda rows: None)


def _quoted(schema: str) -> Query[str]:
    return Query("doctor/quoted", {"schema": schema}, lambda rows: str(rows[0][0]))


def _catalogue(schema: str) -> Query[list[Item]]:
    def read(rows: Sequence[Sequence[Any]]) -> list[Item]:
        return [Item(*(text or "" for text in row)) for row in rows]

    return Query("doctor/catalogue", {"schema": schema}, read)
