"""What a running handler can ask about its job, and say about it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from contextvars import ContextVar
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from howdah._db import adapt
from howdah._db import job as jobs
from howdah._worker.claimed import ClaimedJob
from howdah.errors import UsageError

if TYPE_CHECKING:
    from howdah._worker.ledger import Ledger

_current: ContextVar[Context] = ContextVar("howdah_context")


class Encodes(Protocol):
    """All that completing needs of a task's signature."""

    def encode_result(self, value: Any, /) -> str | None: ...


class Context:
    """The handler's side of a running job.

    A handler gets it by a parameter annotated `Context`, or from `Context.current()`.

    Attributes:
        attempt: 1 for the first run; snoozes and crashes do not count.
        fence: Names this very claim. It only rises, so a store that can compare may refuse what an
            older claim still writes.
    """

    __slots__ = ("_asked", "_encodes", "_job", "ledger", "log", "schema", "settled")

    def __init__(self, job: ClaimedJob, encodes: Encodes, ledger: Ledger, schema: str) -> None:
        self._job = job
        self._encodes = encodes
        self.ledger = ledger
        self.schema = schema
        self._asked: str | None = None
        self.log = JobLog(job, ledger)
        self.settled = False

    @classmethod
    def current(cls) -> Context:
        """The context of the job that is running here.

        Raises:
            UsageError: No job is running here.
        """
        try:
            return _current.get()
        except LookupError:
            raise UsageError(
                "there is no current job: Context.current() works in a handler that a worker runs"
            ) from None

    @property
    def job_id(self) -> UUID:
        """The job."""
        return UUID(self._job.id)

    @property
    def task(self) -> str:
        """The task's name."""
        return self._job.task

    @property
    def queue(self) -> str:
        """The queue the job was claimed from."""
        return self._job.queue

    @property
    def priority(self) -> int:
        """The job's priority."""
        return self._job.priority

    @property
    def key(self) -> str | None:
        """The key that the job holds."""
        return self._job.key

    @property
    def tags(self) -> tuple[str, ...]:
        """The job's tags."""
        return read_array(self._job.tags)

    @property
    def scheduled_for(self) -> datetime | None:
        """The tick for which a schedule sent the job, in UTC; None for any other job.

        However late the job runs and however often it is tried, it is the moment that was due.
        """
        return self._job.scheduled_for

    @property
    def attempt(self) -> int:
        """1 for the first run."""
        return self._job.attempt

    @property
    def fence(self) -> int:
        """The number of this claim."""
        return self._job.fence

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt of this job: for services that refuse doubles."""
        return self._job.id

    @property
    def is_cancelled(self) -> bool:
        """Whether the handler was asked to stop: by a cancel, its time limit or a shutdown.

        An async handler is interrupted by CancelledError and need not look. One that runs in a
        thread cannot be interrupted and should look now and then.
        """
        return self._asked is not None

    def progress(self, share: float, note: str | None = None) -> None:
        """Say how far the job is, shown on its page and kept with it.

        Args:
            share: From 0 to 1.
            note: A few words.

        Raises:
            UsageError: The share is outside 0 to 1.
        """
        if not 0 <= share <= 1:
            raise UsageError(f"cannot report progress {share!r}: it must be from 0 to 1")
        report: dict[str, object] = {"share": share, "at": time.time()}
        if note is not None:
            report["note"] = clean(note, 500)
        self.ledger.progress(self._job, json.dumps(report))

    async def complete(self, result: Any = None, *, conn: Any) -> None:
        """Complete the job in a transaction of yours, together with its effects.

        Either both are committed or neither is: a crash can neither repeat nor lose the effects.
        Commit before the handler returns. What the handler returns is ignored then.

        Args:
            result: Kept as the job's result.
            conn: A non-blocking connection or session with an open transaction.

        Raises:
            JobLostError: The claim is over, so the transaction must be rolled back.
            ResultError: The result cannot be stored.
        """
        query = jobs.complete(self._job.id, self._job.fence, self._encodes.encode_result(result))
        self.settled = True
        await adapt.async_runner(conn, self.schema).run(query)

    def complete_blocking(self, result: Any = None, *, conn: Any) -> None:
        """Complete the job in a transaction of yours, on a blocking connection or session.

        As `complete`, for handlers that run in a thread.
        """
        query = jobs.complete(self._job.id, self._job.fence, self._encodes.encode_result(result))
        self.settled = True
        adapt.runner(conn, self.schema).run(query)

    def ask_to_stop(self, why: str) -> None:
        """Tell the handler to stop. For the worker."""
        self._asked = why


class JobLog:
    """Lines that are kept with the job and shown on its page."""

    __slots__ = ("_job", "_ledger")

    def __init__(self, job: ClaimedJob, ledger: Ledger) -> None:
        self._job = job
        self._ledger = ledger

    def debug(self, message: str, /, **fields: object) -> None:
        """Keep a line of level debug."""
        self._write("debug", message, fields)

    def info(self, message: str, /, **fields: object) -> None:
        """Keep a line of level info."""
        self._write("info", message, fields)

    def warning(self, message: str, /, **fields: object) -> None:
        """Keep a line of level warning."""
        self._write("warning", message, fields)

    def error(self, message: str, /, **fields: object) -> None:
        """Keep a line of level error."""
        self._write("error", message, fields)

    def _write(self, level: str, message: str, fields: dict[str, object]) -> None:
        self._ledger.log(
            {
                "at": time.time(),
                "job_id": self._job.id,
                "fence": self._job.fence,
                "attempt": self._job.attempt,
                "level": level,
                "message": clean(str(message), 10_000),
                "fields": {clean(k, 200): plain(v) for k, v in fields.items()} or None,
            }
        )


_ELEMENT = re.compile(r'"((?:[^"\\]|\\.)*)"|([^,{}]+)', re.DOTALL)


def read_array(text: str | None) -> tuple[str, ...]:
    """Read an array of texts as Postgres writes it. No tag is null."""
    found = _ELEMENT.finditer(text or "")
    return tuple(
        re.sub(r"\\(.)", r"\1", one[1], flags=re.DOTALL) if one[2] is None else one[2]
        for one in found
    )


def clean(text: str, limit: int) -> str:
    """Text that Postgres can hold, at most `limit` characters of it."""
    if len(text) > limit:
        text = text[:limit] + f"... ({len(text)} characters)"
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def plain(value: object) -> object:
    """A field's value as JSON can hold it: as it is, or what repr says."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return value
    if isinstance(value, float):
        return value if value - value == 0 else repr(value)
    try:
        return clean(value if isinstance(value, str) else repr(value), 2_000)
    except Exception as error:
        # Such as an int of more digits than Python likes to write out.
        return f"<{type(value).__name__} that cannot be shown: {type(error).__name__}>"


def entered(context: Context) -> Callable[[], None]:
    """Make a context the current one, and return what undoes that."""
    token = _current.set(context)
    return lambda: _current.reset(token)
