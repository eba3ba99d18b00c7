"""How log lines look: for a terminal, for a file, for a machine."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from howdah.errors import UsageError
from howdah.telemetry.logs import LOGGER, Line
from howdah.telemetry.printable import lines, one_line

if TYPE_CHECKING:
    from rich.text import Text

_STYLES = {"DEBUG": "dim", "INFO": "green", "WARNING": "yellow", "ERROR": "bold red"}
LEVELS = ("debug", "info", "warning", "error")


class LogFormat(StrEnum):
    """How log lines are written."""

    AUTO = "auto"
    PRETTY = "pretty"
    TEXT = "text"
    JSON = "json"


def configure(*, level: str, log_format: LogFormat) -> None:
    """Have log lines written to standard error.

    Where the app's own code has set up logging already, its set-up is left as it is, and gets our
    lines like any others.

    Args:
        level: `debug`, `info`, `warning` or `error`.
        log_format: `auto` is pretty on a terminal and JSON elsewhere.

    Raises:
        UsageError: There is no such level.
    """
    if level.lower() not in LEVELS:
        raise UsageError(f"cannot log at level {level!r}: the levels are {', '.join(LEVELS)}")
    number = logging.getLevelNamesMapping()[level.upper()]
    LOGGER.setLevel(number)
    root = logging.getLogger()
    if root.handlers:
        return
    root.setLevel(number)
    root.addHandler(_handler(settled(log_format)))


def settled(log_format: LogFormat) -> LogFormat:
    """What `auto` means here."""
    if log_format is not LogFormat.AUTO:
        return log_format
    return LogFormat.PRETTY if sys.stderr.isatty() else LogFormat.JSON


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `at`, `level`, `event`, then the fields."""

    def format(self, record: logging.LogRecord) -> str:
        document: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
        }
        if isinstance(record.msg, Line):
            document |= {"event": record.msg.event, **record.msg.fields}
            if record.msg.detail is not None:
                document["traceback"] = record.msg.detail
        else:
            document |= {"logger": record.name, "message": record.getMessage()}
            if record.exc_info:
                document["traceback"] = self.formatException(record.exc_info)
        return json.dumps(document, default=str)


class TextFormatter(logging.Formatter):
    """Time, level, event, fields as `name=value`; tracebacks on lines of their own."""

    def format(self, record: logging.LogRecord) -> str:
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        text = f"{when} {record.levelname.lower():<7} {_said(record)}"
        return "\n".join([text, *_trace(record, self.formatException)])


class PrettyHandler(logging.Handler):
    """Coloured lines for a person at a terminal."""

    def __init__(self) -> None:
        super().__init__()
        # Rich is imported only by those who look at it.
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False, soft_wrap=True)

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        from rich.text import Text

        try:
            when = datetime.fromtimestamp(record.created).strftime("%H:%M:%S")
            style = _STYLES.get(record.levelname, "bold red")
            text = Text.assemble((f"{when} ", "dim"), _coloured(record, style))
            for line in _trace(record, logging.Formatter().formatException):
                text.append("\n" + line, style="dim")
            self._console.print(text)
        except Exception:
            self.handleError(record)


def _coloured(record: logging.LogRecord, style: str) -> Text:
    from rich.text import Text

    if not isinstance(record.msg, Line):
        said = one_line(record.getMessage())
        return Text.assemble(
            (f"{record.name:<14} ", "dim"), (said, style if style != "green" else "")
        )
    text = Text(f"{record.msg.event:<14}", style=style)
    for key, value in record.msg.fields.items():
        text.append(f" {key}=", style="dim")
        text.append(one_line(value))
    return text


def _said(record: logging.LogRecord) -> str:
    if isinstance(record.msg, Line):
        return str(record.msg)
    return f"{record.name}: {one_line(record.getMessage())}"


def _trace(record: logging.LogRecord, formatted: Callable[..., str]) -> list[str]:
    if isinstance(record.msg, Line) and record.msg.detail is not None:
        return [lines(record.msg.detail).rstrip()]
    if record.exc_info:
        return [lines(formatted(record.exc_info)).rstrip()]
    return []


def _handler(log_format: LogFormat) -> logging.Handler:
    if log_format is LogFormat.PRETTY:
        return PrettyHandler()
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if log_format is LogFormat.JSON else TextFormatter())
    return handler
