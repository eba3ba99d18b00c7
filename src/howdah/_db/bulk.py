"""What is said to many jobs at once: in bounded batches, each a transaction of its own.

Whoever goes through a filter goes by id, so that what a batch leaves is never met twice. A batch is
all or none; where one job spoils it, each is asked for alone, and that one is named in the report.
After an interruption the same call goes on with the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from uuid import UUID

from howdah._db import job as queries
from howdah._db import wire
from howdah._db.query import Query, Row
from howdah._db.steps import Steps
from howdah._model.filter import JobFilter
from howdah._model.states import TRANSITIONS, JobState, allows
from howdah.errors import DatabaseError, JobError, UsageError

BATCH = 200
# Found at once and kept in memory: a search may cost the archive from end to end.
FOUND = 50_000
_DEADLOCK = "40P01"


@dataclass(frozen=True, slots=True)
class BulkProgress:
    """How far a call is that goes through many jobs.

    Attributes:
        seen: So many were dealt with, one way or the other.
        total: So many were there when the call began.
    """

    seen: int
    total: int


@dataclass(frozen=True, slots=True)
class BulkReport:
    """What became of the jobs of a call.

    Attributes:
        states: How many are in which state now; of deleted ones, in which state they were.
        refused: Why each other job was refused, by its id.
    """

    states: Counter[JobState] = field(default_factory=Counter)
    refused: dict[UUID, JobError] = field(default_factory=dict)

    @property
    def done(self) -> int:
        """How many jobs the call was carried out on."""
        return self.states.total()


Tell = Callable[[BulkProgress], object]
Jobs = Iterable[UUID] | JobFilter
Each = Callable[[Sequence[UUID], Iterable[JobState]], Query[dict[UUID, JobState]]]


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb that can be said of many jobs.

    Attributes:
        name: As in the table of transitions.
        one: Says it of one job.
        each: Says it of those of several that are in one of the given states.
        usual: The states that are meant where a filter names none.
    """

    name: str
    one: Callable[[UUID], Query[str]]
    each: Each
    usual: tuple[JobState, ...]

    def filter(self, wanted: JobFilter) -> JobFilter:
        """The filter with the states that the verb is said of.

        Raises:
            UsageError: It names a state in which the verb cannot be said.
        """
        for state in wanted.states:
            if not allows(self.name, state):
                fitting = ", ".join(TRANSITIONS[self.name])
                raise UsageError(
                    f"cannot {self.name} jobs that are {state}: choose among {fitting}"
                )
        return replace(wanted, state=wanted.states or self.usual)


def cancel(*, reason: str | None = None) -> Verb:
    """Cancel, or ask to stop, whatever is not over."""
    return Verb(
        "cancel",
        partial(queries.cancel, reason=reason),
        partial(_each, "job/cancel_each", reason=reason),
        tuple(TRANSITIONS["cancel"]),
    )


# What a person who says "again" or "on" means when they name no state.
RETRY = Verb(
    "retry",
    queries.retry,
    lambda ids, states: _each("job/retry_each", ids, states),
    (JobState.FAILED, JobState.EXPIRED),
)
RESUME = Verb(
    "resume",
    queries.resume,
    lambda ids, states: _each("job/resume_each", ids, states),
    tuple(TRANSITIONS["resume"]),
)
DELETE = Verb(
    "delete",
    queries.delete,
    lambda ids, states: _each("job/delete_each", ids, states),
    tuple(TRANSITIONS["delete"]),
)


def count(wanted: JobFilter) -> Query[int]:
    """How many jobs fit."""
    return Query("job/count_found", {"filter": wanted.to_json()}, lambda rows: int(rows[0][0]))


def find_ids(wanted: JobFilter, *, after: UUID | None, limit: int) -> Query[list[UUID]]:
    """The next jobs that fit, the newest first."""
    params = {
        "filter": wanted.to_json(),
        "after": None if after is None else str(after),
        "limit": limit,
    }
    return Query("job/find_ids", params, lambda rows: [UUID(row[0]) for row in rows])


def act(verb: Verb, jobs: Jobs, *, progress: Tell | None = None) -> Steps[BulkReport]:
    """Say a verb of many jobs: of these, or of all that fit.

    A job that fits and moves on meanwhile is left out, and one that is sent meanwhile may or may
    not be among them. A job that is named by its id is refused where the verb does not fit it.

    Args:
        verb: What to say.
        jobs: Ids, or a filter.
        progress: Told after each batch how far it is.

    Raises:
        UsageError: The filter names a state in which the verb cannot be said, or what was given
            are not ids.
    """
    report = BulkReport()
    if isinstance(jobs, JobFilter):
        yield from _on_all(verb, verb.filter(jobs), report, progress)
    else:
        yield from _on_these(verb, ids_of(verb.name, jobs), report, progress)
    return report


def _on_all(
    verb: Verb, wanted: JobFilter, report: BulkReport, progress: Tell | None
) -> Steps[None]:
    total = 0 if progress is None else (yield count(wanted))
    seen = 0
    after: UUID | None = None
    while ids := (yield find_ids(wanted, after=after, limit=FOUND)):
        after = ids[-1]
        for batch in batches(ids, BATCH):
            yield from _batch(verb, batch, wanted.states, report)
            seen += len(batch)
            if progress is not None:
                progress(BulkProgress(seen, max(total, seen)))


def _on_these(
    verb: Verb, ids: Sequence[UUID], report: BulkReport, progress: Tell | None
) -> Steps[None]:
    seen = 0
    for batch in batches(ids, BATCH):
        answered = yield from _batch(verb, batch, TRANSITIONS[verb.name], report)
        for job_id in batch:
            if job_id not in answered and job_id not in report.refused:
                # It was not in a state that fits. Asked alone, the database says why.
                yield from _alone(verb, job_id, report)
        seen += len(batch)
        if progress is not None:
            progress(BulkProgress(seen, len(ids)))


def _batch(
    verb: Verb, ids: Sequence[UUID], states: Iterable[JobState], report: BulkReport
) -> Steps[frozenset[UUID]]:
    """Say a verb of a batch; where one job spoils it, of each alone. Returns who answered."""
    try:
        answers: Mapping[UUID, JobState] = yield verb.each(ids, states)
    except JobError as error:
        if len(ids) == 1:
            report.refused[ids[0]] = error
            return frozenset()
    except DatabaseError as error:
        # Workers finish in an order of their own, and one of us had to give way.
        if error.sqlstate != _DEADLOCK or len(ids) == 1:
            raise
    else:
        report.states.update(answers.values())
        return frozenset(answers)
    answered: set[UUID] = set()
    for job_id in ids:
        answered |= yield from _batch(verb, [job_id], states, report)
    return frozenset(answered)


def _alone(verb: Verb, job_id: UUID, report: BulkReport) -> Steps[None]:
    try:
        report.states[JobState((yield verb.one(job_id)))] += 1
    except JobError as error:
        report.refused[job_id] = error


def batches(ids: Sequence[UUID], size: int) -> Iterator[Sequence[UUID]]:
    """The ids in their order, so many at a time."""
    return (ids[start : start + size] for start in range(0, len(ids), size))


def ids_of(verb: str, jobs: Iterable[UUID]) -> list[UUID]:
    """Each of these ids once.

    Raises:
        UsageError: They are not ids.
    """
    several = isinstance(jobs, Iterable) and not isinstance(jobs, str)
    ids = list(dict.fromkeys(jobs)) if several else []
    if not several or not all(isinstance(one, UUID) for one in ids):
        raise UsageError(f"cannot {verb} {jobs!r}: give ids, each a UUID, or a JobFilter")
    return ids


def _each(
    statement: str, ids: Sequence[UUID], states: Iterable[JobState], **more: str | None
) -> Query[dict[UUID, JobState]]:
    return Query(statement, {"ids": wire.array(ids), "states": ",".join(states), **more}, _states)


def _states(rows: Sequence[Row]) -> dict[UUID, JobState]:
    return {UUID(row[0]): JobState(row[1]) for row in rows}
