"""Every kind of connection a user may have, behind one face.

A driver opens a connection as its users do, hands it to Howdah as they do, and begins transactions
in its library's own way. Blocking libraries are called from the test's own loop, where nothing
else runs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

import asyncpg
import django.db
import psycopg
from django.db import connections, transaction
from django.db.backends.postgresql.base import DatabaseWrapper
from django.utils.connection import ConnectionProxy
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import (
    AsyncSession,
    async_scoped_session,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import Session, scoped_session, sessionmaker
from sqlalchemy.pool import NullPool

from howdah._db import adapt
from howdah._db.query import Query

T = TypeVar("T")

DJANGO_ALIAS = "contract"


class Driver(ABC):
    """One kind of connection.

    Attributes:
        given: What the user passes as `conn=`.
    """

    given: Any

    def __init__(self, schema: str) -> None:
        self.schema = schema
        self.stack = AsyncExitStack()

    @abstractmethod
    async def open(self, url: str, *, autocommit: bool = False) -> None:
        """Connect; `close` undoes it."""

    async def close(self) -> None:
        await self.stack.aclose()

    @abstractmethod
    async def run(self, query: Query[T]) -> T:
        """Run a query through Howdah, on the user's connection."""

    @abstractmethod
    async def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        """Run the user's own SQL, on the user's connection."""

    @abstractmethod
    def begin(self) -> Any:
        """The library's own transaction block; inside another one it is a savepoint."""

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        block = self.begin()
        if hasattr(block, "__aenter__"):
            async with block:
                yield
        else:
            with block:
                yield


class Blocking(Driver):
    async def run(self, query: Query[T]) -> T:
        return adapt.runner(self.given, self.schema).run(query)


class NonBlocking(Driver):
    async def run(self, query: Query[T]) -> T:
        return await adapt.async_runner(self.given, self.schema).run(query)


class Psycopg(Blocking):
    async def open(self, url: str, *, autocommit: bool = False) -> None:
        self.given = psycopg.connect(url, autocommit=autocommit)
        self.stack.callback(self.given.close)

    async def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        cursor = self.given.execute(sql)
        return cursor.fetchall() if cursor.description else []

    def begin(self) -> Any:
        return self.given.transaction()


class AsyncPsycopg(NonBlocking):
    async def open(self, url: str, *, autocommit: bool = False) -> None:
        self.given = await psycopg.AsyncConnection.connect(url, autocommit=autocommit)
        self.stack.push_async_callback(self.given.close)

    async def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        cursor = await self.given.execute(sql)
        return await cursor.fetchall() if cursor.description else []

    def begin(self) -> Any:
        return self.given.transaction()


class Asyncpg(NonBlocking):
    async def open(self, url: str, *, autocommit: bool = False) -> None:
        self.given = await asyncpg.connect(url)
        self.stack.push_async_callback(self.given.close)

    async def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in await self.given.fetch(sql)]

    def begin(self) -> Any:
        return self.given.transaction()


class AsyncpgPool(Asyncpg):
    async def open(self, url: str, *, autocommit: bool = False) -> None:
        pool = await self.stack.enter_async_context(
            asyncpg.create_pool(url, min_size=1, max_size=1)
        )
        self.given = await self.stack.enter_async_context(pool.acquire())


class SqlalchemyConnection(Blocking):
    async def open(self, url: str, *, autocommit: bool = False) -> None:
        engine = create_engine(
            "postgresql+psycopg://",
            creator=lambda: psycopg.connect(url),
            poolclass=NullPool,
            **_isolation(autocommit),
        )
        self.given = self.stack.enter_context(engine.connect())

    async def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        result = self.given.exec_driver_sql(sql)
        return [tuple(row) for row in result] if result.returns_rows else []

    def begin(self) -> Any:
        return _begin(self.given)


class SqlalchemySession(SqlalchemyConnection):
    async def open(self, url: str, *, autocommit: bool = False) -> None:
        engine = create_engine(
            "postgresql+psycopg://",
            creator=lambda: psycopg.connect(url),
            poolclass=NullPool,
            **_isolation(autocommit),
        )
        self.given = self.make(engine)
        self.stack.callback(self.given.close)

    def make(self, engine: Any) -> Any:
        return Session(engine)

    async def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        result = self.given.connection().exec_driver_sql(sql)
        return [tuple(row) for row in result] if result.returns_rows else []


class SqlalchemyScopedSession(SqlalchemySession):
    def make(self, engine: Any) -> Any:
        return scoped_session(sessionmaker(engine))


class AsyncSqlalchemyConnection(NonBlocking):
    """An AsyncConnection over psycopg."""

    async def open(self, url: str, *, autocommit: bool = False) -> None:
        engine = self.engine(url, **_isolation(autocommit))
        self.given = await self.stack.enter_async_context(engine.connect())

    def engine(self, url: str, **options: Any) -> Any:
        return create_async_engine(
            "postgresql+psycopg://",
            async_creator=lambda: psycopg.AsyncConnection.connect(url),
            poolclass=NullPool,
            **options,
        )

    async def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        result = await self.given.exec_driver_sql(sql)
        return [tuple(row) for row in result] if result.returns_rows else []

    def begin(self) -> Any:
        return _begin(self.given)


class AsyncSqlalchemyAsyncpgConnection(AsyncSqlalchemyConnection):
    """An AsyncConnection over asyncpg."""

    def engine(self, url: str, **options: Any) -> Any:
        return create_async_engine(
            "postgresql+asyncpg://",
            async_creator=lambda: asyncpg.connect(url),
            poolclass=NullPool,
            **options,
        )


class AsyncSqlalchemySession(AsyncSqlalchemyAsyncpgConnection):
    """An AsyncSession over asyncpg."""

    async def open(self, url: str, *, autocommit: bool = False) -> None:
        self.given = self.make(self.engine(url, **_isolation(autocommit)))
        self.stack.push_async_callback(self.given.close)

    def make(self, engine: Any) -> Any:
        return AsyncSession(engine)

    async def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        result = await (await self.given.connection()).exec_driver_sql(sql)
        return [tuple(row) for row in result] if result.returns_rows else []


class AsyncSqlalchemyScopedSession(AsyncSqlalchemySession):
    def make(self, engine: Any) -> Any:
        # One scope for fixture and test, which run as two asyncio tasks.
        return async_scoped_session(async_sessionmaker(engine), scopefunc=lambda: "test")


class Django(Blocking):
    async def open(self, url: str, *, autocommit: bool = False) -> None:
        connections[DJANGO_ALIAS] = DatabaseWrapper(django_settings(url), DJANGO_ALIAS)
        self.given = ConnectionProxy(connections, DJANGO_ALIAS)
        self.stack.callback(self.given.close)

    async def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        with self.given.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def begin(self) -> Any:
        return transaction.atomic(using=DJANGO_ALIAS)


class DjangoServerSide(Django):
    """Django, with parameters bound by the server."""

    async def open(self, url: str, *, autocommit: bool = False) -> None:
        await super().open(url, autocommit=autocommit)
        self.given.settings_dict["OPTIONS"]["server_side_binding"] = True


DRIVERS: dict[str, Callable[[str], Driver]] = {
    "psycopg": Psycopg,
    "psycopg-async": AsyncPsycopg,
    "asyncpg": Asyncpg,
    "asyncpg-pool": AsyncpgPool,
    "sqlalchemy-connection": SqlalchemyConnection,
    "sqlalchemy-session": SqlalchemySession,
    "sqlalchemy-scoped-session": SqlalchemyScopedSession,
    "sqlalchemy-async-psycopg": AsyncSqlalchemyConnection,
    "sqlalchemy-async-asyncpg": AsyncSqlalchemyAsyncpgConnection,
    "sqlalchemy-async-session": AsyncSqlalchemySession,
    "sqlalchemy-async-scoped-session": AsyncSqlalchemyScopedSession,
    "django": Django,
    "django-server-side": DjangoServerSide,
}


def django_settings(url: str, **options: Any) -> dict[str, Any]:
    """What Django's settings would say of the database, defaults filled in."""
    parts = conninfo_to_dict(url)
    named = {
        "NAME": parts.pop("dbname", ""),
        "USER": parts.pop("user", ""),
        "PASSWORD": parts.pop("password", ""),
        "HOST": parts.pop("host", ""),
        "PORT": parts.pop("port", ""),
    }
    settings = {"ENGINE": "django.db.backends.postgresql", **named, "OPTIONS": {**parts, **options}}
    return django.db.connections.configure_settings({"default": settings})["default"]


def _isolation(autocommit: bool) -> dict[str, Any]:
    return {"isolation_level": "AUTOCOMMIT"} if autocommit else {}


def _begin(given: Any) -> Any:
    # A scoped session is called for the session of its scope.
    current = given() if callable(given) else given
    return current.begin_nested() if current.in_transaction() else current.begin()
