"""`howdah limits`: looks at limits, and says something over what the code says of them."""

from __future__ import annotations

from typing import Any

from howdah.cli.lazy import Entry, lazy_group

COMMANDS = (
    Entry("list", "howdah.cli.limits.look:list_limits", "What each allows, and who waits."),
    Entry("show", "howdah.cli.limits.look:show", "Who holds its slots, and who waits."),
    Entry("put", "howdah.cli.limits.act:put", "Say something over what the code says."),
    Entry("delete", "howdah.cli.limits.act:delete", "Forget it."),
)


def group() -> Any:
    """The commands of `howdah limits`."""
    return lazy_group("limits", COMMANDS, _limits, usual="list")


def _limits() -> None:
    """Look at limits, and change them. Without a command, list them."""
