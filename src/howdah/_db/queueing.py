"""What can be done with queues and pauses, where it takes more than one query."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Never
from uuid import UUID

from howdah._db import queue as queries
from howdah._db.queue import BlockedKey, Pause, QueueRecord
from howdah._db.steps import Steps
from howdah._model.nearest import hint, nearest
from howdah._model.queue import QueueOptions, check_queue_name
from howdah.errors import QueueInUseError, UnknownQueueError

# What the code says of queues, by name: they are made known when somebody asks for them first.
Declared = Mapping[str, Mapping[str, Any] | None]

BATCH = 2_000


def put(name: str, options: QueueOptions) -> Steps[QueueRecord]:
    """Say what an operator says of a queue, and read it."""
    check_queue_name(name)
    yield queries.put(name, options.to_mapping())
    return (yield from get(name, {}))


def get(name: str, declared: Declared) -> Steps[QueueRecord]:
    """Read a queue.

    Raises:
        UnknownQueueError: Nobody knows it.
    """
    record: QueueRecord | None = yield queries.get(name)
    if record is None and name in declared:
        yield queries.register({name: declared[name]})
        record = yield queries.get(name)
    return record if record is not None else (yield from _refuse(name, declared))


def check_known(name: str) -> Steps[None]:
    """Refuse a queue that nobody knows, without counting what stands in it. Raises as `get`."""
    known: list[str] = yield queries.names()
    if name not in known:
        yield from _refuse(name, {})


def find(declared: Declared) -> Steps[list[QueueRecord]]:
    """Read every queue, by name."""
    found: list[QueueRecord] = yield queries.find()
    if missing := declared.keys() - {record.name for record in found}:
        yield queries.register({name: declared[name] for name in missing})
        found = yield queries.find()
    return found


def pause(
    name: str, declared: Declared, *, by: str | None, reason: str | None
) -> Steps[QueueRecord]:
    """Pause a queue, and read it. Raises as `get`."""
    yield from get(name, declared)
    yield queries.pause(name, by=by, reason=reason)
    return (yield from get(name, declared))


def resume(name: str, declared: Declared) -> Steps[QueueRecord]:
    """End the pause of a queue, and read it. Raises as `get`."""
    yield queries.resume(name)
    return (yield from get(name, declared))


def delete(name: str, declared: Declared, *, with_jobs: bool) -> Steps[int]:
    """Forget a queue. Answers with how many of its jobs were cancelled or asked to stop.

    Raises:
        UnknownQueueError: Nobody knows it.
        QueueInUseError: It has live jobs, and nobody said that they may go.
    """
    yield from get(name, declared)
    cancelled = 0
    if with_jobs:
        after: UUID | None = None
        while True:
            after, count = yield queries.cancel_jobs(
                name, after=after, limit=BATCH, reason=f"queue {name!r} was deleted"
            )
            cancelled += count
            if after is None:
                break
    jobs: int = yield queries.delete(name, with_jobs=with_jobs)
    if jobs and not with_jobs:
        raise QueueInUseError(
            f"cannot delete queue {name!r}: it has {jobs:,} live jobs; wait for them, or say"
            " `with_jobs` to cancel them",
            queue=name,
            jobs=jobs,
        )
    return cancelled


def blocked_keys(name: str, declared: Declared) -> Steps[list[BlockedKey]]:
    """Read the keys that a failed job blocks. Raises as `get`."""
    yield from get(name, declared)
    found: list[BlockedKey] = yield queries.blocked_keys(name)
    return found


def pause_task(name: str, *, by: str | None, reason: str | None) -> Steps[Pause]:
    """Pause a task, hold its waiting jobs in batches, and read the pause."""
    yield queries.pause_task(name, by=by, reason=reason)
    after: UUID | None = None
    while True:
        after, _ = yield queries.hold(name, after=after, limit=BATCH)
        if after is None:
            break
    found: list[Pause] = yield queries.pauses()
    return next(one for one in found if (one.kind, one.name) == ("task", name))


def resume_task(name: str) -> Steps[bool]:
    """End the pause of a task and lift its jobs in batches. Answers whether it was paused."""
    was_paused: bool = yield queries.resume_task(name)
    while (yield queries.lift(limit=BATCH)) > 0:
        pass
    return was_paused


def _refuse(name: str, declared: Declared) -> Steps[Never]:
    known: list[str] = yield queries.names()
    names = sorted({*known, *declared})
    what_to_do = hint(
        str(name),
        names,
        none="there are none yet; those of the code are stored when a worker starts",
    )
    raise UnknownQueueError(
        f"no queue named {name!r}: {what_to_do}",
        queue=str(name),
        nearest=nearest(str(name), names),
    )
