"""One connection to one schema, on which queries run as senders and workers run them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import psycopg

from howdah._db import job as jobs
from howdah._db import worker as workers
from howdah._db.query import Query
from howdah._db.runners.psycopg import PsycopgRunner
from howdah._db.statements import quote_name
from howdah._model.options import SendOptions
from howdah._model.outcome import Outcome, Verdict

T = TypeVar("T")

LEASE = 30.0
PATIENCE = 20.0
# By somebody who will go on only when the test does, or who is held up as well. The server's own
# housekeeping may hold anybody up for a moment, and is over before the test could look at what for.
IS_BLOCKED = """
    SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_activity AS a
                   WHERE a.pid = ANY (pg_catalog.pg_blocking_pids(%s))
                     AND (a.state <> 'active' OR a.wait_event_type = 'Lock'
                          OR a.pid = pg_catalog.pg_backend_pid()))
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a worker was given: a job, and the fence that its writes must name."""

    id: str
    fence: int
    worker: int
    attempt: int = 1
    crash_count: int = 0
    priority: int = 0

    @property
    def job_id(self) -> UUID:
        """The job's id as people know it."""
        return UUID(self.id)

    def outcome(
        self, verdict: Verdict, *, delay: float | None = None, error: str | None = None
    ) -> Outcome:
        """How this claim ended."""
        return Outcome(self.id, self.fence, verdict, error=error, delay=delay)


class Desk:
    """Runs queries, and the SQL of a test's own; `howdah.` there stands for the schema."""

    def __init__(self, url: str, schema: str, *, autocommit: bool = True) -> None:
        self.url = url
        self.schema = schema
        # Nothing here outlives the server, so no commit need wait for the disk.
        self.connection = psycopg.connect(
            url, autocommit=autocommit, options="-c synchronous_commit=off"
        )
        self._runner = PsycopgRunner(self.connection, schema)
        self._thread = ThreadPoolExecutor(1)

    @property
    def pid(self) -> int:
        """The server's process behind this connection."""
        return self.connection.info.backend_pid

    def run(self, query: Query[T]) -> T:
        """Run a query of Howdah's own."""
        return self._runner.run(query)

    def start(self, query: Query[T]) -> Future[T]:
        """Run a query that may have to wait for somebody, on a thread."""
        return self._thread.submit(self.run, query)

    def start_to_put_back(self, claim: Claim, *, state: str = "retry") -> Future[Any]:
        """Give a claim back on a thread, however long it takes: the statement itself gives up."""
        return self._thread.submit(
            self.value,
            "SELECT applied FROM howdah.put_back(%s::text[]::uuid[], %s::bigint[], %s::text[],"
            " '{null}', '{true}', '{null}')",
            [claim.id],
            [claim.fence],
            [state],
        )

    def sql(self, text: str, *params: object) -> list[tuple[Any, ...]]:
        """Run SQL of the test's own."""
        text = text.replace("howdah.", quote_name(self.schema).replace("%", "%%") + ".")
        cursor = self.connection.execute(text.encode(), params)
        return cursor.fetchall() if cursor.description else []

    def value(self, text: str, *params: object) -> Any:
        """The one value of one row."""
        return self.sql(text, *params)[0][0]

    def send(self, *, queue: str = "q", task: str = "t", args: str = "{}", **options: Any) -> UUID:
        """Store a job and return its id."""
        return self.send_receipt(queue=queue, task=task, args=args, **options).id

    def send_receipt(
        self, *, queue: str = "q", task: str = "t", args: str = "{}", **options: Any
    ) -> jobs.Receipt:
        """Store a job and return the answer."""
        said = SendOptions(**options).to_json()
        return self.run(jobs.send(queue=queue, task=task, args=args, options=said))

    def worker(self, *, lease: float = LEASE, queues: Sequence[str] = ("q",)) -> int:
        """Announce a worker."""
        return self.run(
            workers.register(
                lease=lease, pid=1, host="here", concurrency=20, queues=queues, version="0"
            )
        )

    def claim(
        self,
        worker: int | None = None,
        *,
        limit: int = 1,
        queues: Sequence[str] = ("q",),
        hints: Iterable[str] = (),
    ) -> list[Claim]:
        """Claim for a worker, or for a new one; what was given, in the order of the answer."""
        worker = self.worker() if worker is None else worker
        rows = self.run(jobs.claim(queues=queues, limit=limit, worker_id=worker, hints=hints))
        return [
            Claim(row[0], row[1], worker, row[2], row[3], row[6])
            for row in rows
            if row[0] is not None
        ]

    def hints(self, worker: int, *, hints: Iterable[str] = ()) -> list[str]:
        """Look without claiming anything: where a worker would look next."""
        rows = self.run(jobs.claim(queues=["q"], limit=0, worker_id=worker, hints=hints))
        return [row[12] for row in rows if row[0] is None]

    def finish(self, *claims: Claim, verdict: Verdict = Verdict.COMPLETED) -> int:
        """End claims. Returns how many the database took."""
        return self.run(jobs.finish([claim.outcome(verdict) for claim in claims])).count

    def put_back(
        self,
        *claims: Claim,
        verdict: Verdict = Verdict.RETRY,
        delay: float | None = None,
    ) -> int:
        """Give claims back. Returns how many the database took."""
        outcomes = [claim.outcome(verdict, delay=delay) for claim in claims]
        return self.run(jobs.put_back(outcomes)).count

    def state(self, job_id: UUID | str) -> str | None:
        """The state a job is in, None when there is no such job."""
        rows = self.sql("SELECT state FROM howdah.jobs WHERE id = %s::text::uuid", str(job_id))
        return rows[0][0] if rows else None

    def row(self, job_id: UUID | str) -> dict[str, Any]:
        """All that is stored of a job, live or archived."""
        rows = self.sql(
            "SELECT to_jsonb(j) FROM howdah.job AS j WHERE id = %s::text::uuid"
            " UNION ALL SELECT to_jsonb(a) FROM howdah.archive AS a WHERE id = %s::text::uuid",
            str(job_id),
            str(job_id),
        )
        (row,) = rows
        return dict(row[0])

    def close(self) -> None:
        """Close the connection, whatever it is doing."""
        if not self.connection.closed:
            self.connection.cancel_safe(timeout=1)
        self._thread.shutdown()
        self.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction that the block may leave open for others to see."""
        with self.connection.transaction():
            yield


def wait_until_blocked(watcher: Desk, waiting: Desk, work: Future[Any]) -> None:
    """Return when the work that `waiting` has started waits for a lock of another session."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and not work.done():
        if watcher.value(IS_BLOCKED, waiting.pid):
            return
    raise AssertionError("it went on, though another session should have held it up")


async def until_blocked(watcher: Desk, pid: int) -> None:
    """Return when the server's process waits for a lock of another session."""
    async with asyncio.timeout(PATIENCE):
        while not watcher.value(IS_BLOCKED, pid):  # noqa: ASYNC110 - the fact is the server's
            await asyncio.sleep(0.005)
