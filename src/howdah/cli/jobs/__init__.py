"""`howdah jobs`: looks at jobs, and acts on them."""

from __future__ import annotations

from typing import Any

from howdah.cli.lazy import Entry, lazy_group

COMMANDS = (
    Entry("list", "howdah.cli.jobs.list:list_jobs", "List jobs, the newest first."),
    Entry("show", "howdah.cli.jobs.show:show", "All about one job."),
    Entry("explain", "howdah.cli.jobs.explain:explain", "Why a job does not run."),
    Entry("send", "howdah.cli.jobs.send:send", "Send a job."),
    Entry("update", "howdah.cli.jobs.update:update", "Change jobs that wait."),
    Entry("cancel", "howdah.cli.jobs.cancel:cancel", "Cancel jobs that have not finished."),
    Entry("retry", "howdah.cli.jobs.retry:retry", "Run finished jobs again."),
    Entry("resume", "howdah.cli.jobs.resume:resume", "Wake jobs that were suspended."),
    Entry("delete", "howdah.cli.jobs.delete:delete", "Forget jobs that are not running."),
    Entry("redrive", "howdah.cli.jobs.redrive:redrive", "Move dead letters back."),
)


def group() -> Any:
    """The commands of `howdah jobs`."""
    return lazy_group("jobs", COMMANDS, _jobs, usual="list")


def _jobs() -> None:
    """Look at jobs, and act on them. Without a command, list them."""
