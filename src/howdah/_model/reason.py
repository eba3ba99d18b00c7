"""Why a job does not run: each reason as facts and as a sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from howdah._model.states import JobState

ReasonKind = Literal[
    "finished",
    "running",
    "orphaned",
    "suspended",
    "parent",
    "task_paused",
    "not_due",
    "due",
    "too_late",
    "queue_paused",
    "queue_blocked",
    "limit_unknown",
    "limit_blocked",
    "limit_full",
    "rate_full",
    "policy",
    "no_worker",
    "task_unknown",
    "priority_unserved",
    "workers_paused",
    "workers_busy",
    "handlers_busy",
    "turn",
]

_MOMENTS = {"since", "until", "stop_asked_at"}
_JOBS = {"job", "child"}
_MOST_GROUPS = 3


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason why a job does not run, or that it does.

    Attributes:
        kind: Which reason it is; docs/explain.md lists them with their facts.
        text: The reason as a sentence.
        facts: What it is made of: moments as datetimes, jobs as UUIDs, spans in seconds.
    """

    kind: ReasonKind
    text: str
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a job does not run, as it was at one moment.

    Attributes:
        job_id: The job.
        state: Its state then.
        reasons: All that is in its way, the nearest to the job itself first; its turn is last.
    """

    job_id: UUID
    state: JobState
    reasons: tuple[Reason, ...]

    def __str__(self) -> str:
        return "\n".join(reason.text for reason in self.reasons)


def read_reason(kind: ReasonKind, facts: Mapping[str, Any]) -> Reason:
    """Make a reason of what `howdah.explain` answers with."""
    plain: Mapping[str, Any] = _read(facts)
    return Reason(kind, _TEXTS[kind](plain), plain)


def brief(kind: ReasonKind, facts: Mapping[str, Any]) -> Reason:
    """Make a reason of what `howdah.why` answers with: its text is a few words for a table."""
    plain: Mapping[str, Any] = _read(facts)
    said = _BRIEF[kind]
    return Reason(kind, said if isinstance(said, str) else said(plain), plain)


def _read(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _read(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_read(inner) for inner in value]
    if name in _MOMENTS and value is not None:
        return datetime.fromtimestamp(value, UTC)
    return UUID(value) if name in _JOBS else value


def _finished(facts: Mapping[str, Any]) -> str:
    said = f"it is over: {facts['state']} since {_moment(facts['since'])}"
    error = facts["error"]
    if error is not None and facts["state"] in ("failed", "expired"):
        return f"{said}, with {error.get('type')}: {error.get('message')}"
    return f"{said}: {facts['reason']}" if facts["reason"] else said


def _running(facts: Mapping[str, Any]) -> str:
    where = f"worker {facts['worker']} ({facts['host']}, pid {facts['pid']})"
    said = f"it runs on {where} since {_moment(facts['since'])}, attempt {facts['attempt']}"
    if facts["stop_asked_at"] is not None:
        return f"{said}; it was asked to stop at {_moment(facts['stop_asked_at'])}"
    return said


def _orphaned(facts: Mapping[str, Any]) -> str:
    heard = (
        "is not known any more"
        if facts["silent"] is None
        else f"has not been heard of for {_span(facts['silent'])}"
    )
    return f"its worker {facts['worker']} {heard}: a live worker will give it back"


def _suspended(facts: Mapping[str, Any]) -> str:
    if facts["until"] is None:
        return "its handler put it aside until somebody says resume"
    return f"its handler put it aside until somebody says resume, or {_when(facts)}"


def _parent(facts: Mapping[str, Any]) -> str:
    parent, child = facts["job"], facts["child"]
    if facts["is_gone"]:
        return (
            f"waits in vain for its parent, job {parent}, which is gone: it was deleted, or its"
            f" retention is over; give this one up with `howdah jobs cancel {child}`"
        )
    job = f"job {parent} ({facts['task']}, {facts['state']})"
    if facts["state"] in ("failed", "expired", "cancelled"):
        return (
            f"blocked by its parent, {job}: run that again with `howdah jobs retry {parent}`, or"
            f" give this one up with `howdah jobs cancel {child}`"
        )
    if facts["state"] == "waiting":
        return f"waits for its parent, {job}, which `howdah jobs resume {parent}` wakes"
    return f"waits for its parent, {job}"


def _not_due(facts: Mapping[str, Any]) -> str:
    what = "its next attempt is not due" if facts["state"] == "retry" else "it is not due"
    return f"{what} until {_when(facts)}"


def _queue_paused(facts: Mapping[str, Any]) -> str:
    by = f" by {facts['by']}" if facts["by"] else ""
    why = f": {facts['reason']}" if facts["reason"] else ""
    return f"queue {facts['queue']!r} is paused{by} since {_moment(facts['since'])}{why}"


def _task_paused(facts: Mapping[str, Any]) -> str:
    if facts["since"] is None:
        return f"task {facts['task']!r} was paused: a worker's housekeeping lets its jobs go"
    by = f" by {facts['by']}" if facts["by"] else ""
    why = f": {facts['reason']}" if facts["reason"] else ""
    return f"task {facts['task']!r} is paused{by} since {_moment(facts['since'])}{why}"


def _limit_full(facts: Mapping[str, Any]) -> str:
    of = f" of key {facts['key']!r}" if facts["key"] else ""
    jobs = [str(holder["job"]) for holder in facts["holders"]]
    more = facts["held"] - len(jobs)
    held = ", ".join(jobs) + (f" and {more} more" if more > 0 else "")
    return (
        f"waits for a slot{of} of limit {facts['limit']!r}: {facts['held']} of {facts['total']} are"
        f" taken{f', by {held}' if held else ''}"
    )


def _rate_full(facts: Mapping[str, Any]) -> str:
    of = f" of key {facts['key']!r}" if facts["key"] else ""
    opens = f", and the next may in {_span(facts['seconds'])}" if facts["seconds"] else ""
    return (
        f"limit {facts['limit']!r} lets {facts['rate']}{of} begin in {_span(facts['per'])}: they"
        f" have begun{opens}"
    )


def _policy(facts: Mapping[str, Any]) -> str:
    of = f" of key {facts['line']!r}" if facts["line"] else ""
    task = f"{facts['task']}, " if facts["task"] is not None else ""
    return (
        f"blocked by job {facts['job']} ({task}{facts['state']}): its queue's policy"
        f" {facts['policy']} lets one{of} go at a time"
    )


def _no_worker(facts: Mapping[str, Any]) -> str:
    others = f", {facts['alive']} serve other queues" if facts["alive"] else ""
    return f"no live worker serves queue {facts['queue']!r}{others}"


def _priority_unserved(facts: Mapping[str, Any]) -> str:
    having = "" if facts["knowing"] == facts["serving"] else f" that has task {facts['task']!r}"
    groups = facts["workers"]
    others = [_range_of(group) for group in groups[:_MOST_GROUPS]]
    left = facts["knowing"] - sum(group["workers"] for group in groups[:_MOST_GROUPS])
    if left:
        others.append(f"{left} more do not take it either")
    return (
        f"no live worker{having} serves priority {facts['priority']} of queue"
        f" {facts['queue']!r}: {', '.join(others)}"
    )


def _range_of(group: Mapping[str, Any]) -> str:
    """Which priorities some workers of one host take."""
    more = group["workers"] - 1
    who = f"worker {group['worker']}{f' and {more} more' if more else ''} on {group['host']}"
    return f"{who} take{'' if more else 's'} {priorities(group['lowest'], group['highest'])}"


def priorities(lowest: int | None, highest: int | None) -> str:
    """Which priorities a worker takes, in a few words."""
    if lowest is None:
        return "all" if highest is None else f"{highest} and less"
    if highest is None:
        return f"{lowest} and more"
    return f"only {lowest}" if lowest == highest else f"{lowest} to {highest}"


def _handlers_busy(facts: Mapping[str, Any]) -> str:
    full, rest = facts["full"], facts["working"] - facts["full"]
    most = facts["most"] if facts["each"] is None else facts["each"]
    if full == 1:
        where = "its worker" if not rest else "one of its workers"
    else:
        where = f"{'its' if facts['each'] is None else 'each of its'} {full:,} workers"
    others = f", and all slots of {rest:,} more are taken" if rest else ""
    return (
        f"{most:,} of {most:,} handlers of queue {facts['queue']!r} are busy on"
        f" {where}{_taking(facts)}{others}"
    )


def _taking(facts: Mapping[str, Any]) -> str:
    """Whether only some of a queue's workers are meant."""
    return "" if facts["taking"] == facts["serving"] else " that would take it"


def _turn(facts: Mapping[str, Any]) -> str:
    if facts["ahead"] == 0:
        return "it is the next to be claimed" + (
            " of its line" if facts["line"] is not None else ""
        )
    line = " of its line" if facts["line"] is not None else ""
    said = f"{facts['ahead']:,} jobs{line} are ahead of it"
    if facts["ahead"] == 1:
        said = f"1 job{line} is ahead of it"
    if facts["seconds"] is None:
        return said
    speed = f"{facts['per_second']:,.1f} a second"
    return f"{said}: at {speed} its turn comes in about {_span(facts['seconds'])}"


_TEXTS: dict[ReasonKind, Callable[[Mapping[str, Any]], str]] = {
    "finished": _finished,
    "running": _running,
    "orphaned": _orphaned,
    "suspended": _suspended,
    "parent": _parent,
    "task_paused": _task_paused,
    "not_due": _not_due,
    "due": lambda facts: (
        f"it was due at {_moment(facts['since'])}: a worker's housekeeping makes it claimable"
    ),
    "too_late": lambda facts: (
        f"its deadline was {_moment(facts['since'])}: it will be archived as expired"
    ),
    "queue_paused": _queue_paused,
    "queue_blocked": lambda facts: (
        f"queue {facts['queue']!r} waits until {_when(facts)}: a handler was told to come later"
    ),
    "limit_unknown": lambda facts: (
        f"no worker has said what limit {facts['limit']!r} is, so it lets nothing by"
    ),
    "limit_blocked": lambda facts: (
        f"limit {facts['limit']!r} waits until {_when(facts)}: a handler was told to come later"
    ),
    "limit_full": _limit_full,
    "rate_full": _rate_full,
    "policy": _policy,
    "no_worker": _no_worker,
    "task_unknown": lambda facts: (
        f"no live worker of queue {facts['queue']!r} has task {facts['task']!r}"
    ),
    "priority_unserved": _priority_unserved,
    "workers_paused": lambda facts: (
        f"every live worker of queue {facts['queue']!r}{_taking(facts)} is paused, or about to"
        " leave"
    ),
    "workers_busy": lambda facts: (
        f"all {facts['slots']:,} slots of the workers of queue {facts['queue']!r}{_taking(facts)}"
        " are taken"
    ),
    "handlers_busy": _handlers_busy,
    "turn": _turn,
}


_ENDED = {"failed": "has failed", "expired": "has expired", "cancelled": "was cancelled"}


def _brief_parent(facts: Mapping[str, Any]) -> str:
    of = f" (of {facts['parents']})" if facts["parents"] > 1 else ""
    if facts["is_gone"]:
        return f"parent is gone{of}"
    if facts["state"] in _ENDED:
        return f"parent {facts['task']} {_ENDED[facts['state']]}{of}"
    return f"{facts['parents']} parents" if of else f"parent {facts['task']}"


def _article(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def _limit_of(facts: Mapping[str, Any]) -> str:
    return f"{facts['limit']}:{facts['key']}" if facts["key"] else f"{facts['limit']}"


_BRIEF: dict[ReasonKind, str | Callable[[Mapping[str, Any]], str]] = {
    "suspended": lambda facts: (
        "suspended" if facts["until"] is None else f"suspended, for {_span(facts['seconds'])}"
    ),
    "parent": _brief_parent,
    "task_paused": "task is paused",
    "not_due": lambda facts: f"due in {_span(facts['seconds'])}",
    "due": "due now",
    "too_late": "too late",
    "queue_paused": "queue is paused",
    "queue_blocked": lambda facts: f"queue rests {_span(facts['seconds'])}",
    "limit_unknown": lambda facts: f"unknown limit {facts['limit']}",
    "limit_blocked": lambda facts: f"limit {facts['limit']} rests {_span(facts['seconds'])}",
    "limit_full": lambda facts: f"limit {_limit_of(facts)} is full",
    "rate_full": lambda facts: f"rate {_limit_of(facts)} is used up",
    "policy": lambda facts: (
        f"behind {_article(facts['state'])} job"
        + (f" of key {facts['line']}" if facts["line"] else "")
    ),
    "no_worker": "no worker",
    "task_unknown": "no worker has its task",
    "priority_unserved": lambda facts: f"no worker takes priority {facts['priority']}",
    "workers_paused": "workers are paused",
    "workers_busy": "workers are busy",
    "handlers_busy": "queue's handlers are busy",
    "turn": "its turn",
}


def _when(facts: Mapping[str, Any]) -> str:
    if facts["seconds"] <= 0:
        return _moment(facts["until"])
    return f"{_moment(facts['until'])}, in {_span(facts['seconds'])}"


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _span(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 1 else f"{1000 * seconds:.0f} ms"
