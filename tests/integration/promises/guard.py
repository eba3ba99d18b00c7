"""A guard in the SQL, and the promise that is broken without it."""

from __future__ import annotations

from dataclasses import dataclass

from tests.integration.promises.stage import Promise

# Why a guard is one of the standard profile.
HINTS = "a hint of the portable profile always says to look from the start"


@dataclass(frozen=True, slots=True)
class Guard:
    """Some text of an SQL file without which a promise is broken.

    Attributes:
        file: Below `sql/`, without its ending.
        text: What guards.
        without: What stands there when the guard is removed.
        promise: What is broken then.
        error: How the breach shows, where another guard turns it into an error.
        standard: Why only the standard profile needs it; the promise is one of both.
    """

    file: str
    text: str
    without: str
    promise: Promise
    error: str | None = None
    standard: str | None = None

    def __str__(self) -> str:
        return f"{self.file}: {' '.join(self.text.split())[:60]}"
