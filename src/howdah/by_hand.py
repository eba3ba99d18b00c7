"""Claims that are made by hand, for those who write their own loop: `app.claim`."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from functools import cache, cached_property
from typing import Any, Protocol, TypeVar
from uuid import UUID

from howdah._db import by_hand, quota
from howdah._db.by_hand import ClaimRecord
from howdah._db.query import Query
from howdah._db.steps import Steps, walk, walk_async
from howdah._model.codec import Codec, UnstorableError
from howdah._model.duration import seconds_of
from howdah._model.limits import Drawer, definitions_of
from howdah._model.payload import Signature
from howdah._model.states import JobState
from howdah._worker.context import clean
from howdah.errors import ResultError, UnknownTaskError, UsageError

T = TypeVar("T")

DEFAULT_LEASE = 300.0
# Where no worker runs, whoever claims keeps house, so often.
TEND_EVERY = 1.0


class _Task(Protocol):
    @property
    def signature(self) -> Signature: ...
    @property
    def drawer(self) -> Drawer: ...


class Runs(Protocol):
    """Runs a query on a connection of the app's own, or on the one given."""

    def __call__(
        self, query: Query[Any], /, *, conn: Any = None, again: Query[Any] | None = None
    ) -> Awaitable[Any]: ...


class _Held:
    """What was claimed, and how its arguments are read and its result written.

    Attributes:
        args: The arguments by parameter name, as JSON values.
        attempt: 1 for the first.
        fence: The number of this claim. It only rises.
        scheduled_for: The tick for which a schedule sent the job, in UTC; None for any other job.
    """

    __slots__ = (
        "_record",
        "_tasks",
        "args",
        "attempt",
        "fence",
        "id",
        "key",
        "priority",
        "queue",
        "scheduled_for",
        "tags",
        "task",
    )

    def __init__(self, tasks: Mapping[str, _Task], record: ClaimRecord) -> None:
        self._tasks = tasks
        self._record = record
        self.id: UUID = record.id
        self.task = record.task
        self.queue = record.queue
        self.priority = record.priority
        self.attempt = record.attempt
        self.fence = record.fence
        self.key = record.key
        self.tags = record.tags
        self.scheduled_for = record.scheduled_for
        self.args: Mapping[str, Any] = json.loads(record.args)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} {self.task}>"

    def arguments(self) -> dict[str, Any]:
        """The arguments as the job's task declares them, ready for `task.fn(**arguments)`.

        Raises:
            UnknownTaskError: This app has no such task.
            PayloadMismatchError: They do not fit it.
        """
        task = self._tasks.get(self.task)
        if task is None:
            raise UnknownTaskError(
                f"cannot read the arguments of job {self.id}: this app has no task {self.task!r};"
                " `args` has them as JSON values",
                task=self.task,
            )
        return task.signature.decode(self._record.args)

    def _encode(self, result: Any) -> str | None:
        task = self._tasks.get(self.task)
        if task is not None:
            return task.signature.encode_result(result)
        try:
            return None if result is None else _anything().dump(result)
        except UnstorableError as error:
            raise ResultError(f"cannot store the result of job {self.id}: {error}") from error


class Claim(_Held):
    """A job that was claimed by hand, with `app.claim`.

    Until it is settled, nobody else runs it; unless its lease runs out, which `touch` begins anew.
    Every verb names this very claim: once it is over, each raises JobLostError and changes nothing.
    With `conn`, a verb is part of the transaction that is open there.
    """

    __slots__ = ("_run",)

    def __init__(self, run: Runs, tasks: Mapping[str, _Task], record: ClaimRecord) -> None:
        super().__init__(tasks, record)
        self._run = run

    async def complete(self, result: Any = None, *, conn: Any = None) -> None:
        """Complete the job. A completion that is repeated is one.

        Args:
            result: Kept as the job's result.
            conn: A connection or session with an open transaction.

        Raises:
            JobLostError: The claim is over.
            ResultError: The result cannot be stored.
        """
        query = by_hand.complete(self._record, self._encode(result))
        await self._run(query, conn=conn, again=query)

    async def fail(
        self, error: BaseException | str, *, retry: bool = True, conn: Any = None
    ) -> JobState:
        """Say that this attempt went wrong.

        Args:
            error: What went wrong; kept with the job.
            retry: Whether another attempt may help. If so, the job's own policy decides.
            conn: A connection or session with an open transaction.

        Returns:
            retry, failed when no attempts are left, or cancelled when somebody has cancelled it.

        Raises:
            JobLostError: The claim is over.
        """
        query = by_hand.fail(self._record, _entry(error), retry=retry)
        return JobState(await self._run(query, conn=conn))

    async def snooze(self, delay: timedelta | float, *, conn: Any = None) -> JobState:
        """Give the job back for later, without counting the attempt.

        Raises:
            JobLostError: The claim is over.
        """
        query = by_hand.snooze(self._record, seconds_of(delay, what="delay"))
        return JobState(await self._run(query, conn=conn))

    async def release(self, *, conn: Any = None) -> JobState:
        """Give the job back at once, without counting the attempt.

        Raises:
            JobLostError: The claim is over.
        """
        return JobState(await self._run(by_hand.release(self._record), conn=conn))

    async def touch(self, *, lease: timedelta | float | None = None) -> bool:
        """Begin the lease anew, for this job and all that were claimed with it.

        Args:
            lease: How long it is from now on; as before when nothing is said.

        Returns:
            Whether the job is still wanted: false when somebody has cancelled it.

        Raises:
            JobLostError: The claim is over.
        """
        seconds = None if lease is None else seconds_of(lease, what="lease", zero=False)
        wanted: bool = await self._run(by_hand.touch(self._record, seconds))
        return wanted

    async def progress(self, share: float, note: str | None = None) -> None:
        """Say how far the job is, from 0 to 1.

        Raises:
            JobLostError: The claim is over.
            UsageError: The share is outside 0 to 1.
        """
        if not 0 <= share <= 1:
            raise UsageError(f"cannot report progress {share!r}: it must be from 0 to 1")
        await self._run(by_hand.progress(self._record, share, note and clean(note, 500)))


class SyncClaim(_Held):
    """A job that was claimed by hand, for code that does not await. As `Claim`."""

    __slots__ = ("_run",)

    def __init__(
        self, run: Callable[..., Any], tasks: Mapping[str, _Task], record: ClaimRecord
    ) -> None:
        super().__init__(tasks, record)
        self._run = run

    def complete(self, result: Any = None, *, conn: Any = None) -> None:
        """Complete the job. As `Claim.complete`."""
        query = by_hand.complete(self._record, self._encode(result))
        self._run(query, conn=conn, again=query)

    def fail(self, error: BaseException | str, *, retry: bool = True, conn: Any = None) -> JobState:
        """Say that this attempt went wrong. As `Claim.fail`."""
        query = by_hand.fail(self._record, _entry(error), retry=retry)
        return JobState(self._run(query, conn=conn))

    def snooze(self, delay: timedelta | float, *, conn: Any = None) -> JobState:
        """Give the job back for later. As `Claim.snooze`."""
        query = by_hand.snooze(self._record, seconds_of(delay, what="delay"))
        return JobState(self._run(query, conn=conn))

    def release(self, *, conn: Any = None) -> JobState:
        """Give the job back at once. As `Claim.release`."""
        return JobState(self._run(by_hand.release(self._record), conn=conn))

    def touch(self, *, lease: timedelta | float | None = None) -> bool:
        """Begin the lease anew. As `Claim.touch`."""
        seconds = None if lease is None else seconds_of(lease, what="lease", zero=False)
        wanted: bool = self._run(by_hand.touch(self._record, seconds))
        return wanted

    def progress(self, share: float, note: str | None = None) -> None:
        """Say how far the job is. As `Claim.progress`."""
        if not 0 <= share <= 1:
            raise UsageError(f"cannot report progress {share!r}: it must be from 0 to 1")
        self._run(by_hand.progress(self._record, share, note and clean(note, 500)))


class Claiming:
    """Makes claims for an app, and keeps house meanwhile.

    Args:
        tasks: The app's tasks by name.
    """

    def __init__(self, tasks: Mapping[str, _Task]) -> None:
        self._tasks = tasks
        self._tended_at = float("-inf")

    async def claim(
        self, run: Runs, queue: str, *, limit: int, lease: timedelta | float, conn: Any
    ) -> list[Claim]:
        """Claim jobs. For `Howdah.claim`."""
        query = _claim(queue, limit, lease)
        if conn is None and self._is_to_tend():
            await walk_async(self._tend(), run)
        return [Claim(run, self._tasks, record) for record in await run(query, conn=conn)]

    def claim_blocking(
        self,
        run: Callable[..., Any],
        queue: str,
        *,
        limit: int,
        lease: timedelta | float,
        conn: Any,
    ) -> list[SyncClaim]:
        """Claim jobs. For `Sync.claim`."""
        query = _claim(queue, limit, lease)
        if conn is None and self._is_to_tend():
            walk(self._tend(), run)
        return [SyncClaim(run, self._tasks, record) for record in run(query, conn=conn)]

    def _tend(self) -> Steps[None]:
        """Do what no worker may be there to do: tell of the limits, and keep house."""
        if definitions := definitions_of(task.drawer for task in self._tasks.values()):
            yield quota.register(definitions)
        yield by_hand.tend()

    def _is_to_tend(self) -> bool:
        now = time.monotonic()
        if now - self._tended_at < TEND_EVERY:
            return False
        self._tended_at = now
        return True


class ClaimsByHand:
    """The part of an app that claims by hand."""

    @cached_property
    def claiming(self) -> Claiming:
        """What both clients of the app claim with."""
        return Claiming(self.tasks)

    @property
    def tasks(self) -> Mapping[str, _Task]:
        """The app's tasks by name."""
        raise NotImplementedError

    async def run(
        self, query: Query[T], /, *, conn: Any = None, again: Query[T] | None = None
    ) -> T:
        """Run a query."""
        raise NotImplementedError

    async def claim(
        self,
        queue: str,
        /,
        *,
        limit: int = 1,
        lease: timedelta | float = DEFAULT_LEASE,
        conn: Any = None,
    ) -> list[Claim]:
        """Claim jobs of a queue for a loop of your own, instead of a worker's.

        Where no worker runs, this also makes jobs claimable whose time has come and gives back
        what others have claimed and lost.

        Args:
            queue: The queue.
            limit: At most so many.
            lease: What is neither settled nor touched for so long is given back to others.
            conn: Claim in the transaction that is open there: nobody sees it before the commit.

        Returns:
            The claims, in the order in which the jobs were to run; none when nothing is there.

        Raises:
            UsageError: The limit or lease cannot be used.
        """
        return await self.claiming.claim(self.run, queue, limit=limit, lease=lease, conn=conn)


class SyncClaimsByHand:
    """The part of the blocking client that claims by hand."""

    _app: Any
    run: Callable[..., Any]

    def claim(
        self,
        queue: str,
        /,
        *,
        limit: int = 1,
        lease: timedelta | float = DEFAULT_LEASE,
        conn: Any = None,
    ) -> list[SyncClaim]:
        """Claim jobs of a queue for a loop of your own. As `Howdah.claim`."""
        claiming: Claiming = self._app.claiming
        return claiming.claim_blocking(self.run, queue, limit=limit, lease=lease, conn=conn)


def _claim(queue: str, limit: int, lease: timedelta | float) -> Query[list[ClaimRecord]]:
    if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= 10_000:
        raise UsageError(f"cannot claim limit={limit!r} jobs: it must be from 1 to 10,000")
    return by_hand.claim(queue, limit=limit, lease=seconds_of(lease, what="lease", zero=False))


def _entry(error: BaseException | str) -> str:
    """What is kept of an error, as JSON text that Postgres can hold whatever it is."""
    if isinstance(error, str):
        return json.dumps({"type": "Failed", "message": clean(error, 10_000)})
    given: object = error
    if not isinstance(given, BaseException):
        raise UsageError(f"cannot fail a job with {given!r}: give an exception or a text")
    try:
        message = str(error)
    except Exception as worse:
        message = f"<its message cannot be read: {type(worse).__name__}>"
    lines = traceback.format_exception(type(error), error, error.__traceback__, limit=-30)
    return json.dumps(
        {
            "type": type(error).__qualname__,
            "message": clean(message, 10_000),
            "traceback": clean("".join(lines), 20_000),
        }
    )


@cache
def _anything() -> Codec:
    return Codec(Any, root="result", is_read_back=False, hides_nan=True)
