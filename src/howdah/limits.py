"""The limits in the database: `app.limits`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from howdah._db import quota
from howdah._db.quota import LimitRecord, LimitUsage
from howdah._db.steps import walk, walk_async
from howdah._model.limits import override_of
from howdah.job import Runs


class Limits:
    """The limits of a database: `app.limits`.

    What the code says of a limit is stored when a worker starts. What is said here stands over it,
    and stays when workers start again.
    """

    def __init__(self, run: Runs) -> None:
        self._run = run

    async def list(self) -> list[LimitRecord]:
        """Read every limit, by name, with how many jobs run and wait."""
        found: list[LimitRecord] = await self._run(quota.find())
        return found

    async def get(self, name: str, /) -> LimitRecord:
        """Read a limit.

        Raises:
            UnknownLimitError: There is none of that name.
        """
        return await walk_async(quota.read(name), self._run)

    async def usage(self, name: str, /, *, most: int = 100) -> LimitUsage:
        """Read a limit, the jobs that hold its slots, and how it stands with each of its keys.

        Args:
            name: The limit.
            most: So many holders and keys at the most.

        Raises:
            UnknownLimitError: There is none of that name.
        """
        return await walk_async(quota.usage(name, most=most), self._run)

    async def put(
        self,
        name: str,
        /,
        *,
        total: int | None = None,
        per_key: int | None = None,
        tiers: Mapping[str, int] | None = None,
        rate: int | None = None,
        per: timedelta | float | None = None,
    ) -> LimitRecord:
        """Say something over what the code says of a limit, or make one that no code knows.

        It is heard with the next claim. What is not said here is as the code says, so a put of
        nothing takes back what was said before. Jobs that run go on, also where there are now more
        than may be.

        Args:
            name: The limit.
            total, per_key, tiers: As of `Limit`.
            rate, per: As of `Rate`: so many within so long.

        Raises:
            UsageError: A number or name cannot be used.
        """
        said = override_of(name, total=total, per_key=per_key, tiers=tiers, rate=rate, per=per)
        return await walk_async(quota.change(name, said), self._run)

    async def delete(self, name: str, /) -> None:
        """Forget a limit. Jobs that draw from it wait until it is known again.

        Raises:
            UnknownLimitError: There is none of that name.
        """
        await walk_async(quota.forget(name), self._run)


class SyncLimits:
    """The limits, for code that does not await: `app.sync.limits`. As `Limits`."""

    def __init__(self, run: Callable[..., Any]) -> None:
        self._run = run

    def list(self) -> list[LimitRecord]:
        """Read every limit. As `Limits.list`."""
        found: list[LimitRecord] = self._run(quota.find())
        return found

    def get(self, name: str, /) -> LimitRecord:
        """Read a limit. As `Limits.get`."""
        return walk(quota.read(name), self._run)

    def usage(self, name: str, /, *, most: int = 100) -> LimitUsage:
        """Read a limit and who takes what of it. As `Limits.usage`."""
        return walk(quota.usage(name, most=most), self._run)

    def put(
        self,
        name: str,
        /,
        *,
        total: int | None = None,
        per_key: int | None = None,
        tiers: Mapping[str, int] | None = None,
        rate: int | None = None,
        per: timedelta | float | None = None,
    ) -> LimitRecord:
        """Say something over what the code says of a limit. As `Limits.put`."""
        said = override_of(name, total=total, per_key=per_key, tiers=tiers, rate=rate, per=per)
        return walk(quota.change(name, said), self._run)

    def delete(self, name: str, /) -> None:
        """Forget a limit. As `Limits.delete`."""
        walk(quota.forget(name), self._run)
