"""What workers warned of: `app.warnings` and `app.sync.warnings`."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

from howdah._db import warning as queries
from howdah._db.warning import WarningRecord
from howdah._model.notice import WarningKind
from howdah.job import Runs


class Warnings:
    """The warnings in the database: `app.warnings`."""

    def __init__(self, run: Runs) -> None:
        self._run = run

    async def list(
        self,
        *,
        kind: WarningKind | str | None = None,
        queue: str | None = None,
        limit: int = 100,
    ) -> list[WarningRecord]:
        """Read what workers warned of, the latest first.

        Args:
            kind: Only this kind.
            queue: Only what is about this queue.
            limit: At most so many.
        """
        found: builtins.list[WarningRecord] = await self._run(
            queries.find(kind=kind, queue=queue, limit=limit)
        )
        return found

    async def clear(
        self, *, kind: WarningKind | str | None = None, queue: str | None = None
    ) -> int:
        """Forget warnings: all, those of a kind, those about a queue. What lasts comes again.

        Returns:
            How many were forgotten.
        """
        return int(await self._run(queries.clear(kind=kind, queue=queue)))

    async def backlog(self, queue: str, ready: int | None, /) -> None:
        """Say from how many claimable jobs of a queue on workers warn.

        Args:
            queue: The queue.
            ready: More than so many are a backlog; None leaves it to `WorkerSettings.backlog`.

        Raises:
            UsageError: The number is negative.
        """
        await self._run(queries.backlog(queue, ready))


class SyncWarnings:
    """The warnings in the database, for code that does not await. As `Warnings`."""

    def __init__(self, run: Callable[..., Any]) -> None:
        self._run = run

    def list(
        self,
        *,
        kind: WarningKind | str | None = None,
        queue: str | None = None,
        limit: int = 100,
    ) -> builtins.list[WarningRecord]:
        """Read what workers warned of, the latest first. As `Warnings.list`."""
        found: builtins.list[WarningRecord] = self._run(
            queries.find(kind=kind, queue=queue, limit=limit)
        )
        return found

    def clear(self, *, kind: WarningKind | str | None = None, queue: str | None = None) -> int:
        """Forget warnings. As `Warnings.clear`."""
        return int(self._run(queries.clear(kind=kind, queue=queue)))

    def backlog(self, queue: str, ready: int | None, /) -> None:
        """Say from how many claimable jobs of a queue on workers warn. As `Warnings.backlog`."""
        self._run(queries.backlog(queue, ready))
