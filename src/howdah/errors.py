"""Every exception Howdah raises, in one tree.

    HowdahError
    ├── UsageError (also ValueError)        the call itself is wrong
    │   ├── UnknownOptionError              an option that does not exist
    │   ├── UnknownTaskError                no task of that name is registered
    │   ├── UnknownScheduleError            there is no schedule of that name
    │   ├── UnknownWorkerError              there is no worker of that id
    │   ├── UnknownLimitError               there is no limit of that name
    │   ├── UnknownQueueError               nobody knows a queue of that name
    │   ├── MissingKeyError                 the queue's policy asks for a key
    │   ├── BadScheduleError                a cron expression, interval or zone that makes no sense
    │   ├── NaiveDatetimeError              a datetime without a time zone
    │   └── PayloadError                    arguments that cannot be sent
    │       ├── PayloadMismatchError        they do not fit the task's signature
    │       ├── PayloadValueError           a value that JSON or Postgres cannot hold
    │       └── PayloadTooLargeError        over the size limit
    ├── ConfigError (also ValueError)       the environment or the app is set up wrongly
    │   └── MissingExtraError               an optional package is not installed
    ├── DatabaseError                       the database refused or could not be reached
    │   ├── DatabaseUnreachableError
    │   ├── DatabaseReadOnlyError
    │   ├── DatabaseTooOldError
    │   ├── PrivilegeError
    │   └── SchemaError                     the schema is not the one this version needs
    │       ├── SchemaMissingError
    │       ├── SchemaBehindError
    │       └── SchemaAheadError
    ├── QueueError                          about one queue
    │   ├── QueueFullError                  as many jobs wait there as may
    │   └── QueueInUseError                 it still has live jobs
    ├── JobError                            about one job
    │   ├── JobNotFoundError
    │   ├── IllegalTransitionError          its state does not allow the verb
    │   ├── KeyTakenError                   another live job holds its key
    │   ├── JobAwaitedError                 jobs of its flow wait for it
    │   ├── JobLostError                    another worker owns it now, or it is over
    │   ├── JobFailedError                  `result()` of a job that failed
    │   ├── JobExpiredError
    │   ├── JobCancelledError
    │   └── ResultTimeoutError (also TimeoutError)
    ├── ResultError                         a handler's result cannot be stored
    └── EmbeddedError                       the private Postgres could not be run

Catch `HowdahError` to catch them all. The facts a program may want are attributes; the message
says what was asked, what is the case and what to do.

`Snooze`, `RateLimited`, `Cancel`, `DeadLetter` and `Suspend` are not errors: a handler raises them
to steer its own job, and they derive from BaseException so that an `except Exception` on the way
does not stop them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID


class HowdahError(Exception):
    """The root of every error raised by Howdah."""


class UsageError(HowdahError, ValueError):
    """The call itself is wrong; repeating it cannot help."""


class UnknownOptionError(UsageError):
    """An option was given that does not exist."""

    def __init__(self, message: str, *, option: str) -> None:
        super().__init__(message)
        self.option = option


class UnknownTaskError(UsageError):
    """A task was named that this app does not have."""

    def __init__(self, message: str, *, task: str) -> None:
        super().__init__(message)
        self.task = task


class UnknownScheduleError(UsageError):
    """A schedule was named that is not in this database."""

    def __init__(self, message: str, *, schedule: str) -> None:
        super().__init__(message)
        self.schedule = schedule


class UnknownWorkerError(UsageError):
    """A worker was named that is not there: it has left, or was taken for dead."""

    def __init__(self, message: str, *, worker_id: int) -> None:
        super().__init__(message)
        self.worker_id = worker_id


class UnknownLimitError(UsageError):
    """A limit was named that is not in this database."""

    def __init__(self, message: str, *, name: str) -> None:
        super().__init__(message)
        self.name = name


class UnknownQueueError(UsageError):
    """A queue was named that nobody knows.

    Attributes:
        nearest: A known queue that is called almost so, where there is one.
    """

    def __init__(self, message: str, *, queue: str, nearest: str | None = None) -> None:
        super().__init__(message)
        self.queue = queue
        self.nearest = nearest


class MissingKeyError(UsageError):
    """A job was sent without a key to a queue whose policy asks for one."""

    def __init__(self, message: str, *, queue: str) -> None:
        super().__init__(message)
        self.queue = queue


class BadScheduleError(UsageError):
    """A cron expression, an interval or a time zone that makes no sense."""


class NaiveDatetimeError(UsageError):
    """A datetime was given without a time zone, so it names no moment."""


class PayloadError(UsageError):
    """The arguments of a job cannot be sent."""


class PayloadMismatchError(PayloadError):
    """The arguments do not fit the task's signature.

    Attributes:
        problems: One line per offending argument: its path and what is wrong.
    """

    def __init__(self, message: str, *, problems: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class PayloadValueError(PayloadError):
    """A value that JSON or Postgres cannot hold.

    Attributes:
        path: Where it stands, such as `user.tags[3]`.
    """

    def __init__(self, message: str, *, path: str) -> None:
        super().__init__(message)
        self.path = path


class PayloadTooLargeError(PayloadError):
    """The encoded arguments are over the size limit.

    Attributes:
        size: Bytes after encoding.
        limit: Bytes allowed.
    """

    def __init__(self, message: str, *, size: int, limit: int) -> None:
        super().__init__(message)
        self.size = size
        self.limit = limit


class ConfigError(HowdahError, ValueError):
    """The environment or the app is set up wrongly."""


class MissingExtraError(ConfigError):
    """An optional package is needed and not installed."""

    def __init__(self, message: str, *, extra: str) -> None:
        super().__init__(message)
        self.extra = extra


class DatabaseError(HowdahError):
    """The database refused the statement or could not be reached.

    Attributes:
        sqlstate: The five characters Postgres answered with, where it answered.
    """

    def __init__(self, message: str, *, sqlstate: str | None = None) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


class DatabaseUnreachableError(DatabaseError):
    """No connection could be made, or it broke during the call."""


class DatabaseReadOnlyError(DatabaseError):
    """The server answers but accepts no writes: a standby, or set read-only."""


class DatabaseTooOldError(DatabaseError):
    """The server is older than the oldest supported version."""


class PrivilegeError(DatabaseError):
    """The database role lacks a privilege."""


class SchemaError(DatabaseError):
    """The schema in the database is not the one this version needs.

    Attributes:
        found: The newest migration applied, 0 when there is none, None when it was not read.
        needed: The migration this version needs.
    """

    def __init__(
        self, message: str, *, found: int | None, needed: int, sqlstate: str | None = None
    ) -> None:
        super().__init__(message, sqlstate=sqlstate)
        self.found = found
        self.needed = needed


class SchemaMissingError(SchemaError):
    """There is no Howdah schema in this database yet."""


class SchemaBehindError(SchemaError):
    """The schema is older than this version of Howdah."""


class SchemaAheadError(SchemaError):
    """The schema was migrated by a newer version that this one cannot serve."""


class QueueError(HowdahError):
    """Something about one queue.

    Attributes:
        queue: Its name.
    """

    def __init__(self, message: str, *, queue: str) -> None:
        super().__init__(message)
        self.queue = queue


class QueueFullError(QueueError):
    """As many jobs wait in the queue as may.

    Attributes:
        max_waiting: How many may.
        on_full: What its sends do then.
        full_timeout: How many seconds a send waits for room, with `on_full="block"`.
    """

    def __init__(
        self,
        message: str,
        *,
        queue: str,
        max_waiting: int,
        on_full: str = "reject",
        full_timeout: float | None = None,
    ) -> None:
        super().__init__(message, queue=queue)
        self.max_waiting = max_waiting
        self.on_full = on_full
        self.full_timeout = full_timeout


class QueueInUseError(QueueError):
    """The queue cannot be deleted, since it still has live jobs.

    Attributes:
        jobs: How many.
    """

    def __init__(self, message: str, *, queue: str, jobs: int) -> None:
        super().__init__(message, queue=queue)
        self.jobs = jobs


class JobError(HowdahError):
    """Something about one job.

    Attributes:
        job_id: The job.
    """

    def __init__(self, message: str, *, job_id: UUID) -> None:
        super().__init__(message)
        self.job_id = job_id


class JobNotFoundError(JobError):
    """There is no such job, not even in the archive."""


class IllegalTransitionError(JobError):
    """The job's state does not allow the verb.

    Attributes:
        verb: What was asked, such as `cancel`.
        state: The state the job is in.
    """

    def __init__(self, message: str, *, job_id: UUID, verb: str, state: str) -> None:
        super().__init__(message, job_id=job_id)
        self.verb = verb
        self.state = state


class KeyTakenError(JobError):
    """Another live job holds the key, so this one cannot be live as well."""


class JobAwaitedError(JobError):
    """Jobs of its flow wait for it to complete, and would wait for ever if it were deleted.

    Attributes:
        children: Which; of very many, the first.
    """

    def __init__(self, message: str, *, job_id: UUID, children: tuple[UUID, ...]) -> None:
        super().__init__(message, job_id=job_id)
        self.children = children


class JobLostError(JobError):
    """The claim is over: another worker owns the job now, or it has finished."""


class JobFailedError(JobError):
    """The job whose result was asked for has failed.

    Attributes:
        error: What the last attempt left: `type`, `message` and `traceback`.
    """

    def __init__(self, message: str, *, job_id: UUID, error: Mapping[str, Any]) -> None:
        super().__init__(message, job_id=job_id)
        self.error = dict(error)


class JobExpiredError(JobError):
    """The job whose result was asked for has expired."""


class JobCancelledError(JobError):
    """The job whose result was asked for was cancelled."""


class ResultTimeoutError(JobError, TimeoutError):
    """The job has not finished within the time given; it goes on."""


class ResultError(HowdahError):
    """A handler's result cannot be stored."""


class EmbeddedError(HowdahError):
    """The private Postgres could not be run."""
