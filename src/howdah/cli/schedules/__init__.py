"""`howdah schedules`: looks at schedules, and acts on them."""

from __future__ import annotations

from typing import Any

from howdah.cli.lazy import Entry, lazy_group

COMMANDS = (
    Entry("list", "howdah.cli.schedules.look:list_schedules", "List schedules by name."),
    Entry("show", "howdah.cli.schedules.look:show", "All about one schedule."),
    Entry("next", "howdah.cli.schedules.look:next_ticks", "When it is due next."),
    Entry("put", "howdah.cli.schedules.put:put", "Make one, or put it in another's place."),
    Entry("pause", "howdah.cli.schedules.act:pause", "Send nothing until it is resumed."),
    Entry("resume", "howdah.cli.schedules.act:resume", "End a pause."),
    Entry("run-now", "howdah.cli.schedules.act:run_now", "Send a job of it now."),
    Entry("delete", "howdah.cli.schedules.act:delete", "Forget it."),
)


def group() -> Any:
    """The commands of `howdah schedules`."""
    return lazy_group("schedules", COMMANDS, _schedules, usual="list")


def _schedules() -> None:
    """Look at schedules, and act on them. Without a command, list them."""
