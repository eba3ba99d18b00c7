"""Checks of the jobs: is one stuck, and why."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from howdah._db import doctor as questions
from howdah._db import fleet, queue, warning
from howdah._db.doctor import Backlog
from howdah._db.fleet import WorkerRecord
from howdah._db.query import Runner
from howdah._db.queue import Pause
from howdah.cli.doctor.finding import Finding, fail, ok, warn
from howdah.cli.output import span

if TYPE_CHECKING:
    from howdah.client import Howdah

# The promoter looks at least once a second.
DUE_FOR = 30.0


def check(runner: Runner, app: Howdah | None, *, patience: float) -> Iterator[Finding]:
    """Look for jobs that do not move."""
    alive = [one for one in runner.run(fleet.workers()) if one.is_alive]
    yield _workers(alive)
    yield _orphans(runner, anybody=bool(alive))
    yield _overdue(runner)
    yield from _queues(runner, patience)
    if app is not None:
        yield _tasks(runner, app)


def _workers(alive: list[WorkerRecord]) -> Finding:
    paused = sum(one.is_paused for one in alive)
    if alive and paused == len(alive):
        says = f"{paused} alive, and all of them paused"
        return warn("workers", says, "let them claim again: `howdah workers resume --all`")
    if alive:
        return ok("workers", f"{len(alive)} alive" + (f", {paused} paused" if paused else ""))
    return warn("workers", "none is alive", "start one: `howdah worker module:app`")


def _orphans(runner: Runner, *, anybody: bool) -> Finding:
    count, seconds = runner.run(questions.orphans())
    if not count:
        return ok("active jobs", "each is held by a worker that is alive")
    since = f" for {span(seconds)}" if seconds is not None and seconds > 0 else ""
    says = f"{_jobs(count)} held by workers that are dead{since}"
    if anybody:
        return warn("active jobs", says, "a live worker gives them back within seconds; look again")
    return fail("active jobs", says, "start a worker: the first one gives them back")


def _overdue(runner: Runner) -> Finding:
    count, seconds = runner.run(questions.overdue(seconds=DUE_FOR))
    if not count:
        return ok("delayed jobs", "none is overdue")
    return fail(
        "delayed jobs",
        f"{_jobs(count)} should have been made ready, the first {span(seconds or 0)} ago",
        "a worker does that: start one, or see its log for pass.failed",
    )


def _queues(runner: Runner, patience: float) -> Iterator[Finding]:
    """Queues that do not move, by somebody's will or by itself."""
    found = [
        *(_paused(one) for one in runner.run(queue.pauses()) if one.kind != "task"),
        *(_blocked(*one) for one in runner.run(questions.blocked()).items()),
        *(_ready(one) for one in runner.run(questions.backlog(seconds=patience))),
    ]
    yield from found or [ok("queues", f"no job has been ready for more than {span(patience)}")]


def _paused(one: Pause) -> Finding:
    is_all = one.kind == "everything"
    says = f"{'every queue' if is_all else one.name} is paused"
    if one.by is not None:
        says += f" by {one.by}"
    says += f" since {one.at:%Y-%m-%d %H:%M:%S %Z}"
    if one.reason is not None:
        says += f": {one.reason}"
    which = "--all" if is_all else shlex.quote(one.name)
    return warn("queues", says, f"let workers claim again: `howdah queues resume {which}`")


def _blocked(name: str, keys: int) -> Finding:
    says = "1 key is blocked by a job" if keys == 1 else f"{keys:,} keys are blocked by jobs"
    return warn(
        "queues",
        f"{name}: {says} that failed; others of the key wait until it is retried or deleted",
        f"see which: `howdah queues show {shlex.quote(name)}`",
    )


def _ready(one: Backlog) -> Finding:
    says = f"{one.queue}: {_jobs(one.jobs)} ready, the oldest for {span(one.oldest)}"
    if one.is_dead_letters and one.served_by != "worker":
        # A worker there would run again what was given up.
        return warn(
            "queues",
            f"{says}; this queue gets dead letters",
            "send them back when their cause is mended:"
            f" `howdah jobs redrive {shlex.quote(one.queue)}`",
        )
    if one.served_by == "hand":
        advice = "whoever claims them by hand does not keep up; see that it runs"
        return warn("queues", f"{says}; its jobs are claimed by hand", advice)
    if one.served_by == "worker" and one.in_lines:
        advice = f"what they wait for: `howdah jobs explain {one.first}`, `howdah limits`"
        return warn("queues", f"{says}; all stand in lines, behind limits or each other", advice)
    if one.served_by == "worker":
        return warn("queues", says, "its workers do not keep up: add --processes or --concurrency")
    if one.served_by == "others":
        return fail(
            "queues",
            f"{says}; the live workers of this queue take only other priorities",
            f"which, says `howdah jobs explain {one.first}`: start a worker that takes them, too",
        )
    return fail(
        "queues",
        f"{says}; no live worker serves this queue",
        f"start `howdah worker module:app --queues {one.queue}`, or name it in --queues",
    )


def _tasks(runner: Runner, app: Howdah) -> Finding:
    unknown = {
        name: count
        for name, count in runner.run(questions.tasks()).items()
        if name not in app.tasks
    }
    if not unknown:
        return ok("tasks", "every live job asks for a task of this app")
    said = ", ".join(f"{name} ({count})" for name, count in unknown.items())
    return warn(
        "tasks",
        f"jobs ask for tasks that this app does not have: {said}",
        "a module that is not imported, a task that was renamed, or another app's jobs; cancel"
        " what is left over: `howdah jobs cancel --task NAME`",
    )


def _jobs(count: int) -> str:
    return "1 job is" if count == 1 else f"{count:,} jobs are"


def check_warnings(runner: Runner) -> Iterator[Finding]:
    """What workers warned of in the last minutes."""
    lasting = [it for it in runner.run(warning.find(kind=None, queue=None, limit=50)) if it.is_open]
    for one in lasting:
        often = f" ({one.count:,} times)" if one.count > 1 else ""
        yield warn("warnings", f"{one.kind}: {one.text}{often}", "see `howdah warnings`")
    if not lasting:
        yield ok("warnings", "no worker has warned of anything lately")
