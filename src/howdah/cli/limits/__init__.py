"""`howdah limits`: looks at limits, and says something over what the code says of them."""

from __future__ import annotations

from typing import Any

from howdah.cli.lazy import Entry, lazy_group
from howdah.cli.limits.look import list_limits

COMMANDS = (
    Entry("put", "howdah.cli.limits.act:put", "Say something over what the code says."),
    Entry("delete", "howdah.cli.limits.act:delete", "Forget it."),
)


def group() -> Any:
    """The commands of `howdah limits`."""
    return lazy_group("limits", COMMANDS, list_limits, is_command=True)
