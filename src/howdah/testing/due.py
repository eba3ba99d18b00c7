"""What falls due in the schema of one test: delays, naps and retries, and schedules."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from howdah._db import job as jobs
from howdah._db import schedule as schedules
from howdah._db.steps import walk
from howdah._model.signals import PassFailed
from howdah._worker.blocking_link import BlockingLink
from howdah._worker.housekeeping.promoter import BATCH
from howdah._worker.housekeeping.scheduler import Scheduler
from howdah._worker.registration import register_schedules
from howdah.client import Howdah


class Due:
    """Does by hand what the housekeeping of a worker does now and then."""

    def __init__(self, app: Howdah, link: BlockingLink) -> None:
        self._link = link
        self._scheduler = Scheduler(link, app.signals)
        self._failures: list[str] = []

    @classmethod
    @contextmanager
    def of(cls, app: Howdah) -> Iterator[Due]:
        """Know the schedules of the app's code, as after the start of a worker."""
        link = BlockingLink(app.database_url, app.schema, role="due", signals=app.signals)
        due = cls(app, link)
        off = app.signals.on(PassFailed, due._note_failure)
        try:
            walk(register_schedules(app), link.run)
            yield due
        finally:
            off()
            link.close()

    def claimable(self) -> float | None:
        """Make claimable all that is due. Returns the seconds until something else is.

        Raises:
            AssertionError: A schedule cannot be sent.
        """
        self._scheduler.run()
        next_tick = self._link.run(schedules.due(limit=0)).next_in
        if self._failures:
            raise AssertionError(self._failures[0])
        while self._link.run(jobs.expire_late(limit=BATCH)) == BATCH:
            pass
        promoted, next_in = BATCH, None
        while promoted == BATCH:
            promoted, next_in = self._link.run(jobs.promote(limit=BATCH, within=None))
        return min((one for one in (next_in, next_tick) if one is not None), default=None)

    def _note_failure(self, signal: PassFailed) -> None:
        if signal.name == "schedule":
            self._failures.append(signal.error)
