"""Runs queries on Django's database connections, inside `transaction.atomic()` or not."""

from __future__ import annotations

from typing import Any, TypeVar

from django.core.exceptions import ImproperlyConfigured, SynchronousOnlyOperation
from django.db import Error

from howdah._db.faults import CLIENT_FAULTS, translate
from howdah._db.query import Query
from howdah._db.statements import render
from howdah.errors import UsageError

T = TypeVar("T")


class DjangoRunner:
    """Runs queries on a `django.db.connection`, in its transaction."""

    def __init__(self, connection: Any, schema: str) -> None:
        """Remember the connection.

        Args:
            connection: `django.db.connection`, or one of `django.db.connections`.
            schema: Where Howdah's tables are.

        Raises:
            UsageError: The connection is to another kind of database.
        """
        if connection.vendor != "postgresql":
            raise UsageError(
                f"cannot use conn= of Django's database {connection.alias!r}: it is"
                f" {connection.vendor}, and jobs live in Postgres; pass a connection whose ENGINE"
                " is django.db.backends.postgresql"
            )
        self._connection = connection
        self._schema = schema

    def run(self, query: Query[T], /) -> T:
        """Execute one query and read its rows.

        Raises:
            HowdahError: The database refused it or is gone; `faults` says which.
        """
        text = render(query.statement, self._schema, "psycopg").text
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(text, dict(query.params))
                rows = cursor.fetchall() if cursor.description else []
        except (Error, ImproperlyConfigured, SynchronousOnlyOperation, *CLIENT_FAULTS) as fault:
            raise translate(fault, self._schema) from fault
        return query.read(rows)
