"""The testbed's verbs for tests that do not await: `howdah.sync`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from howdah._db.record import JobRecord
from howdah._model.states import JobState
from howdah.job import Job
from howdah.sync import SyncJob
from howdah.testing.drained import Drained

if TYPE_CHECKING:
    from howdah.testing.testbed import Testbed

T = TypeVar("T")


class SyncTestbed:
    """The testbed's verbs for tests that do not await. Each works on a loop and thread of its own.

    As `Testbed`, with the defaults that it has for what is not offered here.
    """

    def __init__(self, testbed: Testbed) -> None:
        self._testbed = testbed

    def drain(
        self, *, queues: Sequence[str] | None = None, raise_on_failure: bool = False
    ) -> Drained:
        """Run everything queued, here and now. As `Testbed.drain`."""
        return self._run(
            lambda: self._testbed.drain(queues=queues, raise_on_failure=raise_on_failure)
        )

    def advance(
        self,
        by: timedelta | float,
        *,
        queues: Sequence[str] | None = None,
        raise_on_failure: bool = False,
    ) -> Drained:
        """Let time pass, and run what becomes due. As `Testbed.advance`."""
        return self._run(
            lambda: self._testbed.advance(by, queues=queues, raise_on_failure=raise_on_failure)
        )

    def wait_for(
        self,
        job: Job[Any] | SyncJob[Any] | UUID,
        state: JobState | str = JobState.COMPLETED,
        *,
        timeout: timedelta | float = 10.0,
    ) -> JobRecord:
        """Return the job as soon as it is in a state. As `Testbed.wait_for`."""
        return self._run(lambda: self._testbed.wait_for(job, state, timeout=timeout))

    def _run(self, work: Callable[[], Awaitable[T]]) -> T:
        async def run() -> T:
            try:
                return await work()
            finally:
                await self._testbed.app.close()

        # The test may be on a loop after all, as one that calls blocking code in a handler is.
        with ThreadPoolExecutor(1, thread_name_prefix="howdah testbed") as thread:
            return thread.submit(lambda: asyncio.run(run())).result()
