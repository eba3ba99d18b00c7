"""Sends the jobs of schedules that are due.

Every worker does this at once. What is to be sent is computed here; the database sends it only
when the schedule is still as it was when this was computed, so one worker wins each tick and none
is needed.
"""

from __future__ import annotations

import time

from howdah._db import schedule as schedules
from howdah._db.schedule import Due, Look
from howdah._model.cron import Timing
from howdah._model.schedule import Plan, plan
from howdah._model.signals import PassFailed, Signals
from howdah._worker.blocking_link import BlockingLink
from howdah.errors import DatabaseUnreachableError, HowdahError

BATCH = 500
LONGEST_PAUSE = 1.0
SHORTEST_PAUSE = 0.01
# Another worker is firing all that was found. It needs no help, but it may die.
WHEN_TAKEN = 0.05
# A schedule that cannot be fired here is left to others, who may have newer zone data, and tried
# again after so long.
REFUSED_FOR = 60.0
PRUNE_EVERY = 60.0
PRUNE_BATCH = 10_000


class Scheduler:
    """The pass that fires."""

    def __init__(self, link: BlockingLink, signals: Signals) -> None:
        self._link = link
        self._signals = signals
        self._refused: dict[str, float] = {}
        self._prune_at = 0.0

    def run(self) -> float:
        """Fire all that is due. Returns the seconds until the next is."""
        while (look := self._look()).due:
            if not self._fire(look.due):
                return WHEN_TAKEN
        if self._prune():
            # It may have taken long: what is due next is to be asked anew.
            return SHORTEST_PAUSE
        pause = LONGEST_PAUSE if look.next_in is None else look.next_in
        return min(max(pause, SHORTEST_PAUSE), LONGEST_PAUSE)

    def _look(self) -> Look:
        now = time.monotonic()
        self._refused = {name: until for name, until in self._refused.items() if until > now}
        return self._link.run(schedules.due(limit=BATCH, without=self._refused))

    def _fire(self, due: list[Due]) -> bool:
        """Fire these. Returns False when others are firing them all."""
        plans = [(one, decided) for one in due if (decided := self._plan(one)) is not None]
        if not plans:
            return True
        try:
            fired = self._link.run(schedules.fire(plans))
        except DatabaseUnreachableError:
            raise
        except HowdahError:
            # One of them cannot be sent, as when somebody edited its row by hand. The others must
            # not wait for it.
            for alike, decided in plans:
                for one in alike.each():
                    self._fire_alone(one, decided)
            return True
        wanted = any(decided.ticks for _, decided in plans)
        return not wanted or fired.sent + fired.skipped > 0

    def _fire_alone(self, due: Due, decided: Plan) -> None:
        try:
            self._link.run(schedules.fire([(due, decided)]))
        except DatabaseUnreachableError:
            raise
        except HowdahError as error:
            self._refuse(due, error)

    def _plan(self, due: Due) -> Plan | None:
        try:
            return plan(
                Timing(due.cron, due.every, due.tz),
                first=due.next_at,
                now=due.now,
                catch_up=due.catch_up,
                limit=due.catch_up_limit,
            )
        except HowdahError as error:
            self._refuse(due, error)
            return None

    def _refuse(self, due: Due, error: HowdahError) -> None:
        for name in due.names:
            self._refused[name] = time.monotonic() + REFUSED_FOR
            self._signals.post(PassFailed("schedule", f"schedule {name!r}: {error}"))

    def _prune(self) -> bool:
        """Forget old ticks now and then. Returns whether it looked for any."""
        if time.monotonic() < self._prune_at:
            return False
        self._prune_at = time.monotonic() + PRUNE_EVERY
        while self._link.run(schedules.prune(limit=PRUNE_BATCH)) == PRUNE_BATCH:
            pass
        return True
