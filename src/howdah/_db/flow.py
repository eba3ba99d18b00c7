"""What is asked of flows: each verb as a query."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from howdah._db import wire
from howdah._db.query import Query, Row
from howdah._model.flow import OnFailure
from howdah._model.states import JobState


@dataclass(frozen=True, slots=True)
class Dependency:
    """A parent or a child of a job.

    Attributes:
        id: That other job.
        task: Its task's name; None when it is kept no longer.
        state: Its state; None when it is kept no longer.
        on_failure: What a parent that fails does to the child.
        is_settled: Whether the child need not wait for the parent, or has gone on already.
    """

    id: UUID
    task: str | None
    state: JobState | None
    on_failure: OnFailure
    is_settled: bool


@dataclass(frozen=True, slots=True)
class Dependencies:
    """Which jobs a job waits or waited for, and which wait or waited for it."""

    parents: tuple[Dependency, ...]
    children: tuple[Dependency, ...]


def send_flow(flow_id: str, jobs: Sequence[str]) -> Query[int]:
    """Store jobs that depend on each other; each is the JSON text of an object."""
    return Query(
        "flow/send", {"flow_id": flow_id, "jobs": f"[{','.join(jobs)}]"}, lambda rows: rows[0][0]
    )


def dependencies(job_id: UUID) -> Query[Dependencies]:
    """The parents and children of a job."""
    return Query("flow/dependencies", {"id": wire.job_id(job_id)}, _dependencies)


def job_text(
    *, job_id: str, queue: str, task: str, args: str, options: str, after: Sequence[Any]
) -> str:
    """One job for `send_flow`. `args` and `options` are JSON text of our own code."""
    head = json.dumps({"id": job_id, "queue": queue, "task": task, "after": after})
    # The task's code declares its queue, which the database may not have heard of yet.
    said = '{"new_id": true' + (f", {options[1:]}" if options != "{}" else "}")
    return f'{head[:-1]}, "args": {args}, "options": {said}}}'


def _dependencies(rows: Sequence[Row]) -> Dependencies:
    found = [(is_parent, _dependency(row)) for is_parent, *row in rows]
    return Dependencies(
        tuple(each for is_parent, each in found if is_parent),
        tuple(each for is_parent, each in found if not is_parent),
    )


def _dependency(row: Row) -> Dependency:
    job_id, task, state, on_failure, is_settled = row
    return Dependency(
        UUID(job_id),
        task,
        None if state is None else JobState(state),
        cast(OnFailure, on_failure),
        is_settled,
    )
