"""What the library tells whoever listens: typed signals, and the board they are posted on.

A signal is a message, and nobody's to change. The classes are not frozen only because making a
frozen one costs three times as much, which shows where there are 50,000 jobs a second.

The core logs nothing and counts nothing. `telemetry.logs` listens and writes lines; so may an app.
A listener is called at once, on the thread that posts; one that raises is reported as
`ListenerFailed` and does not disturb the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from howdah.errors import UsageError


@dataclass(slots=True)
class Signal:
    """The root of all signals."""


@dataclass(slots=True)
class JobStarted(Signal):
    """A handler is about to run."""

    job_id: str
    task: str
    queue: str
    attempt: int


@dataclass(slots=True)
class JobEnded(Signal):
    """An attempt is over. `verdict` is how; `seconds` is how long the handler ran."""

    job_id: str
    task: str
    queue: str
    attempt: int
    verdict: str
    seconds: float
    error: str | None = None
    retry_in: float | None = None


@dataclass(slots=True)
class JobLost(Signal):
    """An outcome came too late: somebody else owns the job now, or it is over."""

    job_id: str
    fence: int


@dataclass(slots=True)
class TaskUnknown(Signal):
    """A job was claimed whose task this app does not have. It was put back for others."""

    job_id: str
    task: str
    queue: str


@dataclass(slots=True)
class LimitUnknown(Signal):
    """A handler raised `RateLimited` with a limit that there is not: only its own job waits.

    `nearest` is the limit that was probably meant.
    """

    job_id: str
    queue: str
    limit: str
    nearest: str | None = None


@dataclass(slots=True)
class QueueUnknown(Signal):
    """A worker is to serve a queue to which no task of its app belongs, and nobody has ever sent.

    It is served: others may send there yet. `nearest` is the queue that was probably meant.
    """

    queue: str
    nearest: str | None = None


@dataclass(slots=True)
class WorkerStarted(Signal):
    """A process executes jobs from now on."""

    worker_id: int
    queues: tuple[str, ...]
    concurrency: int


@dataclass(slots=True)
class WorkerIdle(Signal):
    """A worker has ended all that it claimed, and found nothing more in its queues for now."""

    worker_id: int


@dataclass(slots=True)
class WorkerScaled(Signal):
    """A worker was asked to run so many handlers at once, and does from now on."""

    worker_id: int
    concurrency: int


@dataclass(slots=True)
class TasksPaused(Signal):
    """A worker heard that other tasks are paused than before: all that are now."""

    worker_id: int
    tasks: tuple[str, ...]


@dataclass(slots=True)
class WorkerPaused(Signal):
    """A worker was asked to claim nothing. What runs there finishes."""

    worker_id: int


@dataclass(slots=True)
class WorkerResumed(Signal):
    """A worker that was paused claims again."""

    worker_id: int


@dataclass(slots=True)
class WorkerStopped(Signal):
    """A process executes no more jobs. `given_back` jobs were not finished."""

    worker_id: int
    given_back: int = 0


@dataclass(slots=True)
class WorkerDied(Signal):
    """A child process ended without being asked. Its jobs were given back at once."""

    worker_id: int
    pid: int
    exit_code: int
    given_back: int


@dataclass(slots=True)
class WorkerFailed(Signal):
    """A worker inside a web process failed, which is a defect of ours. Another takes its place."""

    worker_id: int
    error: str


@dataclass(slots=True)
class WorkersSwept(Signal):
    """Workers were taken for dead, since their lease had run out."""

    workers: int
    jobs: int


@dataclass(slots=True)
class SchedulesStray(Signal):
    """Schedules are stored that some code defined, but not that of the app that starts here."""

    names: tuple[str, ...]


@dataclass(slots=True)
class LeaseLost(Signal):
    """This worker was taken for dead. It drops what it holds and starts anew."""

    worker_id: int


@dataclass(slots=True)
class DatabaseLost(Signal):
    """A connection failed; it is tried again until it works."""

    role: str
    error: str


@dataclass(slots=True)
class DatabasePrivate(Signal):
    """Nobody names a database, so the private Postgres in that folder is started."""

    path: str


@dataclass(slots=True)
class DatabaseBack(Signal):
    """The connection works again."""

    role: str
    seconds: float


@dataclass(slots=True)
class NotificationsUnavailable(Signal):
    """NOTIFY does not arrive here, as behind PgBouncer in transaction mode: the worker polls."""

    reason: str


@dataclass(slots=True)
class PassFailed(Signal):
    """A round of housekeeping failed; the next one comes anyway."""

    name: str
    error: str


@dataclass(slots=True)
class StatementSlow(Signal):
    """A statement of a worker took more than a second."""

    statement: str
    role: str
    seconds: float


@dataclass(slots=True)
class Warned(Signal):
    """This process found something that nobody had warned of. `app.warnings` keeps it."""

    kind: str
    queue: str | None
    text: str
    facts: dict[str, Any]


@dataclass(slots=True)
class ListenerFailed(Signal):
    """A listener of these signals raised."""

    signal: str
    error: str


S = TypeVar("S", bound=Signal)
Listener = Callable[[Any], object]


class Signals:
    """The board: who listens to what."""

    def __init__(self) -> None:
        self._listeners: dict[type[Signal], tuple[Listener, ...]] = {}

    def on(self, kind: type[S], listener: Callable[[S], object]) -> Callable[[], None]:
        """Call `listener` with each signal of that kind, or of any when the kind is `Signal`.

        Returns:
            A function that ends it.

        Raises:
            UsageError: That is no kind of signal, or nothing that can be called.
        """
        given: object = kind
        if not (isinstance(given, type) and issubclass(given, Signal) and callable(listener)):
            raise UsageError(
                f"cannot call {listener!r} with each {kind!r}: give a class of howdah.signals and"
                " a function"
            )
        self._listeners[kind] = (*self._listeners.get(kind, ()), listener)

        def off() -> None:
            kept = [one for one in self._listeners.get(kind, ()) if one is not listener]
            self._listeners[kind] = tuple(kept)

        return off

    def wants(self, kind: type[Signal]) -> bool:
        """Whether anybody listens: a signal nobody wants need not be made."""
        return bool(self._listeners.get(kind) or self._listeners.get(Signal))

    def post(self, signal: Signal) -> None:
        """Call everybody who listens to this kind."""
        for kind in (type(signal), Signal):
            for listener in self._listeners.get(kind, ()):
                try:
                    listener(signal)
                except Exception as error:
                    if not isinstance(signal, ListenerFailed):
                        self.post(ListenerFailed(type(signal).__name__, repr(error)))
