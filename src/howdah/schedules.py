"""Schedules: `@app.schedule` in code, and `app.schedules` for those made at run time."""

from __future__ import annotations

import builtins
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from howdah._db import schedule as queries
from howdah._db import scheduling
from howdah._db.job import Receipt
from howdah._db.schedule import ScheduleRecord
from howdah._db.steps import walk, walk_async
from howdah._model.cron import Timing, timing_of
from howdah._model.duration import seconds_of
from howdah._model.options import SendOptions
from howdah._model.schedule import (
    DEFAULT_CATCH_UP_LIMIT,
    CatchUp,
    Definition,
    Overlap,
    Policy,
)
from howdah.errors import MissingKeyError, UsageError
from howdah.job import Job, Jobs, Runs
from howdah.task import Sender, Task

if TYPE_CHECKING:
    from howdah.sync import SyncJob

S = TypeVar("S", bound=Task[..., Any, ..., Any])

# What belongs to one job, and so cannot be said of all that a schedule sends.
_OF_ONE_JOB = ("id", "start_after")


@dataclass(frozen=True, slots=True)
class Draft:
    """A schedule of the code. Its options are found when a worker starts: by then every queue has
    been declared."""

    name: str
    sender: Sender[..., Any]
    args: str
    timing: Timing
    policy: Policy
    is_paused: bool = False

    def _draws(self) -> dict[str, Any]:
        """What its jobs draw from: the same for each, since their arguments are."""
        draws = self.sender.task.draws((), json.loads(self.args))
        said: dict[str, Any] = {} if draws.limits is None else {"limits": list(draws.limits)}
        if draws.group is not None and self.sender.merged.group is None:
            said["group"] = draws.group
        return said

    def _check_key(self, options: SendOptions) -> None:
        """Refuse now what every tick would be refused for."""
        task = self.sender.task
        if options.key is None and task.app.defaults_of(task.queue).policy == "key_strict_fifo":
            raise MissingKeyError(
                f"cannot schedule {task.name!r} in queue {task.queue!r} without a key: its policy"
                " is key_strict_fifo; say one, as in task.using(key=...)",
                queue=task.queue,
            )

    def definition(self) -> Definition:
        """The schedule, ready to be stored.

        Raises:
            UsageError: An option belongs to one job only.
            MissingKeyError: The policy of the queue asks for a key.
        """
        options = self.sender.merged
        self._check_key(options)
        for name in _OF_ONE_JOB:
            if getattr(options, name) is not None:
                raise UsageError(
                    f"cannot schedule {self.sender.task.name!r} with {name}: each job has its own"
                )
        if isinstance(options.deadline, datetime):
            raise UsageError(
                f"cannot schedule {self.sender.task.name!r} with a moment as deadline: each job has"
                " its own; give a timedelta"
            )
        if self.sender.conn is not None:
            raise UsageError(
                f"cannot schedule {self.sender.task.name!r} in a transaction: leave out `conn`"
            )
        task = self.sender.task
        return Definition(
            self.name,
            task.name,
            task.queue,
            self.args,
            {**self.sender.said, **self._draws()},
            self.timing,
            self.policy,
            self.is_paused,
        )


class CodeSchedules(dict[str, Draft]):
    """The schedules that an app's code defines, and `@app.schedule`, which defines them."""

    def __call__(
        self,
        when: str | timedelta,
        /,
        *,
        tz: str = "UTC",
        name: str | None = None,
        args: Mapping[str, Any] | None = None,
        overlap: Overlap = "allow",
        catch_up: CatchUp = "last",
        catch_up_limit: int = DEFAULT_CATCH_UP_LIMIT,
        jitter: timedelta | float = 0,
    ) -> Callable[[S], S]:
        """Send a job of a task whenever the schedule is due. Stands above `@app.task`.

        Args:
            when: A cron expression of five fields, or six with seconds first; `@hourly`,
                `@daily`, `@weekly`, `@monthly`, `@yearly`; or a timedelta of whole seconds.
            tz: The zone whose clock the expression is about.
            name: What the schedule is called; the task's name.
            args: The arguments of each job, by parameter name.
            overlap: "skip" sends nothing while the schedule's last job has not finished.
            catch_up: Of the ticks that came while no worker was there, "last" sends the last,
                "none" none, "all" all.
            catch_up_limit: Of "all", at most so many of the newest.
            jitter: Each job starts up to so much later than its tick, at random.

        Raises:
            BadScheduleError: The expression, the interval or the zone cannot be used.
            PayloadError: The arguments do not fit the task.
            UsageError: A value is out of range, or the name is taken.
        """
        timing = _timing_of_either(when, tz)
        policy = _policy(overlap, catch_up, catch_up_limit, jitter)

        def decorate(task: S) -> S:
            if not isinstance(task, Task):
                raise UsageError(
                    f"cannot schedule {task!r}: put @app.schedule(...) above @app.task"
                )
            called = task.name if name is None else name
            if called in self:
                raise UsageError(
                    f"cannot define schedule {called!r} twice: give one of them another `name=`"
                )
            self[called] = Draft(called, task, _encoded(task, args), timing, policy)
            return task

        return decorate

    def definitions(self) -> tuple[Definition, ...]:
        """All of them, ready to be stored."""
        return tuple(draft.definition() for draft in self.values())


class Schedules:
    """The schedules in the database: `app.schedules`."""

    def __init__(self, run: Runs, jobs: Jobs) -> None:
        self._run = run
        self._jobs = jobs

    async def put(
        self,
        name: str,
        task: Sender[..., Any],
        /,
        *,
        cron: str | None = None,
        every: timedelta | float | None = None,
        tz: str = "UTC",
        args: Mapping[str, Any] | None = None,
        overlap: Overlap = "allow",
        catch_up: CatchUp = "last",
        catch_up_limit: int = DEFAULT_CATCH_UP_LIMIT,
        jitter: timedelta | float = 0,
        paused: bool = False,
    ) -> ScheduleRecord:
        """Make a schedule, or put this one in the place of the one of that name.

        One that is due at the same times as before keeps its next tick.

        Args:
            name: What it is called.
            task: The task, or `task.using(...)` for options of its jobs.
            cron: A cron expression, as for `@app.schedule`; or
            every: an interval of whole seconds.
            tz: As for `@app.schedule`; so are those that follow.
            paused: Send nothing until it is resumed. Without it, a pause stays.

        Raises:
            BadScheduleError: The expression, the interval or the zone cannot be used.
            PayloadError: The arguments do not fit the task.
            UsageError: A value is out of range.
        """
        timing = timing_of(cron=cron, every=every, tz=tz)
        policy = _policy(overlap, catch_up, catch_up_limit, jitter)
        draft = Draft(name, task, _encoded(task, args), timing, policy, paused)
        return await walk_async(scheduling.put(draft.definition()), self._run)

    async def list(self) -> list[ScheduleRecord]:
        """Read every schedule, by name."""
        found: list[ScheduleRecord] = await self._run(queries.find())
        return found

    async def get(self, name: str, /) -> ScheduleRecord:
        """Read a schedule.

        Raises:
            UnknownScheduleError: There is none of that name.
        """
        return await walk_async(scheduling.get(name), self._run)

    async def pause(self, name: str, /, *, by: str | None = None) -> ScheduleRecord:
        """Send nothing until the schedule is resumed. No restart of a worker ends the pause.

        Args:
            name: The schedule.
            by: Who wants it, for whoever wonders later.

        Raises:
            UnknownScheduleError: There is none of that name.
        """
        return await walk_async(scheduling.pause(name, by=by), self._run)

    async def resume(self, name: str, /) -> ScheduleRecord:
        """End a pause. The ticks that came meanwhile are not made up for.

        Raises:
            UnknownScheduleError: There is none of that name.
            BadScheduleError: When it is due cannot be read here.
        """
        return await walk_async(scheduling.resume(name), self._run)

    async def delete(self, name: str, /) -> None:
        """Forget a schedule; jobs that it has sent go on. One that code defines comes back.

        Raises:
            UnknownScheduleError: There is none of that name.
        """
        await walk_async(scheduling.delete(name), self._run)

    async def run_now(self, name: str, /) -> Job[Any]:
        """Send a job of the schedule now, also while it is paused. Its ticks stay as they are.

        Returns:
            The job; with `overlap="skip"` one that has not finished, whose `is_new` is false then.

        Raises:
            UnknownScheduleError: There is none of that name.
        """
        receipt = await walk_async(scheduling.run_now(name), self._run)
        return Job(self._jobs, receipt.id, is_new=receipt.created)

    async def next(self, name: str, n: int = 1, /) -> builtins.list[datetime]:
        """Compute the next `n` ticks, in the schedule's time zone. Fewer where no more come.

        Raises:
            UnknownScheduleError: There is none of that name.
            BadScheduleError: When it is due cannot be read here.
        """
        return await walk_async(scheduling.next_ticks(name, n), self._run)


class SyncSchedules:
    """The schedules in the database, for code that does not await: `app.sync.schedules`."""

    def __init__(self, run: Callable[..., Any], job: Callable[[Receipt], SyncJob[Any]]) -> None:
        self._run = run
        self._job = job

    def put(
        self,
        name: str,
        task: Sender[..., Any],
        /,
        *,
        cron: str | None = None,
        every: timedelta | float | None = None,
        tz: str = "UTC",
        args: Mapping[str, Any] | None = None,
        overlap: Overlap = "allow",
        catch_up: CatchUp = "last",
        catch_up_limit: int = DEFAULT_CATCH_UP_LIMIT,
        jitter: timedelta | float = 0,
        paused: bool = False,
    ) -> ScheduleRecord:
        """Make or replace a schedule. As `Schedules.put`."""
        timing = timing_of(cron=cron, every=every, tz=tz)
        policy = _policy(overlap, catch_up, catch_up_limit, jitter)
        draft = Draft(name, task, _encoded(task, args), timing, policy, paused)
        return walk(scheduling.put(draft.definition()), self._run)

    def list(self) -> list[ScheduleRecord]:
        """Read every schedule. As `Schedules.list`."""
        found: list[ScheduleRecord] = self._run(queries.find())
        return found

    def get(self, name: str, /) -> ScheduleRecord:
        """Read a schedule. As `Schedules.get`."""
        return walk(scheduling.get(name), self._run)

    def pause(self, name: str, /, *, by: str | None = None) -> ScheduleRecord:
        """Send nothing until it is resumed. As `Schedules.pause`."""
        return walk(scheduling.pause(name, by=by), self._run)

    def resume(self, name: str, /) -> ScheduleRecord:
        """End a pause. As `Schedules.resume`."""
        return walk(scheduling.resume(name), self._run)

    def delete(self, name: str, /) -> None:
        """Forget a schedule. As `Schedules.delete`."""
        walk(scheduling.delete(name), self._run)

    def run_now(self, name: str, /) -> SyncJob[Any]:
        """Send a job of the schedule now. As `Schedules.run_now`."""
        return self._job(walk(scheduling.run_now(name), self._run))

    def next(self, name: str, n: int = 1, /) -> builtins.list[datetime]:
        """Compute the next ticks. As `Schedules.next`."""
        return walk(scheduling.next_ticks(name, n), self._run)


def _timing_of_either(when: str | timedelta, tz: str) -> Timing:
    if isinstance(when, timedelta):
        return timing_of(every=when, tz=tz)
    return timing_of(cron=when, tz=tz)


def _policy(
    overlap: Overlap, catch_up: CatchUp, catch_up_limit: int, jitter: timedelta | float
) -> Policy:
    return Policy(overlap, catch_up, catch_up_limit, seconds_of(jitter, what="jitter"))


def _encoded(sender: Sender[..., Any], args: Mapping[str, Any] | None) -> str:
    return sender.task.signature.encode((), dict(args or {}))
