"""What the handler of a batch task gets for each job, and may return for it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Generic, TypeAlias

from typing_extensions import TypeVar

from howdah._model.identity import uuid7
from howdah._worker.claimed import ClaimedJob
from howdah._worker.context import Context
from howdah._worker.ledger import Ledger

T = TypeVar("T")
R = TypeVar("R", default=None)

#: What becomes of one job of a batch: its result; or, not raised but returned, an exception for a
#: failure, or `Snooze`, `Cancel` or `Suspend`.
Outcome: TypeAlias = R | BaseException


class BatchJob(Context, Generic[T]):
    """One job of a batch: what it was sent with, and all that a `Context` can tell and be told.

    Attributes:
        value: What the sender gave.
    """

    __slots__ = ("value",)

    value: T

    @classmethod
    def of(
        cls,
        value: T,
        *,
        attempt: int = 1,
        tags: Iterable[str] = (),
        scheduled_for: datetime | None = None,
    ) -> BatchJob[T]:
        """Make a job as a handler gets it, for a unit test that calls the handler itself."""
        quoted = (word.replace("\\", "\\\\").replace('"', '\\"') for word in tags)
        array = "{" + ",".join(f'"{word}"' for word in quoted) + "}"
        told = None if scheduled_for is None else f" {int(scheduled_for.timestamp())}"
        row = (uuid7(), 1, attempt, 0, "default", "", 0, "{}", None, array, None, None, told)
        made = cls(ClaimedJob(row, 0.0), _Nothing(), Ledger(lambda: None), "howdah")
        made.value = value
        return made


class _Nothing:
    def encode_result(self, value: Any, /) -> str | None:
        return None
