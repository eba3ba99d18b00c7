"""What can be asked of jobs: each verb as a query."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from howdah._db import wire
from howdah._db.query import Query, Row
from howdah._db.record import JobPage, JobRecord
from howdah._model.filter import JobFilter, Order, check_page
from howdah._model.outcome import Outcome, Verdict


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to a send.

    Attributes:
        id: The job; an older one when another live job holds the key.
        created: Whether it was stored by this send.
    """

    id: UUID
    created: bool


@dataclass(frozen=True, slots=True)
class Ending:
    """How a job stands, for somebody who waits for its result. Values are JSON text."""

    state: str
    result: str | None
    error: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Requests:
    """What is asked of a worker.

    Attributes:
        is_leased: Whether its lease stands; if not, nothing else counts.
        cancelled: Which (id, fence) that it holds were asked to stop.
        concurrency: Handlers at once; None for as many as it was started with.
        is_paused: It is to claim nothing.
        is_to_leave: It is to finish and go.
        paused_tasks: Of these nothing is to be begun.
    """

    is_leased: bool
    cancelled: frozenset[tuple[str, int]]
    concurrency: int | None
    is_paused: bool
    is_to_leave: bool
    paused_tasks: frozenset[str]


@dataclass(frozen=True, slots=True)
class Applied:
    """Which outcomes the database took: all, or only those with these ids."""

    count: int
    ids: frozenset[str] | None


def send(*, queue: str, task: str, args: str, options: str) -> Query[Receipt]:
    """Store one job. `args` and `options` are JSON text."""
    return Query(
        "job/send", {"queue": queue, "task": task, "args": args, "options": options}, _receipt
    )


def send_new(*, queue: str, task: str, args: str, job_id: str, said: str) -> Query[Receipt]:
    """Store one job under an id that was made for it.

    Args:
        said: Its options as JSON members, each behind a comma; empty for a plain job.
    """
    if said:
        options = f'{{"id":"{job_id}","new_id":true{said}}}'
        return send(queue=queue, task=task, args=args, options=options)
    params = {"queue": queue, "task": task, "args": args, "id": job_id}
    return Query("job/send_plain", params, _receipt)


def get(job_id: UUID) -> Query[JobRecord | None]:
    """One job, live or archived."""
    return Query("job/get", {"id": wire.job_id(job_id)}, _one_record)


def find(
    wanted: JobFilter, *, order: Order = "newest", after: UUID | None = None, limit: int = 50
) -> Query[JobPage]:
    """Jobs that fit, one page."""
    check_page(order, limit)
    return Query(
        "job/list",
        {
            "filter": wanted.to_json(),
            "after": None if after is None else wire.job_id(after),
            "newest": order == "newest",
            "limit": limit + 1,
        },
        lambda rows: JobPage.read(rows, limit=limit),
    )


def result(job_id: UUID) -> Query[Ending | None]:
    """How a job ended, or where it stands."""
    return Query("job/result", {"id": wire.job_id(job_id)}, _ending)


def cancel(job_id: UUID, *, reason: str | None = None) -> Query[str]:
    """Cancel a job, or ask a running one to stop. Answers with its state."""
    return Query("job/cancel", {"id": wire.job_id(job_id), "reason": reason}, _scalar)


def retry(job_id: UUID) -> Query[str]:
    """Run a finished job again, or one that waits for its retry now. Answers with its state."""
    return Query("job/retry", {"id": wire.job_id(job_id)}, _scalar)


def resume(job_id: UUID) -> Query[str]:
    """Make a suspended job claimable. Answers with its state."""
    return Query("job/resume", {"id": wire.job_id(job_id)}, _scalar)


def update(job_id: UUID, changes: str) -> Query[str]:
    """Change a job that waits; `changes` is JSON text. Answers with its state."""
    return Query("job/update", {"id": wire.job_id(job_id), "changes": changes}, _scalar)


def update_key(task: str, key: str, changes: str) -> Query[list[UUID]]:
    """Change the waiting jobs of a task that have this key. Answers with their ids."""
    return Query(
        "job/update_key",
        {"task": task, "key": key, "changes": changes},
        lambda rows: [UUID(row[0]) for row in rows],
    )


def delete(job_id: UUID) -> Query[str]:
    """Forget a job that is not running. Answers with the state that it was in."""
    return Query("job/delete", {"id": wire.job_id(job_id)}, _scalar)


def complete(job_id: str, fence: int, result: str | None) -> Query[bool]:
    """Complete a running job in the transaction of whoever runs this."""
    return Query("job/complete", {"id": job_id, "fence": fence, "result": result}, _scalar)


def count() -> Query[list[tuple[str, str, int]]]:
    """How many jobs stand in each state: queue, state, count."""
    return Query("job/count", {}, lambda rows: [(row[0], row[1], row[2]) for row in rows])


def claim(
    *,
    queues: Sequence[str],
    limit: int,
    worker_id: int,
    hints: Iterable[str],
    served: str | None = None,
    lowest: int | None = None,
    highest: int | None = None,
) -> Query[Sequence[Row]]:
    """Claim jobs for a worker. The rows are read by the claimer: this is the hot path.

    Args:
        served: The line of each queue and priority that was served last, as JSON text.
        lowest: Only jobs of this priority or a higher one.
        highest: Only jobs of this priority or a lower one.
    """
    return Query(
        "job/claim",
        {
            "queues": wire.RS.join(queues),
            "limit": limit,
            "worker_id": worker_id,
            "hints": wire.RS.join(hints) or None,
            "served": served,
            "lowest": lowest,
            "highest": highest,
        },
        _rows,
    )


def finish(outcomes: Sequence[Outcome]) -> Query[Applied]:
    """Archive what ended. Rows are locked in the order given: give them by id."""
    return Query(
        "job/finish",
        {
            "ids": wire.array([o.job_id for o in outcomes]),
            "fences": wire.array([o.fence for o in outcomes]),
            "states": ",".join([o.verdict.value for o in outcomes]),
            "results": wire.records([o.result for o in outcomes]),
            "errors": wire.records([o.error for o in outcomes]),
        },
        _applied,
    )


_SPENT = frozenset({Verdict.RETRY})
_BACK = {Verdict.SUSPENDED: "waiting", Verdict.HELD: "held"}


def put_back(outcomes: Sequence[Outcome]) -> Query[Applied]:
    """Give back what did not end: for a retry, a snooze, a release, a suspension."""
    return Query(
        "job/put_back",
        {
            "ids": wire.array([o.job_id for o in outcomes]),
            "fences": wire.array([o.fence for o in outcomes]),
            "states": ",".join([_BACK.get(o.verdict, "retry") for o in outcomes]),
            "delays": wire.array(["null" if o.delay is None else o.delay for o in outcomes]),
            "spent": wire.array([o.verdict in _SPENT for o in outcomes]),
            "errors": wire.records([o.error for o in outcomes]),
        },
        _applied,
    )


def held(worker_id: int) -> Query[list[tuple[str, int]]]:
    """The claims, (id, fence), that count as this worker's."""
    return Query(
        "job/held", {"worker_id": worker_id}, lambda rows: [(row[0], row[1]) for row in rows]
    )


def free(outcomes: Sequence[Outcome]) -> Query[frozenset[str]]:
    """Which of these outcomes' jobs no other transaction holds right now."""
    return Query(
        "job/free",
        {"ids": wire.array([o.job_id for o in outcomes])},
        lambda rows: frozenset(row[0] for row in rows),
    )


def settled(claims: Sequence[tuple[str, int]]) -> Query[frozenset[str]]:
    """Which of these (id, fence) have their outcome in the archive already."""
    return Query(
        "job/settled",
        {
            "ids": wire.array([job_id for job_id, _ in claims]),
            "fences": wire.array([fence for _, fence in claims]),
        },
        lambda rows: frozenset(row[0] for row in rows),
    )


def progress(reports: Mapping[tuple[str, int], str]) -> Query[None]:
    """Say how far running jobs are: JSON text by (id, fence)."""
    return Query(
        "job/progress",
        {
            "ids": wire.array([job_id for job_id, _ in reports]),
            "fences": wire.array([fence for _, fence in reports]),
            "progress": wire.RS.join(reports.values()),
        },
        _nothing,
    )


def requests(worker_id: int) -> Query[Requests]:
    """Whether the worker's lease stands, and what is asked of it."""
    return Query("job/requests", {"worker_id": worker_id}, _requests)


def promote(*, limit: int, within: float | None) -> Query[tuple[int, float | None]]:
    """Make due jobs claimable: how many were, and the seconds until the next is due.

    Args:
        limit: At most so many.
        within: Look only at those due in the last so many seconds; None looks at all.
    """
    return Query(
        "job/promote", {"limit": limit, "within": within}, lambda rows: (rows[0][0], rows[0][1])
    )


def expire(*, grace: float, limit: int) -> Query[int]:
    """End attempts that ran over their time by `grace` seconds. Answers with how many."""
    return Query("job/expire", {"grace": grace, "limit": limit}, _scalar)


def expire_late(*, limit: int) -> Query[int]:
    """End jobs that have not begun by their deadline. Answers with how many."""
    return Query("job/expire_late", {"limit": limit}, _scalar)


def _rows(rows: Sequence[Row]) -> Sequence[Row]:
    return rows


def _scalar(rows: Sequence[Row]) -> Any:
    return rows[0][0]


def _nothing(rows: Sequence[Row]) -> None:
    return None


def _receipt(rows: Sequence[Row]) -> Receipt:
    return Receipt(UUID(rows[0][0]), rows[0][1])


def _applied(rows: Sequence[Row]) -> Applied:
    count, ids = rows[0]
    return Applied(count, None if ids is None else frozenset(ids.split(",")) - {""})


def _one_record(rows: Sequence[Row]) -> JobRecord | None:
    return JobRecord.read(rows[0]) if rows else None


def _ending(rows: Sequence[Row]) -> Ending | None:
    return Ending(*rows[0]) if rows else None


def _requests(rows: Sequence[Row]) -> Requests:
    is_leased, asked, concurrency, is_paused, is_to_leave, paused = rows[0]
    pairs = (entry.split(" ") for entry in (asked or "").split(",") if entry)
    cancelled = frozenset((job_id, int(fence)) for job_id, fence in pairs)
    tasks = frozenset(paused.split(wire.RS)) if paused else frozenset[str]()
    return Requests(is_leased, cancelled, concurrency, is_paused, is_to_leave, tasks)
