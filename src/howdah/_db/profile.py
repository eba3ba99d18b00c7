"""What a schema asks of its database: all of PostgreSQL, or what its relatives are likely to have.

A schema of the portable profile does without transaction ids, snapshots, NOTIFY, advisory locks and
the places of rows. It is made from the same files: those in `sql/portable` take the place of the
functions of their name, and a few words are put differently in the others. So no file has a twin
that could be forgotten: tests/integration/test_portable.py compares what both profiles make.
"""

from __future__ import annotations

import os
import re
from importlib.resources import files
from importlib.resources.abc import Traversable

from howdah.errors import UsageError

STANDARD = "standard"
PORTABLE = "portable"
PROFILES = (STANDARD, PORTABLE)
VARIABLE = "HOWDAH_PROFILE"

_SQL = files("howdah").joinpath("sql")

# What is put differently, and how.
PORTABLE_WORDS = (
    # A job stands in its lane by the moment at which it became claimable.
    (re.compile(r"\bpg_current_xact_id(_if_assigned)?\(\)"), "howdah.turn()"),
    (re.compile(r"\bxid8\b"), "bigint"),
    # In place of a snapshot stands the beginning of time, before which all is over. So each claim
    # answers as always where to look next, and that is the start: no moment tells who commits late.
    (re.compile(r"\bpg_current_snapshot\(\)"), "'0'::bigint"),
    (re.compile(r"\bpg_snapshot_xmax\(([\w.]+)\)"), r"\1"),
    (re.compile(r"\bpg_snapshot_xip\([\w.]+\)"), "unnest('{}'::bigint[])"),
    # What a claim has locked it finds again by its key; so it must sort what it answers with.
    (re.compile(r"\bj\.ctid\b"), "j.id"),
    (
        re.compile(r"\bSELECT \* FROM claimed;"),
        _SQL.joinpath("profile", "answer.sql").read_text(encoding="utf-8"),
    ),
)


def said(profile: str | None) -> str | None:
    """The profile that somebody names, here or in HOWDAH_PROFILE; None when nobody does.

    Raises:
        UsageError: There is no such profile.
    """
    named = profile or os.environ.get(VARIABLE) or None
    if named not in (None, *PROFILES):
        raise UsageError(f"there is no profile {named!r}: choose {STANDARD} or {PORTABLE}")
    return named


def settle(wanted: str | None, *, found: str | None, schema: str) -> str:
    """The profile that a schema has or gets.

    Args:
        wanted: What is asked for, if anything.
        found: What the schema was made with; None when it is not made yet.
        schema: Its name.

    Raises:
        UsageError: It was made with another.
    """
    if wanted and found and wanted != found:
        raise UsageError(
            f"cannot give schema {schema!r} the {wanted} profile: it was made with the {found} one,"
            " which a schema keeps; choose another schema, or leave out the profile and"
            f" {VARIABLE}"
        )
    return found or wanted or STANDARD


def words(sql: str, profile: str) -> str:
    """A script in the words of a profile."""
    if profile == PORTABLE:
        for pattern, other in PORTABLE_WORDS:
            sql = pattern.sub(other, sql)
    return sql


def function_files(profile: str) -> list[Traversable]:
    """The files that lay the functions, in order."""
    found = {file.name: file for file in _folder("functions")}
    if profile == PORTABLE:
        found |= {file.name: file for file in _folder("portable")}
    return [found[name] for name in sorted(found)]


def _folder(name: str) -> list[Traversable]:
    return list(_SQL.joinpath(name).iterdir())
