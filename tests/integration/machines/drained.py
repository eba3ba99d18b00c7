"""The end of all waiting: when everything may go on, everything does."""

from __future__ import annotations

from typing import Any, ClassVar

from hypothesis.stateful import precondition, rule

from howdah._db import job as jobs
from howdah._db import queue as queues
from howdah._db import quota as quotas
from howdah._model.outcome import Verdict
from tests.integration.machines.picture import look
from tests.integration.machines.watched_lines import WatchedLines

# Seldom, or there would seldom be much.
EVERY = 20
LONG = 10_000.0


class Drained(WatchedLines):
    """Claims until nothing is left, now and then: no job waits for ever.

    Attributes:
        limits: What each limit is given back.
    """

    limits: ClassVar[dict[str, dict[str, Any]]]

    @precondition(lambda self: self.steps > EVERY)
    @rule()
    def drain(self) -> None:
        self.steps = 0
        self._let_everything_go_on()
        most = 4 * len(look(self.desk).jobs) + 10
        for _ in range(most):
            self.was = look(self.desk)
            if not self.was.jobs:
                break
            got = self.claim_some(("q", "r"), 3)
            self.watch_claim(got, ("q", "r"), 3)
            while self.claims:
                assert self.settle(0, Verdict.COMPLETED)
            self.pass_time(100)
            self.promote_all()
        left = look(self.desk)
        assert {} == left.jobs
        assert set() == left.slots
        self.count("drained")

    def _let_everything_go_on(self) -> None:
        self.sender.connection.commit()
        while self.claims:
            assert self.settle(0, Verdict.COMPLETED)
        self.desk.run(queues.resume_everything())
        for queue in ("q", "r"):
            self.desk.run(queues.resume(queue))
        for pause in self.desk.run(queues.pauses()):
            self.desk.run(queues.resume_task(pause.name))
        while self.desk.run(queues.lift(limit=100)):
            pass
        self.desk.run(quotas.register(self.limits))
        for name in self.limits:
            self.desk.run(quotas.put(name, {}))
        for queue, key in look(self.desk).blocked:
            self.desk.run(queues.unblock(queue, key))
        for row in look(self.desk).jobs.values():
            if row.state == "waiting":
                self.do(jobs.resume(row.job_id))
        self.pass_time(LONG)
        self.promote_all()
