"""All that Postgres knows of a schema, as plain rows that can be compared."""

from __future__ import annotations

from typing import Any

import psycopg

_ASPECTS = (
    """
    SELECT 'schema', pg_get_userbyid(n.nspowner)::text, n.nspacl::text
    FROM pg_namespace AS n WHERE n.nspname = %(schema)s
    """,
    """
    SELECT 'relation', c.relname, c.relkind::text, c.relpersistence::text, c.reloptions::text,
           c.relacl::text, pg_get_userbyid(c.relowner)::text, c.relispartition,
           pg_get_expr(c.relpartbound, c.oid), pg_get_partkeydef(c.oid),
           CASE WHEN c.relkind = 'v' THEN pg_get_viewdef(c.oid) END
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = %(schema)s
    """,
    """
    SELECT 'column', c.relname, a.attname, a.attnum, format_type(a.atttypid, a.atttypmod),
           a.attnotnull, a.attidentity::text, a.attstorage::text, a.attacl::text,
           pg_get_expr(d.adbin, d.adrelid)
    FROM pg_attribute AS a
    JOIN pg_class AS c ON c.oid = a.attrelid
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE n.nspname = %(schema)s AND a.attnum > 0 AND NOT a.attisdropped
    """,
    """
    SELECT 'constraint', k.conrelid::regclass::text, k.conname, pg_get_constraintdef(k.oid)
    FROM pg_constraint AS k JOIN pg_namespace AS n ON n.oid = k.connamespace
    WHERE n.nspname = %(schema)s
    """,
    """
    SELECT 'index', i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid), i.indisvalid
    FROM pg_index AS i
    JOIN pg_class AS c ON c.oid = i.indexrelid
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = %(schema)s
    """,
    """
    SELECT 'trigger', t.tgrelid::regclass::text, t.tgname, pg_get_triggerdef(t.oid)
    FROM pg_trigger AS t
    JOIN pg_class AS c ON c.oid = t.tgrelid
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = %(schema)s AND NOT t.tgisinternal
    """,
    """
    SELECT 'function', f.oid::regprocedure::text, pg_get_functiondef(f.oid), f.proacl::text,
           pg_get_userbyid(f.proowner)::text
    FROM pg_proc AS f JOIN pg_namespace AS n ON n.oid = f.pronamespace
    WHERE n.nspname = %(schema)s
    """,
    """
    SELECT 'type', t.typname, t.typtype::text, t.typacl::text
    FROM pg_type AS t JOIN pg_namespace AS n ON n.oid = t.typnamespace
    WHERE n.nspname = %(schema)s
    """,
)


def read_catalogue(connection: psycopg.Connection[Any], schema: str) -> set[tuple[Any, ...]]:
    """Everything that is in a schema, without what differs between two of the same."""
    found: set[tuple[Any, ...]] = set()
    for aspect in _ASPECTS:
        found.update(connection.execute(aspect.encode(), {"schema": schema}).fetchall())
    return found


def read_versions(connection: psycopg.Connection[Any], schema: str) -> set[tuple[Any, ...]]:
    """Each row of the catalogue with the transaction that wrote it: a rewrite shows."""
    rows = connection.execute(
        b"""
        SELECT 'relation', c.relname, c.xmin::text FROM pg_class AS c
        JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = %(schema)s
        UNION ALL
        SELECT 'function', f.oid::text, f.xmin::text FROM pg_proc AS f
        JOIN pg_namespace AS n ON n.oid = f.pronamespace WHERE n.nspname = %(schema)s
        """,
        {"schema": schema},
    )
    return set(rows.fetchall())
