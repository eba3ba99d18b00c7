"""The four roles that `howdah migrate --roles` makes, and what each may do.

Roles belong to the whole server and not to a database, so their names begin with a prefix: the
schema's name, unless another is said.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.resources import files
from typing import Any, cast

import psycopg

from howdah._db import faults
from howdah._db.query import Query, Row
from howdah._db.runners.psycopg import PsycopgRunner
from howdah._db.statements import (
    DEFAULT_SCHEMA,
    MAX_NAME_BYTES,
    quote_literal,
    quote_name,
    render_script,
)
from howdah._db.wire import RS
from howdah.errors import ConfigError, PrivilegeError

ROLES = ("producer", "worker", "viewer", "operator")

_GRANT = re.compile(r"^GRANT (.+?) ON (FUNCTION )?(.+?) TO (.+?);$", re.MULTILINE)
_LIST = re.compile(r",\s*(?![^(]*\))")


def role_names(prefix: str) -> tuple[str, ...]:
    """The four roles of a prefix.

    Raises:
        ConfigError: Postgres cannot hold the names.
    """
    names = tuple(f"{prefix}_{role}" for role in ROLES)
    for name in names:
        if len(name.encode()) > MAX_NAME_BYTES:
            raise ConfigError(
                f"cannot make a role {name!r}: a name has {MAX_NAME_BYTES} bytes at most;"
                " say a shorter `--prefix`"
            )
        quote_name(name)
    return names


def script(*, schema: str = DEFAULT_SCHEMA, prefix: str) -> str:
    """The SQL that makes the roles and grants each what it needs."""
    return f"{_render('create', schema, prefix)}\n{_render('grants', schema, prefix)}"


def make(url: str, *, schema: str = DEFAULT_SCHEMA, prefix: str | None = None) -> tuple[str, ...]:
    """Make the roles, as far as they are not there, and grant each what it needs.

    May be repeated, and is to be after each migration that was not run with the roles there.

    Returns:
        The names of the roles.

    Raises:
        PrivilegeError: A role is missing and ours may not make any, or may not grant.
    """
    prefix = schema if prefix is None else prefix
    names = role_names(prefix)
    with faults.translated(schema), psycopg.connect(url, autocommit=True) as connection:
        lacking, may_make = PsycopgRunner(connection, schema).run(_lacking(names))
        if lacking and not may_make:
            raise PrivilegeError(
                f"cannot make the roles {', '.join(names)}: role {connection.info.user!r} may not"
                " create roles; have a superuser run what `howdah migrate --roles --sql` prints",
                sqlstate="42501",
            )
        with connection.transaction():
            connection.execute(script(schema=schema, prefix=prefix).encode())
    return names


def grant_again(connection: psycopg.Connection[Any], schema: str) -> None:
    """Grant the roles that the schema has what its new version needs."""
    for prefix in PsycopgRunner(connection, schema).run(_found(schema)):
        connection.execute(_render("grants", schema, prefix).encode())


def grants() -> dict[tuple[str, str, str], frozenset[str]]:
    """Who may do what: (`table` or `function`, its name, privilege), and the roles."""
    found: dict[tuple[str, str, str], frozenset[str]] = {}
    for privileges, function, objects, roles in _GRANT.findall(_read("grants")):
        if objects.startswith("SCHEMA"):
            continue
        kind = "function" if function else "table"
        names = frozenset(role.strip().strip("_") for role in roles.split(","))
        for name in _LIST.split(objects):
            for privilege in _LIST.split(privileges):
                word = cast("str", privilege).split(" ")[0]
                key = kind, name.strip().removeprefix("howdah."), word
                found[key] = found.get(key, frozenset()) | names
    return found


def _render(name: str, schema: str, prefix: str) -> str:
    text = _read(name)
    names = role_names(prefix)
    text = text.replace("__roles__", ", ".join(map(quote_literal, names)))
    text = text.replace("__schema_name__", quote_name(schema))
    text = render_script(text, schema)
    for role, called in zip(ROLES, names, strict=True):
        text = text.replace(f"__{role}__", quote_name(called))
    return text


def _read(name: str) -> str:
    return files("howdah").joinpath("sql", "roles", f"{name}.sql").read_text("utf-8")


def _lacking(names: Sequence[str]) -> Query[tuple[bool, bool]]:
    def read(rows: Sequence[Row]) -> tuple[bool, bool]:
        return rows[0][0], rows[0][1]

    return Query("roles/lacking", {"roles": RS.join(names)}, read)


def _found(schema: str) -> Query[list[str]]:
    return Query("roles/found", {"schema": schema}, lambda rows: [row[0] for row in rows])
