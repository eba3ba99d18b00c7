"""`howdah queues`: looks at queues, and acts on them."""

from __future__ import annotations

from typing import Any

from howdah.cli.lazy import Entry, lazy_group

COMMANDS = (
    Entry("list", "howdah.cli.queues.look:list_queues", "What stands in each queue."),
    Entry("show", "howdah.cli.queues.look:show", "All about one queue."),
    Entry("stats", "howdah.cli.stats:stats", "What they were like."),
    Entry("put", "howdah.cli.queues.act:put", "Say what wins over its code."),
    Entry("pause", "howdah.cli.queues.act:pause", "Let nobody claim from it."),
    Entry("resume", "howdah.cli.queues.act:resume", "End a pause."),
    Entry("unblock", "howdah.cli.queues.act:unblock", "Let the jobs of a blocked key run."),
    Entry("delete", "howdah.cli.queues.act:delete", "Forget it."),
)


def group() -> Any:
    """The commands of `howdah queues`."""
    return lazy_group("queues", COMMANDS, _queues, usual="list")


def _queues() -> None:
    """Look at queues, and act on them. Without a command, list them."""
