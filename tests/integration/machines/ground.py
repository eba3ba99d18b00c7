"""What the machines stand on: an empty schema, a clock to move, workers, and claims."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from howdah._db import job as jobs
from howdah._db import worker as workers
from howdah._db.query import Query
from howdah._model.outcome import Verdict
from howdah.errors import JobError
from tests.integration.desk import Claim, Desk

T = TypeVar("T")

TABLES = (
    *("job", "archive", "worker", "lane", "line", "line_head", "queue", "pause", "blocked_key"),
    *("quota", "quota_queue", "slot", "begun", "throttle", "dependency", "schedule", "tick"),
)
# Later than the server's start, which counts as a beat of all workers.
CLOCK = (
    "CREATE TABLE howdah.model_clock AS SELECT 0::float8 AS seconds",
    # In a table, so that moving it changes no function and spoils no plan.
    "CREATE OR REPLACE FUNCTION howdah.now() RETURNS timestamptz LANGUAGE sql STABLE AS $$"
    "SELECT '2100-01-01Z'::timestamptz + seconds * interval '1 second' FROM howdah.model_clock $$",
)
FINISHES = (Verdict.COMPLETED, Verdict.COMPLETED, Verdict.FAILED, Verdict.EXPIRED)
RETURNS = (Verdict.RETRY, Verdict.SNOOZED, Verdict.SUSPENDED, Verdict.RELEASED, Verdict.HELD)

# What is moved on now and then, by chance, is moved on by each claim.
ALWAYS = """
DO $$
DECLARE
    v_text text;
BEGIN
    FOR v_text IN
        SELECT pg_catalog.regexp_replace(
                   pg_catalog.replace(
                       pg_catalog.replace(
                           pg_catalog.replace(pg_catalog.pg_get_functiondef(p.oid),
                                              ' / 200.0', ' * 1.0'),
                           '0) + 100 THEN', '0) - 1 THEN'),
                       '(v_idle) > 100', '(v_idle) > 0'),
                   'random\\(\\) < (p_taken|1.0|0.2)', '0 < \\1', 'g')
        FROM pg_catalog.pg_proc AS p
        WHERE p.oid IN ('howdah.move_lines'::regproc, 'howdah.move_heads'::regproc,
                        'howdah.rest_lines'::regproc, 'howdah.claim_line'::regproc)
    LOOP
        EXECUTE v_text;
    END LOOP;
END
$$
"""

# How far back to reach among what there is: mostly not far.
far_back = st.sampled_from([0, 0, 1, 1, 2, 3, 5, 8])
delays = st.sampled_from([None, None, 5.0, 50.0])
times = st.sampled_from([0, 1, 5, 25, 60])


class Ground(RuleBasedStateMachine):
    """A machine on an empty schema.

    Attributes:
        desk: A session on the database.
        sender: One whose transaction may stay open for a while.
        tally: How often each thing happened that a run must have seen.
        now: The time, in seconds on the machine's clock.
        claims: What workers were given and have not yet settled.
    """

    desk: ClassVar[Desk]
    sender: ClassVar[Desk]
    tally: ClassVar[Counter[str]] = Counter()
    said: ClassVar[frozenset[str]] = frozenset()

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.claims: list[Claim] = []
        # Ids rise with the order of sending, as those do that senders make.
        self._numbers = itertools.count(1)
        for table in TABLES:
            self.desk.sql(f"DELETE FROM howdah.{table}")
        # A crashed job comes back after a pause by chance: by the same chance each time.
        self.desk.sql("SELECT pg_catalog.setseed(0.5)")
        self.pass_time(0)
        self.start_worker()

    def teardown(self) -> None:
        """Leave no transaction open."""
        self.sender.connection.rollback()

    def start_worker(self) -> None:
        """Start with a worker that remembers nothing."""
        self.worker = self.desk.worker(lease=10**9)
        self.hints: dict[tuple[str, int], str] = {}
        self.served: dict[str, dict[int, str]] = {}

    def count(self, name: str, *, happened: object = True) -> None:
        """Count what a run must have seen."""
        self.tally[name] += bool(happened)

    def pass_time(self, seconds: float) -> None:
        """Move the clock."""
        self.now += seconds
        self.desk.sql("UPDATE howdah.model_clock SET seconds = %s", self.now)

    def new_id(self) -> str:
        """An id that is higher than all before."""
        return str(UUID(int=next(self._numbers)))

    def do(self, query: Query[T]) -> T | None:
        """Run a verb that may be refused; None when it was."""
        try:
            return self.desk.run(query)
        except JobError:
            return None

    def send(
        self, *, queue: str, task: str = "t", args: dict[str, Any] | None = None, **options: Any
    ) -> jobs.Receipt:
        """Store a job with what was said of it."""
        said = {name: value for name, value in options.items() if value is not None}
        return self.desk.run(
            jobs.send(queue=queue, task=task, args=json.dumps(args or {}), options=json.dumps(said))
        )

    def claim_some(self, queues: Sequence[str], limit: int) -> list[Claim]:
        """Claim as a worker does that remembers hints and lines."""
        query = jobs.claim(
            queues=queues,
            limit=limit,
            worker_id=self.worker,
            hints=self.hints.values(),
            served=json.dumps(self.served) if self.served else None,
        )
        got = []
        for row in self.desk.run(query):
            if row[0] is not None:
                got.append(Claim(row[0], row[1], self.worker, row[2], row[3], row[6]))
            elif row[5] == "line":
                self.served.setdefault(row[4], {})[row[6]] = row[12]
            else:
                self.hints[row[4], row[6]] = row[12]
        self.claims += got
        return got

    def settle(self, back: int, verdict: Verdict, delay: float | None = None) -> bool:
        """End a claim, or give it back. Returns whether the database took it."""
        claim = reach(self.claims, back)
        self.claims.remove(claim)
        if verdict in RETURNS:
            return bool(self.desk.put_back(claim, verdict=verdict, delay=delay))
        return bool(self.desk.finish(claim, verdict=verdict))

    def crash_worker(self, crash_limit: int) -> int:
        """Lose the worker with all that it held; another one takes its place."""
        count = self.desk.run(workers.release(self.worker, running=None, crash_limit=crash_limit))
        self.claims.clear()
        self.start_worker()
        return count

    def promote_all(self) -> int:
        """Make claimable what is due."""
        return self.desk.run(jobs.promote(limit=1000, within=None))[0]

    def look(self, text: str, *params: object) -> Iterator[tuple[Any, ...]]:
        """What is in the database."""
        return iter(self.desk.sql(text, *params))


def reach(those: Sequence[T], back: int) -> T:
    """One of those, counted from the newest; the oldest when there are fewer."""
    return those[-1 - min(back, len(those) - 1)]
