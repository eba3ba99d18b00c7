"""How a job is to be sent, apart from its arguments."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from howdah._model.duration import seconds_of
from howdah._model.nearest import nearest
from howdah._model.retry import Retry
from howdah._model.window import Debounce, Throttle, checked_fields, debounce_of, throttle_of
from howdah.errors import NaiveDatetimeError, UnknownOptionError, UsageError

MIN_PRIORITY, MAX_PRIORITY = -32_768, 32_767
MAX_LABEL = 500
_EXCLUDES = {
    "throttle": ("debounce", "replace"),
    "debounce": ("throttle", "start_after"),
    "replace": ("throttle",),
    "start_after": ("debounce",),
}


# What other libraries call these, which no likeness of letters leads to.
_ELSEWHERE = {
    "delay": "start_after",
    "countdown": "start_after",
    "eta": "start_after",
    "retries": "retry",
    "max_retries": "retry",
    "attempts": "retry",
    "timeout": "expire_in",
    "unique": "key",
    "singletonKey": "key",
    "jobId": "id",
    "job_id": "id",
}


@dataclass(frozen=True, slots=True)
class SendOptions:
    """What can be said of a job beside its arguments; None says nothing.

    Attributes:
        id: The job's id, for a send that may be repeated.
        priority: Higher runs first; 0 when nobody says.
        start_after: Not before this moment, or not before this time has passed on the
            database's clock.
        retry: The policy, or just its limit, which leaves the rest to whoever speaks next.
        expire_in: How long one attempt may take.
        key: At most one live job of a task has it.
        tags: Words to find the job by; kept as a tuple.
        retention: How long it is kept after it has finished.
        deadline: It is not begun after this moment, or after this time has passed.
        throttle: One job of the task and key in each window; kept as a Throttle.
        debounce: One job for sends that follow each other closely; kept as a Debounce.
        replace: What a job of the task and key that waits takes of this send.
        group: Claims go round the groups of a queue, and take the jobs of one in order.
        dead_letter: The queue that gets a copy when it fails or expires.

    Raises:
        NaiveDatetimeError: `start_after` or `deadline` has no time zone.
        UsageError: A value is out of range.
    """

    id: UUID | None = None
    priority: int | None = None
    start_after: datetime | timedelta | float | None = None
    retry: Retry | int | None = None
    expire_in: timedelta | float | None = None
    key: str | None = None
    tags: Iterable[str] | None = None
    retention: timedelta | float | None = None
    deadline: datetime | timedelta | float | None = None
    throttle: Throttle | timedelta | float | None = None
    debounce: Debounce | timedelta | float | None = None
    replace: Iterable[str] | None = None
    group: str | None = None
    dead_letter: str | None = None

    def __post_init__(self) -> None:
        if self.id is not None and not isinstance(self.id, UUID):
            raise UsageError(f"cannot use id={self.id!r}: it must be a UUID")
        if self.priority is not None:
            _check_priority(self.priority)
        if self.start_after is not None:
            _check_time(self.start_after, "start_after")
        if self.retry is not None and not isinstance(self.retry, Retry):
            _check_retry_limit(self.retry)
        if self.expire_in is not None:
            seconds_of(self.expire_in, what="expire_in", zero=False)
        if self.retention is not None:
            seconds_of(self.retention, what="retention")
        if self.key is not None:
            _check_label(self.key, "key")
        if self.group is not None:
            _check_label(self.group, "group")
            _check_joins(self.group)
        if self.dead_letter is not None:
            _check_label(self.dead_letter, "dead_letter")
        if self.tags is not None:
            object.__setattr__(self, "tags", _checked_tags(self.tags))
        if self.deadline is not None:
            _check_time(self.deadline, "deadline")
        self._check_window()

    def _check_window(self) -> None:
        if self.throttle is not None:
            object.__setattr__(self, "throttle", throttle_of(self.throttle))
        if self.debounce is not None:
            object.__setattr__(self, "debounce", debounce_of(self.debounce))
        if self.replace is not None:
            object.__setattr__(self, "replace", checked_fields(self.replace))
        if self.throttle is not None and (self.debounce is not None or self.replace is not None):
            other = "debounce" if self.debounce is not None else "replace"
            raise UsageError(f"cannot use throttle and {other} together: choose one")
        if self.debounce is not None and self.start_after is not None:
            raise UsageError(
                "cannot use debounce and start_after together: debounce says when the job starts"
            )

    @classmethod
    def parse(cls, options: Mapping[str, Any]) -> SendOptions:
        """Make options of a mapping whose keys nobody has checked.

        Raises:
            UnknownOptionError: There is no option of that name.
            NaiveDatetimeError: `start_after` has no time zone.
            UsageError: A value is out of range.
        """
        refuse_unknown(options.keys() - set(OPTION_NAMES))
        return cls(**options)

    def over(self, weaker: SendOptions) -> SendOptions:
        """Put these options over others: what these do not say, the others do."""
        said: dict[str, Any] = {
            name: value for name in OPTION_NAMES if (value := getattr(self, name)) is not None
        }
        if isinstance(self.retry, int) and isinstance(weaker.retry, Retry):
            said["retry"] = dataclasses.replace(weaker.retry, limit=self.retry)
        # These exclude each other, so the nearer one puts the farther one out of force.
        for name in {other for one in said for other in _EXCLUDES.get(one, ())} - said.keys():
            said[name] = None
        return dataclasses.replace(weaker, **said)

    def to_mapping(self) -> dict[str, Any]:
        """The options as `howdah.send` takes them; durations are seconds."""
        said: dict[str, Any] = {}
        if self.id is not None:
            said["id"] = str(self.id)
        if self.priority is not None:
            said["priority"] = self.priority
        if isinstance(self.start_after, datetime):
            said["start_after"] = self.start_after.isoformat()
        elif self.start_after is not None:
            said["delay"] = seconds_of(self.start_after, what="start_after")
        if self.retry is not None:
            # Said is stored, even where it equals the built-in default: a job without a policy
            # of its own gets the task's, and this one may have been sent to escape it.
            retry = self.retry if isinstance(self.retry, Retry) else Retry(limit=self.retry)
            said["retry"] = retry.to_mapping()
        if self.expire_in is not None:
            said["expire_in"] = seconds_of(self.expire_in, what="expire_in")
        if self.key is not None:
            said["key"] = self.key
        if self.tags is not None:
            said["tags"] = list(self.tags)
        if self.retention is not None:
            said["retention"] = seconds_of(self.retention, what="retention")
        if isinstance(self.deadline, datetime):
            said["deadline"] = self.deadline.isoformat()
        elif self.deadline is not None:
            said["deadline"] = seconds_of(self.deadline, what="deadline")
        if isinstance(self.throttle, Throttle):
            said["throttle"] = self.throttle.to_mapping()
        if isinstance(self.debounce, Debounce):
            said["debounce"] = self.debounce.to_mapping()
        if self.replace is not None:
            said["replace"] = list(self.replace)
        if self.group is not None:
            said["group"] = self.group
        if self.dead_letter is not None:
            said["dead_letter"] = self.dead_letter
        return said

    def to_json(self) -> str:
        """The options as JSON text for `howdah.send`."""
        said = self.to_mapping()
        return json.dumps(said, ensure_ascii=False, separators=(",", ":")) if said else "{}"


OPTION_NAMES = tuple(field.name for field in fields(SendOptions))
NOTHING = SendOptions()


def merge(*levels: SendOptions | None) -> SendOptions:
    """Merge the options of call, task, queue and app: the first that says a thing decides.

    Args:
        levels: The nearest first. The exception rules of a Retry cannot be stored with a job, so
            those of the call are refused; see `refuse_rules`.
    """
    merged = NOTHING
    for level in reversed(levels):
        if level is not None and level is not NOTHING:
            merged = level.over(merged)
    return merged


def refuse_rules(options: SendOptions, *, of: str | None = None) -> None:
    """Refuse a Retry that names exceptions, for one call or a word of an operator's.

    Only code can keep those.

    Raises:
        UsageError: It names some.
    """
    if isinstance(options.retry, Retry) and options.retry.has_rules:
        if of is not None:
            raise UsageError(
                f"cannot say Retry(on=..., never=...) of {of} at run time: exception classes are"
                " not stored; give them to the task, as in @app.task(retry=Retry(never=...))"
            )
        raise UsageError(
            "cannot send with Retry(on=..., never=...): exception classes are not stored with a"
            " job; give them to the task, as in @app.task(retry=Retry(never=(ValueError,)))"
        )


def refuse_unknown(names: Iterable[str], *, known: Collection[str] | None = None) -> None:
    """Refuse options that do not exist.

    Args:
        names: What was given beside the options that do.
        known: The options there are, in the order to list them; those of a send.

    Raises:
        UnknownOptionError: `names` is not empty.
    """
    for name in sorted(names):
        there_are = OPTION_NAMES if known is None else known
        ours = _ELSEWHERE.get(name)
        near = ours if ours in there_are else nearest(name, there_are)
        what_to_do = (
            f"the options are {', '.join(there_are)}" if near is None else f"did you mean {near!r}?"
        )
        raise UnknownOptionError(f"there is no option {name!r}: {what_to_do}", option=name)


def _check_priority(priority: object) -> None:
    is_whole = isinstance(priority, int) and not isinstance(priority, bool)
    if not is_whole or not MIN_PRIORITY <= priority <= MAX_PRIORITY:  # type: ignore[operator]
        raise UsageError(
            f"cannot use priority={priority!r}: it must be a whole number from"
            f" {MIN_PRIORITY} to {MAX_PRIORITY}"
        )


def _check_time(time: datetime | timedelta | float, what: str) -> None:
    if not isinstance(time, datetime):
        seconds_of(time, what=what)
    elif time.utcoffset() is None:
        raise NaiveDatetimeError(
            f"cannot use {what}={time!r}: it has no time zone, so it names no moment;"
            " write datetime.now(UTC) + ..., or give a timedelta"
        )


def _check_retry_limit(limit: object) -> None:
    if not isinstance(limit, int):
        raise UsageError(f"cannot use retry={limit!r}: it must be a Retry or a number of retries")
    Retry(limit=limit)


def _checked_tags(tags: object) -> tuple[str, ...]:
    if isinstance(tags, str) or not isinstance(tags, Iterable):
        raise UsageError(f"cannot use tags={tags!r}: they must be a tuple of words")
    found = tuple(tags)
    for tag in found:
        _check_label(tag, "a tag")
    return found


def _check_joins(group: str) -> None:
    # `send_many` puts it between the groups of many jobs.
    if "\x1e" in group:
        raise UsageError(f"cannot use {group!r} as group: it holds the character RS")


def _check_label(label: object, what: str) -> None:
    if not isinstance(label, str):
        raise UsageError(f"cannot use {label!r} as {what}: it must be text")
    if not 1 <= len(label) <= MAX_LABEL:
        raise UsageError(
            f"cannot use {label[:40]!r} as {what}: it has {len(label)} characters and 1 to"
            f" {MAX_LABEL} are allowed"
        )
    if "\x00" in label or not _is_text(label):
        raise UsageError(
            f"cannot use {label!r} as {what}: it holds a NUL character or a lone surrogate,"
            " which Postgres cannot store"
        )


def _is_text(label: str) -> bool:
    try:
        label.encode()
    except UnicodeEncodeError:
        return False
    return True
