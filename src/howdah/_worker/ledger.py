"""Where slots leave what they have to tell the database, and the finisher takes it from.

Everything here is in memory and quick. Outcomes are kept until the database has said yes to them;
log lines and progress are kept for a while, and the oldest give way when nobody takes them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from howdah._model.outcome import Outcome
from howdah._worker.claimed import ClaimedJob

MOST_LINES = 10_000
# Characters of results and errors that one statement may carry.
HEAVIEST = 16_000_000


class Ledger:
    """Outcomes, log lines and progress on their way to the database.

    Log lines and progress may come from any thread; outcomes come from the loop.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self.outcomes: list[Outcome] = []
        self.dropped_lines = 0
        self._lines: list[dict[str, Any]] = []
        self._progress: dict[tuple[str, int], str] = {}
        self._lock = threading.Lock()
        self._wake = wake

    def settle(self, outcome: Outcome) -> None:
        """Leave an outcome."""
        self.outcomes.append(outcome)
        self._wake()

    def log(self, line: dict[str, Any]) -> None:
        """Leave a log line."""
        with self._lock:
            if len(self._lines) >= MOST_LINES:
                self._lines.pop(0)
                self.dropped_lines += 1
            self._lines.append(line)

    def progress(self, job: ClaimedJob, report: str) -> None:
        """Leave a report; it takes the place of an earlier one that nobody took yet."""
        with self._lock:
            self._progress[job.id, job.fence] = report

    def take_outcomes(self, limit: int) -> list[Outcome]:
        """Take the oldest outcomes: so many, or as many as weigh less than `HEAVIEST`."""
        weight = 0
        for count, outcome in enumerate(self.outcomes[:limit]):
            if outcome.result is not None or outcome.error is not None:
                weight += len(outcome.result or "") + len(outcome.error or "")
                if weight > HEAVIEST and count:
                    limit = count
                    break
        taken, self.outcomes = self.outcomes[:limit], self.outcomes[limit:]
        return taken

    def take_reports(self) -> tuple[list[dict[str, Any]], dict[tuple[str, int], str]]:
        """Take all log lines and progress."""
        with self._lock:
            lines, self._lines = self._lines, []
            progress, self._progress = self._progress, {}
        return lines, progress

    def has_reports(self) -> bool:
        """Whether log lines or progress are waiting."""
        return bool(self._lines or self._progress)
