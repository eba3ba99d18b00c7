"""Which jobs fit what a test expects, and how a failure tells what there was instead."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic_core import to_jsonable_python

from howdah._db.record import JobRecord
from howdah.errors import UsageError
from howdah.task import Sender

# A failure lists so many jobs; more would hide the first.
MOST_SHOWN = 20
WIDEST_VALUE = 60

TaskOrName = Sender[..., Any] | str
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Wanted:
    """A task, or any, with some of its arguments, as they are stored.

    Attributes:
        defaults: What arguments are that were left out at the send.
    """

    task: str | None
    args: Mapping[str, Any]
    defaults: Mapping[str, Any]

    @classmethod
    def of(cls, task: TaskOrName | None, args: Mapping[str, Any]) -> Wanted:
        """Read what a test expects.

        Raises:
            UsageError: The task has no such parameter, so no job could ever fit.
        """
        stored = {name: to_jsonable_python(value) for name, value in args.items()}
        if not isinstance(task, Sender):
            return cls(task, stored, {})
        names = [parameter.name for parameter in task.task.signature.parameters]
        for name in args:
            if name not in names:
                near = get_close_matches(name, names, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"it has {names}"
                raise UsageError(f"task {task.task.name!r} has no parameter {name!r}: {hint}")
        return cls(task.task.name, stored, _defaults(task, names))

    def fits(self, job: JobRecord) -> bool:
        """Whether a job is one of those."""
        if self.task is not None and job.task != self.task:
            return False
        return all(value == self._given(job, name) for name, value in self.args.items())

    def _given(self, job: JobRecord, name: str) -> Any:
        return job.args.get(name, self.defaults.get(name, _ABSENT))

    def __str__(self) -> str:
        what = "job of any task" if self.task is None else f"job of task {self.task!r}"
        return f"{what} with {_show(self.args)}" if self.args else what


def listing(jobs: Iterable[JobRecord]) -> str:
    """All jobs, one a line, for the message of a failure."""
    lines = [
        f"  {job.task}({_show(job.args)})  {job.state.value}, queue {job.queue!r}" for job in jobs
    ]
    if not lines:
        return "nothing was sent at all; a job sent with conn= counts once it is committed"
    more = [f"  and {len(lines) - MOST_SHOWN} more"] if len(lines) > MOST_SHOWN else []
    return "\n".join(["what was sent:", *lines[:MOST_SHOWN], *more])


def _defaults(task: Sender[..., Any], names: Iterable[str]) -> dict[str, Any]:
    parameters = inspect.signature(task.task.fn).parameters
    return {
        name: to_jsonable_python(parameters[name].default, fallback=repr)
        for name in names
        if name in parameters and parameters[name].default is not inspect.Parameter.empty
    }


def _show(args: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={_short(value)}" for name, value in args.items())


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= WIDEST_VALUE else f"{text[: WIDEST_VALUE - 3]}..."
