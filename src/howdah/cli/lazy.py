"""Groups of commands whose modules are imported only when the command is used.

`howdah --help` then costs what typer costs, and no command pays for another's imports.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
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
        single.command(self._entry.name, cls=Command)(found)
        command = get_command(single)
        command.help = _reflowed(command.help)
        return command


class Command(TyperCommand):
    """A command whose help says what to write for a value, and nothing for a flag."""

    def get_params(self, ctx: Any) -> Any:
        """Its options and arguments, as always."""
        return [_with_plain_type(one) for one in super().get_params(ctx)]


class LazyGroup(TyperGroup):
    """A group that imports a command when it is called.

    Attributes:
        usual: The command that is meant when none is named.
    """

    usual: str | None = None

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """Read the words that follow its name."""
        if self.usual and (not args or (args[0].startswith("-") and args[0] != "--help")):
            args = [self.usual, *args]
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command by its name, as always, and import it."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.load() if isinstance(command, Deferred) else command, rest

    def get_params(self, ctx: Any) -> Any:
        """Its own options, as always."""
        return [_with_plain_type(one) for one in super().get_params(ctx)]


def lazy_group(
    name: str, entries: Iterable[Entry], callback: Callable[..., None], *, usual: str | None = None
) -> Any:
    """Make a group of commands.

    Args:
        name: What the user types.
        entries: Its commands, in the order of the list.
        callback: Takes the group's own options; its docstring is the group's help.
        usual: The command that is meant when none is named; else the help is shown.
    """
    made = typer.Typer(name=name, cls=LazyGroup, add_completion=False)
    made.callback(no_args_is_help=usual is None)(callback)
    group = get_command(made)
    assert isinstance(group, LazyGroup)
    group.usual = usual
    for entry in entries:
        group.add_command(Deferred(entry))
    return group


# What typer says of a type, and what a person is to write.
_TYPES = {
    "bool": "",
    "int": "N",
    "int range": "N",
    "float": "N",
    "str": "TEXT",
    "UUID": "ID",
    "Path": "PATH",
}


def _with_plain_type(param: Any) -> Any:
    shown = getattr(param, "display_type_rich", None)
    # Versions of typer before it have plain words themselves.
    if shown is not None:
        param.display_type_rich = partial(_plain_type, shown)
    return param


def _plain_type(shown: Callable[..., str | None], ctx: Any) -> str | None:
    said = shown(ctx=ctx)
    if not said or not said.startswith("<"):
        return said
    inner = said.rstrip(".").strip("<>").removeprefix("list[").removesuffix("]")
    return _TYPES.get(inner, inner)


def _reflowed(text: str | None) -> str | None:
    """Undo the line breaks of a docstring's paragraphs; the terminal has its own width."""
    if text is None:
        return None
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))
