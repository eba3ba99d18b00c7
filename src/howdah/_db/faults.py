"""Says what a driver's exception means, in one place for every driver.

Drivers wrap each other: SQLAlchemy keeps the driver's exception in `orig`, Django as the cause. The
innermost one that carries a SQLSTATE decides. Functions of ours raise the SQLSTATEs `HW001` to
`HW011`; their message is written for people and their DETAIL is a JSON object with the facts.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from typing import Any
from uuid import UUID

import psycopg

from howdah._db.statements import DEFAULT_SCHEMA
from howdah.errors import (
    DatabaseError,
    DatabaseReadOnlyError,
    DatabaseUnreachableError,
    HowdahError,
    IllegalTransitionError,
    JobAwaitedError,
    JobError,
    JobLostError,
    JobNotFoundError,
    KeyTakenError,
    MissingKeyError,
    PayloadTooLargeError,
    PayloadValueError,
    PrivilegeError,
    QueueFullError,
    SchemaBehindError,
    SchemaMissingError,
    UnknownOptionError,
    UnknownQueueError,
    UsageError,
)

# What any driver may raise besides its own exceptions: the network's, and those of values that it
# cannot encode.
CLIENT_FAULTS = (OSError, ValueError)

_BAD_VALUE = {"22000", "22003", "22008", "22021", "22P02", "22P05", "54000", "54001"}
_UNREACHABLE = {"3D000", "53300"}
_UNREACHABLE_CLASSES = ("08", "28", "57P0")
_FIRST_RELATIONS = ("archive", "job", "jobs", "queue", "version", "worker")
_ADVICE = {
    "25P02": "an earlier statement failed in this transaction; roll it back, then try again",
    "26000": "behind PgBouncer in transaction mode, turn the driver's prepared statements off",
    "42P05": "behind PgBouncer in transaction mode, turn the driver's prepared statements off",
    "40001": "another transaction changed the same rows; run the whole transaction again",
    "40P01": "it was chosen to end a deadlock; run the whole transaction again",
    "53100": "free disk space on the database server",
    "55P03": "another transaction holds the lock; try again",
    "57014": "it was cancelled, or ran into statement_timeout",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A driver's exception, without the driver.

    Attributes:
        sqlstate: What Postgres answered with, None when it never answered.
        message: One line for people.
        detail: The facts that our own functions attach.
        kinds: The names of the exception's classes, from its own up.
        schema: The schema the statement was for.
    """

    sqlstate: str | None
    message: str
    detail: Mapping[str, Any]
    kinds: frozenset[str]
    schema: str


def translate(error: BaseException, schema: str) -> HowdahError:
    """Return the Howdah error that says what a driver's exception means.

    The caller raises it `from` the exception, so that nothing is hidden.
    """
    fault = _read(error, schema)
    state = fault.sqlstate
    if state is None:
        return _without_answer(fault)
    if state in _OURS:
        return _OURS[state](fault)
    if state in _BAD_VALUE:
        return _bad_value(fault)
    if state in _UNREACHABLE or state.startswith(_UNREACHABLE_CLASSES):
        return _unreachable(fault)
    if state in _SCHEMA and _is_about_our_schema(fault):
        return _SCHEMA[state](fault)
    if state in _REFUSED:
        return _REFUSED[state](fault)
    return _refused(fault)


@contextmanager
def translated(schema: str) -> Iterator[None]:
    """Raise a Howdah error in place of any that psycopg raises inside.

    For work on a connection of our own; `translate` says which error it is.
    """
    try:
        yield
    except (psycopg.Error, UnicodeError) as fault:
        raise translate(fault, schema) from fault


def migration(schema: str) -> str:
    """The command that brings the schema up to date."""
    named = "" if schema == DEFAULT_SCHEMA else f" --schema {shlex.quote(schema)}"
    return f"howdah migrate{named}"


def _read(error: BaseException, schema: str) -> Fault:
    chain = list(_chain(error))
    inner = next((one for one in reversed(chain) if _sqlstate(one)), chain[-1])
    diag = getattr(inner, "diag", None)
    message = getattr(diag, "message_primary", None) or getattr(inner, "message", None)
    detail = getattr(diag, "message_detail", None) or getattr(inner, "detail", None)
    if message is None and len(inner.args) == 1:
        (message,) = inner.args
    lines = str(message or inner).strip().splitlines()
    return Fault(
        sqlstate=_sqlstate(inner),
        message="; ".join(line.strip() for line in lines).rstrip(".") or type(inner).__name__,
        detail=_facts(detail),
        kinds=frozenset(kind.__name__ for one in chain for kind in type(one).__mro__),
        schema=schema,
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """From the exception that was raised to the one that it wraps."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        original = getattr(current, "orig", None)
        current = original if isinstance(original, BaseException) else current.__cause__


def _sqlstate(error: BaseException) -> str | None:
    state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    return state if isinstance(state, str) else None


def _facts(detail: object) -> Mapping[str, Any]:
    try:
        facts = json.loads(detail) if isinstance(detail, str) else None
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}


def _refused(fault: Fault) -> HowdahError:
    advice = _ADVICE.get(fault.sqlstate or "")
    message = f"the database refused the statement: {fault.message}"
    return DatabaseError(
        f"{message} ({advice})" if advice else message,
        sqlstate=fault.sqlstate,
    )


def _without_answer(fault: Fault) -> HowdahError:
    """An exception that the driver made itself, before or instead of an answer."""
    if fault.kinds & {"InvalidRequestError", "SynchronousOnlyOperation"}:
        return UsageError(f"this connection cannot be used now: {fault.message}")
    if "PipelineAborted" in fault.kinds:
        return _refused(fault)
    # asyncpg has no name of its own for a connection that was closed or given back to its pool.
    ended = "InterfaceError" in fault.kinds and any(
        word in fault.message for word in ("closed", "released")
    )
    if ended or fault.kinds & {"OperationalError", "OSError", "TimeoutError"}:
        return _unreachable(fault)
    if fault.kinds & {"DataError", "ValueError"}:
        return _bad_value(fault)
    return _refused(fault)


def _unreachable(fault: Fault) -> HowdahError:
    return DatabaseUnreachableError(
        f"the database cannot be reached: {fault.message};"
        " check that it runs and that the URL is right",
        sqlstate=fault.sqlstate,
    )


def _bad_value(fault: Fault) -> HowdahError:
    if {"size", "limit"} <= fault.detail.keys():
        return PayloadTooLargeError(
            fault.message, size=int(fault.detail["size"]), limit=int(fault.detail["limit"])
        )
    path = fault.detail.get("path")
    if fault.sqlstate == "HW006":
        return PayloadValueError(fault.message, path=str(path or ""))
    return PayloadValueError(
        f"a value cannot be stored: {fault.message}; send one that JSON and Postgres can hold",
        path=str(path or ""),
    )


def _bad_option(fault: Fault) -> HowdahError:
    option = fault.detail.get("option")
    if not option:
        return UsageError(fault.message)
    return UnknownOptionError(fault.message, option=str(option))


def _unknown_queue(fault: Fault) -> HowdahError:
    nearest = fault.detail.get("nearest")
    return UnknownQueueError(
        fault.message,
        queue=str(fault.detail.get("queue", "")),
        nearest=None if nearest is None else str(nearest),
    )


def _missing_key(fault: Fault) -> HowdahError:
    return MissingKeyError(fault.message, queue=str(fault.detail.get("queue", "")))


def _queue_full(fault: Fault) -> HowdahError:
    timeout = fault.detail.get("full_timeout")
    return QueueFullError(
        fault.message,
        queue=str(fault.detail.get("queue", "")),
        max_waiting=int(fault.detail.get("max_waiting", 0)),
        on_full=str(fault.detail.get("on_full", "reject")),
        full_timeout=None if timeout is None else float(timeout),
    )


def _awaited(fault: Fault) -> HowdahError:
    children = tuple(UUID(str(one)) for one in fault.detail.get("children", ()))
    return _about(partial(JobAwaitedError, children=children))(fault)


def _about(kind: Callable[..., JobError], *facts: str) -> Callable[[Fault], HowdahError]:
    """A builder for an error that names its job and further facts."""

    def build(fault: Fault) -> HowdahError:
        try:
            job_id = UUID(str(fault.detail["job_id"]))
            more = {fact: str(fault.detail[fact]) for fact in facts}
        except (KeyError, ValueError):
            return DatabaseError(fault.message, sqlstate=fault.sqlstate)
        return kind(fault.message, job_id=job_id, **more)

    return build


def _is_about_our_schema(fault: Fault) -> bool:
    # Postgres quotes a schema alone but not the parts of a qualified name. A column is reported
    # with its table only, and the statement was ours.
    names = (f'"{fault.schema}"', f"{fault.schema}.")
    return fault.sqlstate in ("3F000", "42703") or any(name in fault.message for name in names)


def _missing(fault: Fault) -> HowdahError:
    return SchemaMissingError(
        f"schema {fault.schema!r} is not in this database: run `{migration(fault.schema)}`",
        found=0,
        needed=_needed(),
        sqlstate=fault.sqlstate,
    )


def _behind(fault: Fault) -> HowdahError:
    return SchemaBehindError(
        f"schema {fault.schema!r} is older than this version of Howdah needs"
        f" ({fault.message}): run `{migration(fault.schema)}`",
        found=None,
        needed=_needed(),
        sqlstate=fault.sqlstate,
    )


def _missing_or_behind(fault: Fault) -> HowdahError:
    """Without the first migration's relations the schema is missing, however it is called."""
    first = any(f"{fault.schema}.{name}" + '"' in fault.message for name in _FIRST_RELATIONS)
    return _missing(fault) if first else _behind(fault)


@cache
def _needed() -> int:
    folder = files("howdah").joinpath("sql", "migrations")
    return sum(path.name.endswith(".sql") for path in folder.iterdir()) if folder.is_dir() else 0


def _privilege(fault: Fault) -> HowdahError:
    return PrivilegeError(
        f"the database role lacks a privilege: {fault.message};"
        f" grant it to the role, `howdah doctor` lists what schema {fault.schema!r} needs",
        sqlstate=fault.sqlstate,
    )


def _read_only(fault: Fault) -> HowdahError:
    return DatabaseReadOnlyError(
        f"the database accepts no writes: {fault.message};"
        " connect to the primary, in a transaction that is not read-only",
        sqlstate=fault.sqlstate,
    )


_Builders = Mapping[str, Callable[[Fault], HowdahError]]

_OURS: _Builders = {
    "HW001": _about(JobLostError),
    "HW002": _about(IllegalTransitionError, "verb", "state"),
    "HW003": _about(JobNotFoundError),
    "HW004": _about(KeyTakenError),
    "HW005": _bad_option,
    "HW006": _bad_value,
    "HW008": _unknown_queue,
    "HW009": _queue_full,
    "HW010": _missing_key,
    "HW011": _awaited,
}
_SCHEMA: _Builders = {
    "3F000": _missing,
    "42P01": _missing_or_behind,
    "42703": _behind,
    "42883": _behind,
}
_REFUSED: _Builders = {"42501": _privilege, "25006": _read_only}
