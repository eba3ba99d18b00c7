"""The process that `howdah worker` is: it beats, keeps house, and watches its children.

It runs no user code and no event loop, so nothing a handler does can silence its beats. A child
that dies is seen at once, its jobs are given back, and a new one takes its place.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from types import FrameType

from howdah._db import fleet
from howdah._db import worker as workers
from howdah._db.fleet import Asked
from howdah._db.steps import walk
from howdah._model.signals import Signals, WorkerDied
from howdah._worker import marks
from howdah._worker.blocking_link import DEADLINE, BlockingLink
from howdah._worker.child import EXIT_ASKED, EXIT_CONFIG
from howdah._worker.heartbeat import Heartbeat
from howdah._worker.housekeeping import Housekeeper
from howdah._worker.registration import (
    look_at_queues,
    register_limits,
    register_queues,
    register_schedules,
    register_worker,
)
from howdah._worker.settings import WorkerSettings
from howdah._worker.tasks import AppLike
from howdah._worker.worker import identity, weights
from howdah.errors import HowdahError

LOOK_EVERY = 0.05
SHORT_LIFE = 5.0
LONGEST_BACKOFF = 5.0
AFTER_FAILURE = 0.5
# Beyond its grace a child gets so long to give back and leave before it is killed.
LAST_WORD = 10.0


class Child:
    """One child process and what is known of it."""

    def __init__(self, worker_id: int, process: subprocess.Popen[bytes], marks: int) -> None:
        self.worker_id = worker_id
        self.process = process
        self.marks = marks
        self.started = time.monotonic()

    def say(self, word: str) -> None:
        """Tell it to `stop` or to leave `now`. One that is gone already hears nothing."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(word.encode() + b"\n")
            self.process.stdin.flush()
        except OSError:
            return


class Supervisor:
    """Runs child processes until told to stop."""

    def __init__(
        self,
        app: AppLike,
        reference: str,
        url: str,
        settings: WorkerSettings,
        *,
        loop: str = "asyncio",
        child_module: str = "howdah._worker.child",
    ) -> None:
        self._app = app
        self._reference = reference
        self._url = url
        self._settings = settings
        self._loop = loop
        self._child_module = child_module
        self._signals: Signals = app.signals
        self._link = self._new_link("supervise")
        self._heartbeat = Heartbeat(
            self._new_link("beat", deadline=settings.lease / 2),
            app.signals,
            lease=settings.lease,
            lost=self._was_declared_dead,
        )
        self._housekeeper = Housekeeper(self._new_link("keep house"), settings, app.signals)
        self._children: list[Child] = []
        self._short_lives = 0
        self._start_at = 0.0
        # What was running in children that died and whose jobs are not given back yet.
        self._owed: dict[int, list[str]] = {}
        self._give_back_at = 0.0
        # What was asked of children that died, for those that take their places.
        self._bequests: list[Asked] = []
        # Children that somebody asked to leave. Nobody takes their places.
        self._left = 0
        self._asked = 0
        self._exit_code = 0
        self._wake = threading.Event()

    def run(self) -> int:
        """Supervise until told to stop. Returns the exit code.

        The first SIGTERM or SIGINT lets handlers finish, the second gives their jobs back now.
        """
        previous = {
            number: signal.signal(number, self._on_signal)
            for number in (signal.SIGTERM, signal.SIGINT)
        }
        self._link.run(register_queues(self._app, weights(self._app, self._settings)))
        walk(register_limits(self._app), self._link.run)
        walk(register_schedules(self._app), self._link.run)
        walk(look_at_queues(self._app, self._settings.queues), self._link.run)
        self._heartbeat.start()
        self._housekeeper.start()
        try:
            while not self._asked:
                self._replenish()
                self._wake.wait(LOOK_EVERY)
                self._look()
            self._wind_down()
        finally:
            self._housekeeper.stop()
            self._heartbeat.stop()
            self._link.close()
            for number, handler in previous.items():
                signal.signal(number, handler)
        return self._exit_code

    def stop(self) -> None:
        """As a first SIGTERM, and called again as a second; from any thread."""
        self._asked += 1
        self._wake.set()

    @property
    def worker_ids(self) -> tuple[int, ...]:
        """The workers that run now."""
        return tuple(child.worker_id for child in self._children)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.stop()

    def _replenish(self) -> None:
        """Start children until there are as many as there should be."""
        while len(self._children) < self._settings.processes - self._left and not self._asked:
            if time.monotonic() < self._start_at:
                return
            try:
                self._children.append(self._spawn())
            except HowdahError:
                self._start_at = time.monotonic() + AFTER_FAILURE
                return

    def _spawn(self) -> Child:
        host, pid = identity()
        asked = self._bequests[-1] if self._bequests else None
        queues = list(weights(self._app, self._settings))
        worker_id = self._link.run(
            register_worker(
                self._app, self._settings, queues=queues, host=host, pid=pid, asked=asked
            )
        )
        if asked is not None:
            self._bequests.pop()
        descriptor = marks.make(self._settings.concurrency)
        # A group of its own: what a terminal sends to us is not for the child.
        process = subprocess.Popen(
            [sys.executable, "-m", self._child_module],
            stdin=subprocess.PIPE,
            start_new_session=True,
            pass_fds=[descriptor],
        )
        child = Child(worker_id, process, descriptor)
        config = {
            "app": self._reference,
            "url": self._url,
            "settings": self._settings.to_json(),
            "worker_id": worker_id,
            "marks": descriptor,
            "loop": self._loop,
            "sys_path": sys.path,
        }
        child.say(json.dumps(config))
        self._heartbeat.add(worker_id, pid=process.pid)
        return child

    def _look(self) -> None:
        """See which children are gone."""
        self._give_back()
        for child in [one for one in self._children if one.process.poll() is not None]:
            self._bury(child)
            if child.process.returncode == EXIT_ASKED:
                self._left += 1
                if self._left >= self._settings.processes:
                    self.stop()
                continue
            if child.process.returncode == EXIT_CONFIG:
                self._exit_code = EXIT_CONFIG
                self.stop()
                return
            if time.monotonic() - child.started < SHORT_LIFE:
                self._short_lives += 1
                pause = min(LONGEST_BACKOFF, 0.05 * 2 ** min(self._short_lives, 10))
                self._start_at = time.monotonic() + pause
            else:
                self._short_lives = 0

    def _bury(self, child: Child) -> None:
        """Give back what a dead child held. What it was running counts a crash."""
        code = child.process.returncode
        crashed = code not in (0, EXIT_ASKED)
        self._owed[child.worker_id] = marks.read(child.marks) if crashed else []
        os.close(child.marks)
        self._children.remove(child)
        given_back = self._give_back()
        if crashed:
            self._signals.post(WorkerDied(child.worker_id, child.process.pid, code, given_back))

    def _give_back(self) -> int:
        """Give back what dead children held, once the database answers. Returns how many jobs.

        Their leases are kept until then: whoever sweeps them cannot know what ran, and would count
        a crash for all that was merely held.
        """
        given_back = 0
        if time.monotonic() < self._give_back_at:
            return given_back
        for worker_id, running in list(self._owed.items()):
            limit = self._settings.crash_limit
            try:
                asked = self._link.run(fleet.asked(worker_id))
                given_back += self._link.run(
                    workers.release(worker_id, running=running, crash_limit=limit)
                )
            except HowdahError:
                self._give_back_at = time.monotonic() + AFTER_FAILURE
                break
            if asked != Asked():
                self._bequests.append(asked)
            del self._owed[worker_id]
            self._heartbeat.remove(worker_id)
        return given_back

    def _was_declared_dead(self, worker_id: int) -> None:
        """A child's lease ran out: what it holds is others' now, so it must go."""
        for child in list(self._children):
            if child.worker_id == worker_id:
                child.say("now")
                child.process.kill()

    def _wind_down(self) -> None:
        """Tell the children to stop, hurry them on a second request, and kill what stays."""
        for child in self._children:
            child.say("stop")
        deadline = time.monotonic() + self._settings.grace + LAST_WORD
        hurried = False
        while self._children:
            if self._asked > 1 and not hurried:
                hurried = True
                deadline = time.monotonic() + LAST_WORD
                for child in self._children:
                    child.say("now")
            if time.monotonic() > deadline:
                for child in self._children:
                    child.process.kill()
                    child.process.wait()
            self._wake.clear()
            self._wake.wait(LOOK_EVERY)
            for child in [one for one in self._children if one.process.poll() is not None]:
                self._bury(child)
        deadline = time.monotonic() + LAST_WORD
        while self._owed and self._asked < 2 and time.monotonic() < deadline:
            self._wake.clear()
            self._wake.wait(LOOK_EVERY)
            self._give_back()

    def _new_link(self, role: str, *, deadline: float = DEADLINE) -> BlockingLink:
        return BlockingLink(
            self._url,
            self._app.schema,
            role=role,
            signals=self._signals,
            deadline=min(deadline, DEADLINE),
        )
