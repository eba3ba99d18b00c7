"""How errors reach the person at the terminal: one readable line, and a traceback when asked."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from howdah.errors import ConfigError, HowdahError, UsageError
from howdah.telemetry.printable import lines

#: Something that was asked for could not be done.
EXIT_FAILED = 1
#: The command line itself is wrong.
EXIT_USAGE = 2
#: The app or the environment is set up wrongly, so that starting again cannot help.
EXIT_CONFIG = 78
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143

DEBUG_VARIABLE = "HOWDAH_DEBUG"


def show(error: HowdahError) -> None:
    """Print an error to standard error."""
    if os.environ.get(DEBUG_VARIABLE):
        traceback.print_exception(error)
    sys.stderr.write(f"error: {lines(error)}\n")
    sys.stderr.flush()


@contextmanager
def config_errors() -> Iterator[None]:
    """Leave with exit code 78 when the app or the environment is set up wrongly."""
    try:
        yield
    except (ConfigError, UsageError) as error:
        show(error)
        raise typer.Exit(EXIT_CONFIG) from None
