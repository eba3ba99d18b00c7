"""Checks that a command line in the docs names only what exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

from howdah.cli.main import command

ROOT = Path(__file__).parents[2]

# Programs of others that the docs may tell a reader to use.
FOREIGN = {"cd", "docker", "export", "pip", "psql", "python", "systemctl", "uvicorn"}
_ASSIGNMENT = re.compile(r"[A-Z_]+=")
_INLINE = re.compile(r"`(howdah [a-z][^`]*)`")


def lines_of(console: str) -> list[str]:
    """What a reader types: the lines after `$ `, with those they go on in."""
    joined = console.replace("\\\n", " ")
    return [line[2:] for line in joined.splitlines() if line.startswith("$ ")]


def inline_in(prose: str) -> list[str]:
    """The command lines of `howdah` between backticks."""
    return [found for found in _INLINE.findall(prose) if "..." not in found]


def complaint(line: str) -> str | None:
    """What is wrong with one command line, None when nothing is."""
    words = shlex.split(line, comments=True)
    # What is piped or redirected is a matter of the shell; what follows `--`, of another program.
    end = next(
        (at for at, word in enumerate(words) if word in {"|", "<", ">", "&&", "--"}), len(words)
    )
    words = words[:end]
    while words and _ASSIGNMENT.match(words[0]):
        words.pop(0)
    if not words:
        return None
    program = words[0]
    if program.startswith("scripts/"):
        return None if (ROOT / program).is_file() else f"there is no {program}"
    if program != "howdah":
        return None if program in FOREIGN else f"what is {program!r}?"
    return _unknown_word(command(), words[1:])


def _unknown_word(group: Any, words: list[str]) -> str | None:
    """Follow the words down to a command, and compare its options."""
    if hasattr(group, "load"):
        group = group.load()
    if words and hasattr(group, "commands") and not words[0].startswith("-"):
        found = group.commands.get(words[0])
        return (
            f"there is no command {words[0]!r}"
            if found is None
            else _unknown_word(found, words[1:])
        )
    if words and (usual := getattr(group, "usual", None)) and words[0] != "--help":
        return _unknown_word(group.commands[usual], words)
    known = {"--help", "--debug", *(name for it in group.params for name in it.opts)}
    given = (word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word))
    return next((f"{group.name} has no option {name}" for name in given if name not in known), None)
