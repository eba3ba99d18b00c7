"""What a benchmark asks the database beside the work itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any
from uuid import UUID

from howdah._db import wire
from howdah._db.query import Query, Row
from howdah._db.statements import quote_name, render


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What the server is and how it is set, as far as it bears on speed."""

    postgres: str
    fsync: str
    synchronous_commit: str
    full_page_writes: str
    wal_level: str
    shared_buffers: str
    max_wal_size: str

    @property
    def is_durable(self) -> bool:
        """Whether a commit that was acknowledged survives a power cut."""
        return self.fsync == "on" and self.synchronous_commit not in ("off", "local")


def text(statement: str, schema: str) -> bytes:
    """A statement as psycopg takes it, for connections that are used bare."""
    return render(statement, schema, "psycopg").text.encode()


def script(statement: str, schema: str) -> bytes:
    """A statement that names the schema itself."""
    path = files("howdah").joinpath("sql", *f"{statement}.sql".split("/"))
    return path.read_text(encoding="utf-8").replace("__schema_name__", quote_name(schema)).encode()


def hold(schema: str) -> Query[None]:
    """Say that this session benchmarks in the schema."""
    return Query("bench/hold", {"schema": schema}, _nothing)


def abandoned() -> Query[list[str]]:
    """Schemas of benchmarks that were killed. They are this session's now."""
    return Query("bench/abandoned", {}, _column)


def server() -> Query[ServerSettings]:
    """What the server is."""
    return Query("bench/server", {}, lambda rows: ServerSettings(*rows[0]))


def wal() -> Query[int]:
    """Bytes of log written so far, by everybody."""
    return Query("bench/wal", {}, _scalar)


def backends(names: Iterable[str]) -> Query[list[int]]:
    """Pids of the server processes that serve these applications."""
    return Query("bench/backends", {"names": wire.RS.join(names)}, _column)


def is_live(job_id: UUID) -> Query[bool]:
    """Whether a job is still in the live table."""
    return Query("bench/is_live", {"id": str(job_id)}, _scalar)


def any_live() -> Query[bool]:
    """Whether any job is."""
    return Query("bench/any_live", {}, _scalar)


def any_since(first: UUID) -> Query[bool]:
    """Whether a job of this id or a later one is."""
    return Query("bench/any_since", {"first": str(first)}, _scalar)


def any_ready() -> Query[bool]:
    """Whether any job can be claimed now."""
    return Query("bench/any_ready", {}, _scalar)


def kept(task: str) -> Query[int]:
    """How many jobs of a task have completed and are kept."""
    return Query("bench/kept", {"task": task}, _scalar)


def workers_seen() -> Query[int]:
    """How many processes have completed a job."""
    return Query("bench/workers_seen", {}, _scalar)


def delays(task: str) -> Query[list[int]]:
    """Nanoseconds that the jobs of a task resulted in."""
    return Query("bench/delays", {"task": task}, _column)


def first_tick() -> Query[float | None]:
    """In how many seconds the first tick of the next hour is due; None where there is none."""
    return Query("bench/first_tick", {}, _scalar)


def clear() -> Query[None]:
    """Empty the live table."""
    return Query("bench/clear", {}, _nothing)


def vacuum() -> Query[None]:
    """Free the live table of dead rows."""
    return Query("bench/vacuum", {}, _nothing)


def snapshot() -> Query[str]:
    """Take a snapshot."""
    return Query("bench/snapshot", {}, _scalar)


def tell_bare(channel: str, word: str) -> Query[None]:
    """Tell the bare listener a word."""
    return Query("bench/bare_tell", {"channel": channel, "word": word}, _nothing)


def insert_many(queue: str, task: str, ids: Sequence[str], args: Iterable[str]) -> Query[None]:
    """Write the rows of many plain jobs with nothing around it."""
    return Query(
        "bench/insert_many",
        {"queue": queue, "task": task, "ids": wire.array(ids), "args": wire.RS.join(args)},
        _nothing,
    )


def _nothing(rows: Sequence[Row]) -> None:
    return None


def _scalar(rows: Sequence[Row]) -> Any:
    return rows[0][0]


def _column(rows: Sequence[Row]) -> list[Any]:
    return [row[0] for row in rows]
