"""Limits and rates: how many jobs may run at once, and how many may begin within a time.

What a job draws from is written on it when it is sent, as entries `name`, `name:key` or
`name/tier:key`; what a limit allows stands in the database, so that an operator can change it.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from howdah._model.duration import seconds_of
from howdah.errors import UsageError

#: How a key is found: the name of a parameter, or a function of some of the task's parameters.
Key = str | Callable[..., object]

MAX_KEY = 200
_NAME = re.compile(r"^[A-Za-z0-9_.-]{1,100}$")
_TIER = re.compile(r"^[A-Za-z0-9_.-]{1,100}$")
_MOST = 2_147_483_647
# What Postgres cannot store, and what `send_many` puts between the keys of many jobs.
_SEPARATORS = frozenset("\x00\x1e\x1f")


@dataclass(frozen=True, slots=True)
class Limit:
    """So many jobs at once, over all workers. Never more: a slot is taken before a job runs.

    Attributes:
        name: Tasks with limits of one name share it; the task's name when none is given.
        total: At most so many jobs in all.
        per_key: At most so many jobs of one key.
        key: What the jobs are told apart by: a parameter's name, or a function whose parameters
            are some of the task's. A job whose key is None counts for the total only.
        tiers: For some keys another `per_key`: by the name of their tier.
        tier: A job's tier, found as the key is.

    Raises:
        UsageError: Nothing is limited, or a number or name cannot be used.

    Example:
        >>> Limit(total=25, per_key=1, key="tenant").settings()
        {'total': 25, 'per_key': 1}
    """

    name: str | None = None
    total: int | None = None
    per_key: int | None = None
    key: Key | None = None
    tiers: Mapping[str, int] = field(default_factory=dict)
    tier: Key | None = None

    def __post_init__(self) -> None:
        _check_name(self.name)
        if self.total is None and self.per_key is None:
            raise UsageError("cannot limit nothing: give Limit a total=, a per_key=, or both")
        for what, number in (("total", self.total), ("per_key", self.per_key)):
            if number is not None:
                _check_count(number, f"Limit({what}=...)")
        _check_tiers(self.tiers)
        if self.per_key is not None and self.key is None:
            raise UsageError(
                f"cannot limit per_key={self.per_key} without a key: say by what jobs are told"
                ' apart, as in Limit(per_key=1, key="tenant")'
            )
        if bool(self.tiers) != (self.tier is not None):
            raise UsageError("cannot use tiers= without tier=, or the other way round: give both")

    def settings(self) -> dict[str, Any]:
        """What the database is told."""
        said: dict[str, Any] = {"total": self.total, "per_key": self.per_key}
        if self.tiers:
            said["tiers"] = dict(self.tiers)
        return {name: value for name, value in said.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Rate:
    """So many jobs begin within a time, over all workers. No window of that length has more.

    Attributes:
        jobs: How many.
        per: Within how long, as a timedelta or in seconds; at least a millisecond.
        name: Tasks with rates of one name share it; `<task>.rate` when none is given.
        key: As of a Limit: each key has the rate for itself.

    Raises:
        UsageError: A number or name cannot be used.

    Example:
        >>> Rate(100, per=timedelta(minutes=1)).settings()
        {'rate': 100, 'per': 60.0}
    """

    jobs: int
    per: timedelta | float
    name: str | None = None
    key: Key | None = None

    def __post_init__(self) -> None:
        _check_name(self.name)
        _check_count(self.jobs, "Rate")
        _window(self.per)

    def settings(self) -> dict[str, Any]:
        """What the database is told."""
        return {"rate": self.jobs, "per": _window(self.per)}


@dataclass(frozen=True, slots=True)
class Draws:
    """What one job draws from, and its group."""

    group: str | None = None
    limits: tuple[str, ...] | None = None

    def said_more(self, has_group: bool) -> str:
        """As JSON members of the options of a send, each behind a comma.

        Args:
            has_group: Whether the call names a group, which is nearer.
        """
        said = "" if self.limits is None else f',"limits":{json.dumps(self.limits)}'
        if self.group is not None and not has_group:
            said += f',"group":{json.dumps(self.group)}'
        return said


NO_DRAWS = Draws()


def override_of(
    name: str,
    *,
    total: int | None,
    per_key: int | None,
    tiers: Mapping[str, int] | None,
    rate: int | None,
    per: timedelta | float | None,
) -> dict[str, Any]:
    """What an operator says over a limit, checked.

    Raises:
        UsageError: A number or name cannot be used.
    """
    _check_name(name)
    said: dict[str, Any] = {}
    for what, number in (("total", total), ("per_key", per_key), ("rate", rate)):
        if number is not None:
            _check_count(number, what)
            said[what] = number
    if tiers is not None:
        _check_tiers(tiers)
        said["tiers"] = dict(tiers)
    if per is not None:
        said["per"] = _window(per)
    return said


class Drawer:
    """Finds what the jobs of one task draw from, and the group they belong to.

    Args:
        fn: The task's function, whose parameters keys are found by.
        task: Its name.
        limits: What its jobs draw from.
        group_by: How a job's group is found.

    Raises:
        UsageError: A key asks for a parameter that the task has not, or two limits share a name.
    """

    __slots__ = ("_defaults", "_group", "_limits", "definitions", "task")

    def __init__(
        self,
        fn: Callable[..., Any],
        *,
        task: str,
        limits: Iterable[Limit | Rate] = (),
        group_by: Key | None = None,
    ) -> None:
        parameters = inspect.signature(fn).parameters
        self.task = task
        self._defaults = {
            name: one.default for name, one in parameters.items() if one.default is not one.empty
        }
        self._group = None if group_by is None else _reader(group_by, task, set(parameters))
        self._limits: list[tuple[str, _Reader | None, _Reader | None]] = []
        #: What the database is told of each limit, by name.
        self.definitions: dict[str, dict[str, Any]] = {}
        for limit in limits:
            if not isinstance(limit, Limit | Rate):
                raise UsageError(
                    f"cannot limit task {task!r} by {limit!r}: give a Limit or a Rate, or a list of"
                    " them"
                )
            name = limit.name or (task if isinstance(limit, Limit) else f"{task}.rate")
            if not _NAME.match(name):
                raise UsageError(
                    f"cannot name a limit {name!r} as its task: give it a `name=` of letters,"
                    " digits, and _ . -"
                )
            if name in self.definitions:
                raise UsageError(
                    f"cannot limit task {task!r} by {name!r} twice: give one of them a `name=`"
                )
            self.definitions[name] = limit.settings()
            key = None if limit.key is None else _reader(limit.key, task, set(parameters))
            tier = getattr(limit, "tier", None)
            tier = None if tier is None else _reader(tier, task, set(parameters))
            self._limits.append((name, key, tier))

    @property
    def is_needed(self) -> bool:
        """Whether the task's jobs have anything to be found."""
        return bool(self._limits) or self._group is not None

    def draws(self, values: Mapping[str, Any]) -> Draws:
        """What a job with these arguments, by name, draws from.

        Raises:
            UsageError: A key or tier cannot be used.
        """
        group = None if self._group is None else self._key(self._group, values)
        return Draws(group, self._entries(values) if self._limits else None)

    def _entries(self, values: Mapping[str, Any]) -> tuple[str, ...]:
        found: list[str] = []
        for name, key, tier in self._limits:
            value = None if key is None else self._key(key, values)
            if value is None:
                found.append(name)
                continue
            of = None if tier is None else self._key(tier, values)
            if of is not None and not _TIER.match(of):
                raise UsageError(
                    f"cannot send {self.task!r}: its tier {of!r} may have letters, digits, and"
                    " _ . - only"
                )
            found.append(f"{name}:{value}" if of is None else f"{name}/{of}:{value}")
        return tuple(found)

    def _key(self, read: _Reader, values: Mapping[str, Any]) -> str | None:
        value = read({**self._defaults, **values})
        if value is None:
            return None
        text = str(value)
        if not 1 <= len(text) <= MAX_KEY or not _SEPARATORS.isdisjoint(text):
            raise UsageError(
                f"cannot send {self.task!r}: the key {text[:40]!r} of a limit or group must have 1"
                f" to {MAX_KEY} characters, and none of NUL, RS and US"
            )
        return text


def several(limits: Any) -> tuple[Any, ...]:
    """One limit or several, as a tuple. `Drawer` refuses what is none."""
    is_many = isinstance(limits, Iterable) and not isinstance(limits, str)
    return tuple(limits) if is_many else (limits,)


def definitions_of(drawers: Iterable[Drawer]) -> dict[str, dict[str, Any]]:
    """What the tasks of an app say of their limits, by name.

    Raises:
        UsageError: Two tasks say different things of one limit.
    """
    found: dict[str, dict[str, Any]] = {}
    for drawer in drawers:
        for name, settings in drawer.definitions.items():
            if found.setdefault(name, settings) != settings:
                raise UsageError(
                    f"cannot limit {name!r} by {settings} for task {drawer.task!r}: another task"
                    f" has {found[name]}; give both the same, or one of them another `name=`"
                )
    return found


_Reader = Callable[[Mapping[str, Any]], object]


def _reader(key: Key, task: str, known: set[str]) -> _Reader:
    """How a key is read from a job's arguments by name."""
    if isinstance(key, str):
        _check_known({key}, key, task, known)
        return lambda values: values.get(key)
    if not callable(key):
        raise UsageError(
            f"cannot tell the jobs of task {task!r} apart by {key!r}: give the name of a parameter,"
            " or a function of some of them"
        )
    parameters = inspect.signature(key).parameters.values()
    if any(one.kind is one.VAR_KEYWORD for one in parameters):
        return lambda values: key(**values)
    names = {one.name for one in parameters if one.default is one.empty}
    _check_known(names, key, task, known)
    return lambda values: key(**{name: values.get(name) for name in names})


def _check_known(names: set[str], key: Key, task: str, known: set[str]) -> None:
    if unknown := sorted(names - known):
        raise UsageError(
            f"cannot tell the jobs of task {task!r} apart by {key!r}: it has no parameter"
            f" {unknown[0]!r}; its parameters are {', '.join(sorted(known)) or 'none'}"
        )


def _check_name(name: str | None) -> None:
    if name is not None and not _NAME.match(name):
        raise UsageError(
            f"cannot name a limit {name!r}: 1 to 100 letters, digits, and _ . - are allowed"
        )


def _check_tiers(tiers: Mapping[str, int]) -> None:
    for tier, number in tiers.items():
        if not _TIER.match(tier):
            raise UsageError(
                f"cannot use tier {tier!r}: it may have letters, digits, and _ . - only"
            )
        _check_count(number, f"tier {tier!r}")


def _window(per: timedelta | float) -> float:
    seconds = seconds_of(per, what="per", zero=False)
    if not 0.001 <= seconds <= 365 * 86_400:
        raise UsageError(f"cannot use per={per!r}: it must lie between a millisecond and 365 days")
    return seconds


def _check_count(number: object, what: str) -> None:
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= _MOST:
        raise UsageError(f"cannot use {number!r} for {what}: it must be a whole number, 0 or more")
