"""`howdah workers`: looks at the processes that run jobs, and acts on them."""

from __future__ import annotations

from typing import Any

from howdah.cli.lazy import Entry, lazy_group

COMMANDS = (
    Entry("list", "howdah.cli.workers.look:list_workers", "Which workers are there."),
    Entry("show", "howdah.cli.workers.look:show", "All about one worker, and what it runs."),
    Entry("scale", "howdah.cli.workers.act:scale", "So many jobs at once from now on."),
    Entry("pause", "howdah.cli.workers.act:pause", "Claim nothing; finish what runs."),
    Entry("resume", "howdah.cli.workers.act:resume", "End a pause."),
    Entry("stop", "howdah.cli.workers.act:stop", "Leave, as after SIGTERM."),
)


def group() -> Any:
    """The commands of `howdah workers`."""
    return lazy_group("workers", COMMANDS, _workers, usual="list")


def _workers() -> None:
    """Look at workers, and act on them. Without a command, list them."""
