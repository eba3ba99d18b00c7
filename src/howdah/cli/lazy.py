"""Groups of commands whose modules are imported only when the command is used.

`howdah --help` then costs what typer costs, and no command pays for another's imports.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command


@dataclass(frozen=True, slots=True)
class Entry:
    """A command that exists but is not imported yet.

    Attributes:
        name: What the user types.
        home: `module:attribute` of a function that is the command, or that makes a group.
        help: One line for the list of commands.
        panel: Under which heading it is listed.
        is_group: Whether it has commands of its own.
    """

    name: str
    home: str
    help: str
    panel: str | None = None
    is_group: bool = False


class Deferred(TyperCommand):
    """Stands in the list of commands for one that is not imported yet."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(entry.name, help=entry.help, rich_help_panel=entry.panel)
        self._entry = entry

    def load(self) -> Any:
        """Import the command.

        Returns:
            A click command, in whichever click typer brings along.
        """
        module, _, attribute = self._entry.home.partition(":")
        found: Callable[..., Any] = getattr(import_module(module), attribute)
        if self._entry.is_group:
            return found()
        single = typer.Typer(add_completion=False)
        single.command(self._entry.name)(found)
        command = get_command(single)
        command.help = _reflowed(command.help)
        return command


class LazyGroup(TyperGroup):
    """A group that imports a command when it is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command by its name, as always, and import it."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.load() if isinstance(command, Deferred) else command, rest


def lazy_group(
    name: str, entries: Iterable[Entry], callback: Callable[..., None], *, is_command: bool = False
) -> Any:
    """Make a group of commands.

    Args:
        name: What the user types.
        entries: Its commands, in the order of the list.
        callback: Takes the group's own options; its docstring is the group's help.
        is_command: Whether the group does something when no command of it is named.
    """
    made = typer.Typer(name=name, cls=LazyGroup, add_completion=False)
    made.callback(no_args_is_help=not is_command, invoke_without_command=is_command)(callback)
    group = get_command(made)
    assert isinstance(group, LazyGroup)
    for entry in entries:
        group.add_command(Deferred(entry))
    return group


def _reflowed(text: str | None) -> str | None:
    """Undo the line breaks of a docstring's paragraphs; the terminal has its own width."""
    if text is None:
        return None
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))
