"""What commands print: tables for people, one JSON document for programs."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from rich.console import Console
from rich.table import Table
from rich.text import Text

from howdah.telemetry.printable import lines, one_line

# What is not looked at on a terminal is read by grep, which minds line breaks more than width.
_WIDE = 240
# A name that is cut to less tells nothing.
_LEAST = 10

STATE_STYLES = {
    "created": "cyan",
    "retry": "yellow",
    "active": "blue",
    "waiting": "magenta",
    "completed": "green",
    "failed": "red",
    "expired": "red",
    "cancelled": "dim",
    "ok": "green",
    "warn": "yellow",
    "fail": "red",
}


def console() -> Console:
    """Standard output, on which nothing in the data counts as markup."""
    width = None if sys.stdout.isatty() else _WIDE
    return Console(width=width, highlight=False, markup=False, emoji=False)


def print_json(document: Any) -> None:
    """Print one JSON document. Control characters are escaped, as JSON can."""
    sys.stdout.write(json.dumps(document, default=_plain, indent=2) + "\n")


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    whole: int = 1,
    spare: Sequence[str] = (),
) -> None:
    """Print a table; each cell is made safe for a terminal.

    Args:
        columns: The headings.
        rows: A value for each column.
        whole: So many columns are never cut, such as an id that a person copies.
        spare: Columns that are left out where the terminal is too narrow, the first one first.
    """
    cells = [[cell_of(value) for value in row] for row in rows]
    out = console()
    shown = _fitting(columns, cells, whole=whole, spare=spare, room=out.width)
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for at in shown:
        # Where the terminal is narrow, rich takes from columns that may wrap, the widest first.
        table.add_column(columns[at], no_wrap=at < whole)
    for row in cells:
        table.add_row(*(row[at] for at in shown))
    out.print(table)
    if len(shown) < len(columns):
        missing = ", ".join(name for at, name in enumerate(columns) if at not in shown)
        say(f"too narrow for: {missing}", style="dim")


def _fitting(
    columns: Sequence[str],
    cells: Sequence[Sequence[Text]],
    *,
    whole: int,
    spare: Sequence[str],
    room: int,
) -> list[int]:
    """The columns for which there is room, when no cell is cut beyond recognition."""
    wide = [
        max([len(name), *(row[at].cell_len for row in cells)]) for at, name in enumerate(columns)
    ]
    least = [width if at < whole else min(width, _LEAST) for at, width in enumerate(wide)]
    shown = list(range(len(columns)))
    for name in spare:
        if sum(least[at] + 2 for at in shown) - 2 <= room:
            break
        shown.remove(columns.index(name))
    return shown


def print_pairs(pairs: Iterable[tuple[str, Any]]) -> None:
    """Print names and values, one pair a line; what has no value is left out."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs:
        if value is not None and value != "":
            table.add_row(name, cell_of(value, limit=None))
    console().print(table)


def cell_of(value: Any, *, limit: int | None = 80) -> Text:
    """A value as a cell of one line."""
    if value is None or value == "":
        return Text("-", style="dim")
    if isinstance(value, bool):
        value = "yes" if value else "no"
    said = one_line(value, limit=limit)
    style = STATE_STYLES.get(str(value), "")
    if limit is None:
        return Text(said, style=style, overflow="fold")
    return Text(said, style=style, no_wrap=True, overflow="ellipsis")


def say(text: object = "", *, style: str = "") -> None:
    """Print a sentence, made safe for a terminal."""
    console().print(Text(lines(text), style=style), soft_wrap=True)


def warn(text: object) -> None:
    """Print to standard error what a person may have overlooked in what was done all the same."""
    sys.stderr.write(f"note: {lines(text)}\n")


def ago(moment: datetime | None, *, now: datetime | None = None) -> str | None:
    """How long ago a moment was, as people say it."""
    if moment is None:
        return None
    passed = (now or datetime.now(UTC)) - moment
    if passed < timedelta():
        return f"in {span(-passed)}"
    return f"{span(passed)} ago"


def span(duration: timedelta | float) -> str:
    """A duration in one unit: `350 ms`, `12 s`, `5 min`, `3 h`, `9 d`."""
    seconds = duration.total_seconds() if isinstance(duration, timedelta) else duration
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7_200:
        return f"{seconds / 60:.0f} min"
    if seconds < 172_800:
        return f"{seconds / 3_600:.0f} h"
    return f"{seconds / 86_400:.0f} d"


def whole_span(seconds: float) -> str:
    """A duration to the second, in all its units: `1 h 30 min`, `10 min`, `0.5 s`."""
    rest = seconds
    parts: list[str] = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count:.0f} {unit}")
    if rest or not parts:
        parts.append(f"{rest:g} s")
    return " ".join(parts)


def settings_of(said: Mapping[str, Any]) -> str | None:
    """Names and values as they would be written in code; None when there are none."""
    given = {name: value for name, value in said.items() if value not in (None, {}, [])}
    return ", ".join(f"{name}={value_of(value)}" for name, value in given.items()) or None


def value_of(value: Any) -> str:
    """A JSON value on one line; a text that is one word stands as it is."""
    if isinstance(value, str) and value and not any(char.isspace() for char in value):
        return value
    if isinstance(value, float):
        return f"{value:g}"
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case UUID():
            return str(value)
        case Mapping():
            return dict(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return str(value)
