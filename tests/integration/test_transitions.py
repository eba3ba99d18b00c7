"""What each verb's real statement does to a job in each state, against the table of transitions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from howdah._db import by_hand
from howdah._db import job as jobs
from howdah._db import worker as workers
from howdah._db.by_hand import ClaimRecord
from howdah._db.migrate import migrate
from howdah._db.query import Query
from howdah._db.statements import quote_name
from howdah._model.outcome import Verdict
from howdah._model.retry import Retry
from howdah._model.states import FINAL, LIVE, TRANSITIONS, JobState, allows
from howdah.errors import IllegalTransitionError, JobLostError, JobNotFoundError
from tests.conftest import Clock
from tests.integration.desk import LEASE, Claim, Desk
from tests.integration.states_picture import PAGE, redrawn

HOUR = 3_600.0
CRASH_LIMIT = 3


@dataclass(frozen=True, slots=True)
class Subject:
    """A job in a known state, and the last claim anybody had on it."""

    id: UUID
    queue: str
    claim: Claim


Act = Callable[[Desk, Clock, Subject], bool]


@dataclass(frozen=True, slots=True)
class Way:
    """One way of saying a verb: what is run, and what the job must be like for it to apply.

    Attributes:
        act: Says it, and answers whether the database did.
        delay: How long the job has been put off, in its present state.
        options: What it was sent with.
    """

    act: Act
    delay: float | None = None
    options: dict[str, Any] = field(default_factory=dict)


def ended(verdict: Verdict) -> Act:
    return lambda desk, clock, job: desk.finish(job.claim, verdict=verdict) == 1


def given_back(verdict: Verdict, delay: float | None = None) -> Act:
    return lambda desk, clock, job: desk.put_back(job.claim, verdict=verdict, delay=delay) == 1


def asked(verb: Callable[[UUID], Query[str]]) -> Act:
    return lambda desk, clock, job: desk.run(verb(job.id)) in set(JobState)


def claimed(desk: Desk, clock: Clock, job: Subject) -> bool:
    return desk.claim(queues=[job.queue]) != []


def completed_in_a_transaction(desk: Desk, clock: Clock, job: Subject) -> bool:
    desk.run(jobs.complete(job.claim.id, job.claim.fence, None))
    return True


def worker_released(running: bool | None, crash_limit: int = CRASH_LIMIT) -> Act:
    def act(desk: Desk, clock: Clock, job: Subject) -> bool:
        ids = {None: None, True: [job.claim.id], False: []}[running]
        query = workers.release(job.claim.worker, running=ids, crash_limit=crash_limit)
        return desk.run(query) == 1

    return act


def worker_swept(crash_limit: int) -> Act:
    def act(desk: Desk, clock: Clock, job: Subject) -> bool:
        clock.advance(LEASE + 1)
        return desk.run(workers.sweep(crash_limit=crash_limit))[1] == 1

    return act


def orphan_swept(desk: Desk, clock: Clock, job: Subject) -> bool:
    desk.sql("DELETE FROM howdah.worker")
    return desk.run(workers.sweep_orphans(crash_limit=CRASH_LIMIT)) == 1


def promoted(within: float | None) -> Act:
    def act(desk: Desk, clock: Clock, job: Subject) -> bool:
        clock.advance(HOUR + 1)
        return desk.run(jobs.promote(limit=10, within=within))[0] == 1

    return act


def expired(desk: Desk, clock: Clock, job: Subject) -> bool:
    clock.advance(HOUR + 1)
    return desk.run(jobs.expire(grace=0, limit=10)) == 1


def late(desk: Desk, clock: Clock, job: Subject) -> bool:
    clock.advance(HOUR + 1)
    return desk.run(jobs.expire_late(limit=10)) == 1


def by_hand_said(verb: Callable[[ClaimRecord], Query[Any]]) -> Act:
    def act(desk: Desk, clock: Clock, job: Subject) -> bool:
        record = ClaimRecord(job.id, job.claim.fence, 1, job.queue, "t", 0, "{}", None, ())
        return desk.run(verb(record)) is not None

    return act


def claimed_by_hand(desk: Desk, clock: Clock, job: Subject) -> bool:
    return desk.run(by_hand.claim(job.queue, limit=1, lease=LEASE)) != []


def changed(job_id: UUID) -> Query[str]:
    return jobs.update(job_id, '{"priority": 1, "args": {"n": 1}}')


WAYS: dict[str, list[Way]] = {
    "claim": [Way(claimed), Way(claimed_by_hand)],
    "complete": [Way(ended(Verdict.COMPLETED)), Way(completed_in_a_transaction)],
    "fail": [
        Way(ended(Verdict.FAILED)),
        Way(by_hand_said(lambda claim: by_hand.fail(claim, '"x"', retry=False))),
    ],
    "reattempt": [
        Way(given_back(Verdict.RETRY)),
        Way(given_back(Verdict.RETRY, delay=5)),
        Way(by_hand_said(lambda claim: by_hand.fail(claim, '"x"', retry=True))),
    ],
    "snooze": [
        Way(given_back(Verdict.SNOOZED, delay=5)),
        Way(by_hand_said(lambda claim: by_hand.snooze(claim, 5))),
    ],
    "suspend": [Way(given_back(Verdict.SUSPENDED)), Way(given_back(Verdict.SUSPENDED, delay=5))],
    "release": [
        Way(given_back(Verdict.RELEASED)),
        Way(by_hand_said(by_hand.release)),
        Way(worker_released(running=None)),
        Way(worker_released(running=True)),
        Way(worker_released(running=False, crash_limit=1)),
        Way(worker_released(running=True, crash_limit=1)),
        Way(worker_swept(crash_limit=CRASH_LIMIT)),
        Way(worker_swept(crash_limit=1)),
        Way(orphan_swept),
    ],
    "cancel": [Way(asked(jobs.cancel))],
    "update": [Way(asked(changed)), Way(asked(changed), delay=HOUR)],
    "resume": [Way(asked(jobs.resume)), Way(asked(jobs.resume), delay=HOUR)],
    "retry": [Way(asked(jobs.retry)), Way(asked(jobs.retry), delay=HOUR)],
    "delete": [Way(asked(jobs.delete)), Way(asked(jobs.delete), delay=HOUR)],
    "promote": [Way(promoted(within=None), delay=HOUR), Way(promoted(within=60), delay=HOUR)],
    "expire": [
        Way(expired, options={"expire_in": HOUR, "retry": Retry(limit=1)}),
        Way(expired, options={"expire_in": HOUR, "retry": Retry(limit=0)}),
        Way(late, options={"deadline": HOUR}),
    ],
}

LAST_WORD = {
    JobState.RETRY: Verdict.RETRY,
    JobState.WAITING: Verdict.SUSPENDED,
    JobState.COMPLETED: Verdict.COMPLETED,
    JobState.FAILED: Verdict.FAILED,
    JobState.EXPIRED: Verdict.EXPIRED,
    JobState.CANCELLED: Verdict.CANCELLED,
}


@pytest.fixture(scope="module")
def schema(database_url: str) -> Iterator[str]:
    """One for all tests here: each begins with empty tables."""
    migrate(database_url, schema="transitions")
    yield "transitions"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA {quote_name('transitions')} CASCADE".encode())


@pytest.fixture(scope="module")
def clock(database_url: str, schema: str) -> Clock:
    return Clock(database_url, schema)


def says_yes(act: Act, desk: Desk, clock: Clock, job: Subject) -> bool:
    """Whether the database did what was said."""
    try:
        return act(desk, clock, job)
    except (IllegalTransitionError, JobLostError):
        return False


def put_in(state: JobState, desk: Desk, way: Way) -> Subject:
    """Send a job and lead it into a state, by the verbs themselves."""
    for table in ("job", "archive", "worker"):
        desk.sql(f"DELETE FROM howdah.{table}")
    queue = uuid4().hex
    start_after = way.delay if state is JobState.CREATED else None
    job_id = desk.send(queue=queue, start_after=start_after, **way.options)
    if state is JobState.CREATED:
        return Subject(job_id, queue, Claim(str(job_id), 0, desk.worker()))
    (claim,) = desk.claim(queues=[queue])
    if state is not JobState.ACTIVE:
        verdict = LAST_WORD[state]
        if state.is_final:
            desk.finish(claim, verdict=verdict)
        else:
            desk.put_back(claim, verdict=verdict, delay=way.delay)
    assert state == desk.state(job_id)
    return Subject(job_id, queue, claim)


@pytest.mark.parametrize("state", JobState)
@pytest.mark.parametrize("verb", TRANSITIONS)
def test_a_verb_leads_exactly_where_the_table_says(
    desk: Desk, clock: Clock, verb: str, state: JobState
) -> None:
    reached: set[str | None] = set()
    for way in WAYS[verb]:
        subject = put_in(state, desk, way)
        before = desk.row(subject.id)

        if says_yes(way.act, desk, clock, subject):
            reached.add(desk.state(subject.id))
        else:
            assert before == desk.row(subject.id), "what is refused must leave no trace"

    assert TRANSITIONS[verb].get(state, frozenset()) == reached


@pytest.mark.parametrize("state", JobState)
@pytest.mark.parametrize("verb", ["cancel", "resume", "retry", "update", "delete"])
def test_whoever_asks_for_what_a_state_forbids_is_told_the_verb_and_the_state(
    desk: Desk, clock: Clock, verb: str, state: JobState
) -> None:
    if allows(verb, state):
        return
    (way, *_) = WAYS[verb]
    subject = put_in(state, desk, way)

    with pytest.raises(
        IllegalTransitionError, match=f"cannot {verb} job .*: it is {state}"
    ) as told:
        way.act(desk, clock, subject)

    assert (verb, state, subject.id) == (told.value.verb, told.value.state, told.value.job_id)


def test_every_verb_and_state_is_in_the_table() -> None:
    assert set(WAYS) == set(TRANSITIONS)
    assert set(JobState) == LIVE | FINAL


@pytest.mark.parametrize(
    "act",
    [
        ended(Verdict.COMPLETED),
        completed_in_a_transaction,
        given_back(Verdict.RETRY),
        given_back(Verdict.SUSPENDED),
    ],
)
def test_a_worker_whose_claim_is_over_is_refused_while_another_runs_the_job(
    desk: Desk, clock: Clock, act: Act
) -> None:
    stale = put_in(JobState.ACTIVE, desk, Way(act))
    desk.put_back(stale.claim)
    desk.claim(queues=[stale.queue])
    before = desk.row(stale.id)

    assert not says_yes(act, desk, clock, stale)
    assert before == desk.row(stale.id)


@pytest.mark.parametrize(
    ("verb", "way"),
    [
        (verb, way)
        for verb in ("reattempt", "snooze", "suspend", "release", "expire")
        for way in WAYS[verb]
        if way.act is not late
    ],
)
def test_a_job_that_was_asked_to_stop_is_cancelled_by_whatever_gives_it_back(
    desk: Desk, clock: Clock, verb: str, way: Way
) -> None:
    subject = put_in(JobState.ACTIVE, desk, way)
    desk.run(jobs.cancel(subject.id, reason="not wanted"))

    assert way.act(desk, clock, subject)

    row = desk.row(subject.id)
    assert (JobState.CANCELLED, "not wanted") == (row["state"], row["cancel_reason"])


@pytest.mark.parametrize("verb", [jobs.cancel, jobs.retry, jobs.resume, changed, jobs.delete])
def test_a_job_that_never_was_is_not_found(desk: Desk, verb: Callable[[UUID], Query[str]]) -> None:
    with pytest.raises(JobNotFoundError) as caught:
        desk.run(verb(missing := uuid4()))

    assert missing == caught.value.job_id


def test_the_picture_in_the_docs_is_drawn_from_the_table() -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert redrawn(page) == page, "run scripts/docs-states"
