"""The users table, and Howdah's view of jobs as SQLAlchemy sees it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, DateTime, MetaData, Table, Text, Uuid, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Model(DeclarativeBase):
    """The tables of this service."""


class User(Model):
    """Someone who signed up. No two share an address."""

    __tablename__ = "signup_user"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(Text, unique=True)
    first_name: Mapped[str] = mapped_column(Text)
    job_id: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


# Read only, and outside our own metadata: Howdah's migrations make it, not `create_tables`.
jobs = Table(
    "jobs",
    MetaData(),
    Column("id", Uuid),
    Column("task", Text),
    Column("state", Text),
    Column("args", JSONB),
    schema="howdah",
)


def connect(database_url: str) -> AsyncEngine:
    """Make an engine for the database that Howdah uses."""
    return create_async_engine(database_url.replace("postgresql://", "postgresql+psycopg://", 1))


async def create_tables(engine: AsyncEngine) -> None:
    """Create what is missing."""
    async with engine.begin() as connection:
        await connection.run_sync(Model.metadata.create_all)
