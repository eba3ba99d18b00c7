"""Gathers what a process has to warn of, and tells the database now and then.

Much of it is posted as signals anyway. Signals are gone once they are heard; a warning stays for
whoever looks later, and is one however many processes find it.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace

from howdah._db import warning as warnings
from howdah._db.steps import Steps
from howdah._model.notice import Notice, WarningKind
from howdah._model.signals import (
    ListenerFailed,
    NotificationsUnavailable,
    PassFailed,
    Signals,
    StatementSlow,
    TaskUnknown,
    Warned,
    WorkerDied,
    WorkerFailed,
    WorkersSwept,
)

# What lasts is told again so often, well before it would count as over.
AGAIN_EVERY = 300.0
TELL_EVERY = 5.0


class Notices:
    """The warnings of one process, on their way to the database. May be used from any thread."""

    def __init__(self, signals: Signals, *, slow: float, every: float = TELL_EVERY) -> None:
        self._signals = signals
        self._slow = slow
        self._every = every
        self._due = 0.0
        self._lock = threading.Lock()
        self._waiting: dict[tuple[str, str], Notice] = {}
        self._lasting: dict[tuple[str, str], Notice] = {}
        self._again = time.monotonic() + AGAIN_EVERY
        signals.on(StatementSlow, self._on_slow)
        signals.on(NotificationsUnavailable, self._on_unavailable)
        signals.on(TaskUnknown, self._on_unknown)
        signals.on(WorkerDied, self._on_died)
        signals.on(WorkerFailed, self._on_failed)
        signals.on(WorkersSwept, self._on_swept)
        signals.on(PassFailed, self._on_pass)
        signals.on(ListenerFailed, self._on_listener)

    def add(self, notice: Notice, *, lasts: bool = False) -> None:
        """Warn of something.

        Args:
            notice: What of.
            lasts: It is so until this process ends, and is told again meanwhile.
        """
        key = notice.kind.value, notice.subject
        with self._lock:
            if (before := self._waiting.get(key)) is not None:
                notice = replace(notice, count=notice.count + before.count)
            self._waiting[key] = notice
            if lasts:
                self._lasting[key] = replace(notice, count=1)

    def is_due(self) -> bool:
        """Whether there is something to tell, and it is time to."""
        now = time.monotonic()
        if now >= self._again:
            self._again = now + AGAIN_EVERY
            for notice in list(self._lasting.values()):
                self.add(notice)
        return bool(self._waiting) and now >= self._due

    def tell(self) -> Steps[None]:
        """Tell the database, and post what is new to it. After a failure, tell again."""
        self._due = time.monotonic() + self._every
        with self._lock:
            told, self._waiting = self._waiting, {}
        try:
            new = yield warnings.warn(list(told.values()))
        except BaseException:
            for notice in told.values():
                self.add(notice)
            raise
        for key in new:
            notice = told[key]
            self._signals.post(
                Warned(notice.kind.value, notice.queue, notice.text, dict(notice.facts))
            )

    def _on_slow(self, it: StatementSlow) -> None:
        if it.seconds >= self._slow:
            text = f"statement {it.statement} took {it.seconds:.1f} s"
            facts = {"statement": it.statement, "role": it.role, "seconds": round(it.seconds, 3)}
            self.add(Notice(WarningKind.SLOW_QUERY, text, it.statement, facts=facts))

    def _on_unavailable(self, it: NotificationsUnavailable) -> None:
        text = f"notifications do not arrive, so workers poll: {it.reason}"
        kind = WarningKind.LISTEN_NOTIFY_UNAVAILABLE
        self.add(Notice(kind, text, facts={"reason": it.reason}), lasts=True)

    def _on_unknown(self, it: TaskUnknown) -> None:
        text = (
            f"a job of queue {it.queue!r} asks for task {it.task!r}, which a worker does not have"
        )
        facts = {"task": it.task, "job": it.job_id}
        self.add(Notice(WarningKind.TASK_UNKNOWN, text, it.task, it.queue, facts))

    def _on_died(self, it: WorkerDied) -> None:
        text = f"a worker process died with exit code {it.exit_code}"
        facts = {"worker": it.worker_id, "pid": it.pid, "exit_code": it.exit_code}
        self.add(Notice(WarningKind.WORKER_DIED, text, facts=facts))

    def _on_failed(self, it: WorkerFailed) -> None:
        text = f"a worker inside a web process failed: {it.error}"
        self.add(Notice(WarningKind.WORKER_DIED, text, facts={"worker": it.worker_id}))

    def _on_swept(self, it: WorkersSwept) -> None:
        text = f"{it.workers} workers were taken for dead and {it.jobs} jobs given back"
        facts = {"workers": it.workers, "jobs": it.jobs}
        self.add(Notice(WarningKind.WORKERS_SWEPT, text, facts=facts))

    def _on_pass(self, it: PassFailed) -> None:
        text = f"housekeeping pass {it.name!r} failed: {it.error}"
        self.add(Notice(WarningKind.PASS_FAILED, text, it.name, facts={"error": it.error}))

    def _on_listener(self, it: ListenerFailed) -> None:
        text = f"a listener of signal {it.signal} raised {it.error}"
        self.add(Notice(WarningKind.LISTENER_FAILED, text, it.signal, facts={"error": it.error}))
