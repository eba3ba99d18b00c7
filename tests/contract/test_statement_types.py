"""Every statement file: what it takes and gives must be what all drivers send and read alike."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest

import howdah
from howdah._db.statements import render

SQL = Path(howdah.__file__).parent / "sql"
# What only migrations run, on a connection of our own; and what only the schema of a testbed has.
SCRIPTS = (
    "functions/",
    "migrations/",
    "portable/",
    "profile/",
    "roles/",
    "version/",
    "testing/",
)
STATEMENTS = sorted(
    name
    for name in (str(path.relative_to(SQL).with_suffix("")) for path in SQL.rglob("*.sql"))
    if not name.startswith(SCRIPTS)
)
TAKEN_ALIKE = {"text", "int8", "float8", "bool"}
GIVEN_ALIKE = TAKEN_ALIKE | {"int2", "int4"}


@pytest.mark.parametrize("statement", STATEMENTS)
async def test_a_statement_takes_and_gives_what_drivers_agree_on(
    database_url: str, schema: str, statement: str
):
    connection = await asyncpg.connect(database_url)
    try:
        prepared = await connection.prepare(render(statement, schema, "asyncpg").text)
        taken = {kind.name for kind in prepared.get_parameters()}
        given = {column.type.name for column in prepared.get_attributes()}
    finally:
        await connection.close()

    assert set() == (taken - TAKEN_ALIKE) | (given - GIVEN_ALIKE)
