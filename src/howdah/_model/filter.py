"""Which jobs are meant: those that fit everything that is said."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal, get_args

from howdah._model.states import JobState
from howdah.errors import NaiveDatetimeError, UsageError

Order = Literal["newest", "oldest"]


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs are meant: those that fit everything that is said. Nothing said means all.

    Attributes:
        state: One state, or any of several.
        queue: Only of this queue.
        task: Only of this task.
        key: Only with this key.
        tags: Only with this tag, or with all of several.
        created_after, created_before: Only sent at or after, or before, this moment.
        finished_after, finished_before: Only finished at or after, or before, this moment.
        args: Only with arguments that contain these: `{"user": {"id": 7}}` fits whatever else
            the arguments and the user have.
        error: Only where an error says this, in any case: it is looked for in `Type: message` of
            each attempt that went wrong.

    Raises:
        NaiveDatetimeError: A moment has no time zone.
        UsageError: A value is not of its type, or there is no such state.
    """

    state: JobState | str | Sequence[JobState | str] = ()
    queue: str | None = None
    task: str | None = None
    key: str | None = None
    tags: str | Sequence[str] = ()
    created_after: datetime | None = None
    created_before: datetime | None = None
    finished_after: datetime | None = None
    finished_before: datetime | None = None
    args: Mapping[str, Any] | None = None
    error: str | None = None

    def __post_init__(self) -> None:
        states = tuple(dict.fromkeys(map(_state, _several(self.state, "state"))))
        object.__setattr__(self, "state", states)
        object.__setattr__(self, "tags", _several(self.tags, "tags"))
        for name in ("queue", "task", "key", "error"):
            _check_text(getattr(self, name), name)
        for tag in self.tags:
            _check_text(tag, "tags")
        args: object = self.args
        if args is not None and not isinstance(args, Mapping):
            raise UsageError(f"cannot find jobs by args={args!r}: give them by parameter name")
        for name in _MOMENTS:
            _check_moment(getattr(self, name), name)

    @property
    def states(self) -> tuple[JobState, ...]:
        """The states any of which will do; none means all of them."""
        return tuple(map(JobState, self.state))

    @property
    def is_everything(self) -> bool:
        """Whether every job fits."""
        return self == JobFilter()

    def to_json(self) -> str:
        """The filter as `howdah.find` takes it.

        Raises:
            UsageError: `args` is not a JSON object.
        """
        said = {field.name: getattr(self, field.name) for field in fields(self)}
        plain = {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in said.items()
            if value is not None and value != ()
        }
        try:
            return json.dumps(plain, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        except (TypeError, ValueError) as error:
            raise UsageError(f"cannot find jobs by args={self.args!r}: {error}") from error


def check_page(order: object, limit: object) -> None:
    """Refuse what no page can be asked for with.

    Raises:
        UsageError: There is no such order, or the page would have no jobs.
    """
    if order not in get_args(Order):
        raise UsageError(f"cannot find jobs by order={order!r}: it is newest or oldest")
    if type(limit) is not int or limit < 1:
        raise UsageError(f"cannot find jobs by limit={limit!r}: it must be a whole number over 0")


_MOMENTS = ("created_after", "created_before", "finished_after", "finished_before")


def _several(said: object, name: str) -> tuple[Any, ...]:
    if isinstance(said, str):
        return (said,)
    if not isinstance(said, Iterable):
        raise UsageError(f"cannot find jobs by {name}={said!r}: give one, or several of them")
    return tuple(said)


def _state(said: object) -> JobState:
    try:
        return JobState(said)  # type: ignore[arg-type]
    except ValueError:
        raise UsageError(
            f"cannot find jobs by state={said!r}: the states are {', '.join(JobState)}"
        ) from None


def _check_text(said: object, name: str) -> None:
    if said is not None and not isinstance(said, str):
        raise UsageError(f"cannot find jobs by {name}={said!r}: it must be text")
    if said is not None and "\x00" in said:
        raise UsageError(f"cannot find jobs by {name}={said!r}: no job holds a NUL character")


def _check_moment(said: object, name: str) -> None:
    if said is None:
        return
    if not isinstance(said, datetime):
        raise UsageError(f"cannot find jobs by {name}={said!r}: it must be a datetime")
    if said.utcoffset() is None:
        raise NaiveDatetimeError(
            f"cannot find jobs by {name}={said!r}: it has no time zone, so it names no moment;"
            " write datetime.now(UTC) - ..."
        )
