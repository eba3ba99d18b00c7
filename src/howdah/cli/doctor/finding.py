"""What a check found: how bad it is, what is the case, what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    Attributes:
        check: What was looked at.
        status: How bad it is.
        says: What is the case.
        advice: What to do, unless all is well.
    """

    check: str
    status: Status
    says: str
    advice: str | None = None


def ok(check: str, says: str) -> Finding:
    """All is well."""
    return Finding(check, Status.OK, says)


def warn(check: str, says: str, advice: str) -> Finding:
    """It works, and somebody should look."""
    return Finding(check, Status.WARN, says, advice)


def fail(check: str, says: str, advice: str) -> Finding:
    """It does not work."""
    return Finding(check, Status.FAIL, says, advice)
