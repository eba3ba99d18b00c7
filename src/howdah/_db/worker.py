"""What can be asked of workers and the schema's upkeep: each verb as a query."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from howdah._db import wire
from howdah._db.fleet import Asked
from howdah._db.query import Query, Row


def register(
    *,
    lease: float,
    pid: int,
    host: str,
    concurrency: int,
    queues: Sequence[str],
    version: str,
    tasks: Iterable[str] | None = None,
    lowest: int | None = None,
    highest: int | None = None,
    queue_concurrency: Mapping[str, int] | None = None,
    batches: Mapping[str, int] | None = None,
    asked: Asked | None = None,
) -> Query[int]:
    """Announce a process that will execute jobs. Answers with the worker's id.

    Args:
        tasks: What its code can run, where it says so.
        lowest: The lowest priority that it takes; None for no bound.
        highest: The highest that it takes; None for no bound.
        queue_concurrency: Of these queues at most so many handlers at once.
        batches: Of these tasks one handler takes so many jobs.
        asked: What was asked of the worker in whose place it works.
    """
    asked = asked or Asked()
    return Query(
        "worker/register",
        {
            "lease": lease,
            "pid": pid,
            "host": host,
            "concurrency": concurrency,
            "queues": wire.RS.join(queues),
            "version": version,
            "wanted_concurrency": asked.concurrency,
            "paused_at": asked.paused_at,
            "paused_by": asked.paused_by,
            "tasks": None if tasks is None else wire.RS.join(tasks),
            "lowest": lowest,
            "highest": highest,
            "queue_concurrency": json.dumps(queue_concurrency) if queue_concurrency else None,
            "batches": json.dumps(batches) if batches else None,
        },
        _scalar,
    )


def beat(
    worker_ids: Iterable[int], *, memory: Mapping[int, int | None] | None = None
) -> Query[frozenset[int]]:
    """Renew the leases of these workers. Answers with those that still had one.

    Args:
        worker_ids: The workers.
        memory: How many bytes each of them takes, where it is known.
    """
    ids = list(worker_ids)
    found = [(memory or {}).get(worker_id) for worker_id in ids]
    bytes_of_each = wire.array("null" if one is None else one for one in found)
    return Query(
        "worker/beat",
        {"ids": wire.array(ids), "memory": bytes_of_each},
        lambda rows: frozenset(row[0] for row in rows),
    )


def release(worker_id: int, *, running: Iterable[str] | None, crash_limit: int) -> Query[int]:
    """Give back all that a worker held, and forget it.

    Args:
        worker_id: The worker that died or left.
        running: Ids of the jobs whose handlers ran when it died; None when nobody knows.
        crash_limit: So many crashes end a job as failed.
    """
    return Query(
        "worker/release",
        {
            "worker_id": worker_id,
            "running": None if running is None else wire.array(running),
            "crash_limit": crash_limit,
        },
        _scalar,
    )


def sweep(*, crash_limit: int) -> Query[tuple[int, int]]:
    """Release workers whose lease ran out: how many workers, how many jobs."""
    return Query(
        "worker/sweep", {"crash_limit": crash_limit}, lambda rows: (rows[0][0], rows[0][1])
    )


def sweep_orphans(*, crash_limit: int) -> Query[int]:
    """Give back jobs whose worker is not known at all."""
    return Query("worker/sweep_orphans", {"crash_limit": crash_limit}, _scalar)


def write_log(lines: Sequence[dict[str, Any]]) -> Query[None]:
    """Keep what handlers logged."""
    return Query("log/write", {"lines": json.dumps(lines)}, _nothing)


def dedupe_lanes() -> Query[None]:
    """Remove double lanes."""
    return Query("lane/dedupe", {}, _nothing)


def prune_windows(*, limit: int) -> Query[int]:
    """Forget windows of sends that are over. Answers with how many it looked at."""
    return Query("throttle/prune", {"limit": limit}, _scalar)


def make_partitions(*, days: int) -> Query[tuple[int, int]]:
    """Make the day partitions that the coming days will need: how many were made, and missed."""
    return Query("database/make_partitions", {"days": days}, lambda rows: (rows[0][0], rows[0][1]))


def drop_partitions(*, log_days: int, sample_days: int) -> Query[list[str]]:
    """Drop the day partitions whose day is over. Answers with their names."""
    return Query(
        "database/drop_partitions",
        {"log_days": log_days, "sample_days": sample_days},
        lambda rows: [row[0] for row in rows],
    )


def delete_strays(*, log_days: int, sample_days: int, limit: int) -> Query[int]:
    """Delete what no partition holds and whose day is over, at most `limit` of each table."""
    return Query(
        "database/delete_strays",
        {"log_days": log_days, "sample_days": sample_days, "limit": limit},
        _scalar,
    )


def listen() -> Query[str | None]:
    """Hear in this session that there is something to claim. Answers with the channel, if any."""
    return Query("database/listen", {}, _scalar)


def ping(payload: str) -> Query[None]:
    """Say something to everybody who listens."""
    return Query("database/ping", {"payload": payload}, _nothing)


def hurry() -> Query[None]:
    """Do not wait in this session until a commit is durable."""
    return Query("database/hurry", {}, _nothing)


def rest(queues: Sequence[str]) -> Query[None]:
    """Say that this session's worker is idle on these queues."""
    return Query("lane/rest", {"queues": wire.RS.join(queues)}, _nothing)


def rise(queues: Sequence[str]) -> Query[None]:
    """Say that this session's worker is no longer idle."""
    return Query("lane/rise", {"queues": wire.RS.join(queues)}, _nothing)


def _scalar(rows: Sequence[Row]) -> Any:
    return rows[0][0]


def _nothing(rows: Sequence[Row]) -> None:
    return None
