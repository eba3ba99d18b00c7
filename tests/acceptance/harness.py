"""Real workers as processes, and facts to wait for instead of times.

A `Station` is one database, one schema and one ledger. What it starts, it ends: every process by
its own id.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import psutil
import psycopg

from howdah._db.statements import quote_name
from howdah._worker.settings import WorkerSettings
from tests.acceptance.ledger import FOLDER_VARIABLE, Ledger

T = TypeVar("T")

ROOT = Path(__file__).parents[2]
HANDLERS = "tests.acceptance.handlers:app"
SCHEMA_VARIABLE = "HOWDAH_TEST_SCHEMA"
LOOK_EVERY = 0.02
FINAL = frozenset({"completed", "failed", "expired", "cancelled"})


def until(
    fact: Callable[[], T],
    *,
    seconds: float = 30.0,
    what: str | Callable[[], str] = "it never came",
) -> T:
    """Look until a fact is so, and return it.

    Raises:
        AssertionError: It was not so in time.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = fact()
        if found:
            return found
        if time.monotonic() > deadline:
            said = what() if callable(what) else what
            raise AssertionError(f"after {seconds} s: {said}")
        time.sleep(LOOK_EVERY)


class WorkerProcess:
    """A supervisor with its children."""

    def __init__(self, command: list[str], environment: dict[str, str], output: Path) -> None:
        self.output = output
        with output.open("wb") as file:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=file, stderr=subprocess.STDOUT
            )
        self._handle = psutil.Process(self.process.pid)
        self._family: dict[int, psutil.Process] = {self.process.pid: self._handle}

    @property
    def pid(self) -> int:
        """The supervisor."""
        return self.process.pid

    @property
    def is_running(self) -> bool:
        """Whether the supervisor is there."""
        return self.process.poll() is None

    def children(self) -> list[psutil.Process]:
        """The processes that execute, as far as they live."""
        try:
            found = self._handle.children()
        except psutil.NoSuchProcess:
            return []
        self._family.update((child.pid, child) for child in found)
        return [child for child in found if child.status() != psutil.STATUS_ZOMBIE]

    def child(self) -> psutil.Process:
        """The one child."""
        (found,) = self.children()
        return found

    def send(self, number: signal.Signals) -> None:
        """Send the supervisor a signal."""
        if self.is_running:
            self.process.send_signal(number)

    def leave(self, *, seconds: float = 30.0) -> int:
        """Ask it to leave, and return its exit code."""
        self.send(signal.SIGTERM)
        return self.process.wait(seconds)

    def kill(self) -> None:
        """Kill the supervisor and nothing else."""
        self.children()
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        """Kill all that is left of it."""
        self.children()
        if self.is_running:
            self.kill()
        for process in self._family.values():
            # psutil compares start times: a number that another process got since is left alone.
            for one in [*_descendants(process), process]:
                try:
                    one.kill()
                except psutil.NoSuchProcess:
                    continue


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def command(app: str, url: str, settings: WorkerSettings) -> list[str]:
    """The command line of a worker: `howdah worker`, wherever it offers what is wanted."""
    usual = WorkerSettings()
    if (usual.crash_limit, usual.prefetch_max) != (settings.crash_limit, settings.prefetch_max):
        supervise = (sys.executable, "-m", "tests.acceptance.supervise")
        return [*supervise, app, url, settings.to_json()]
    said = [
        f"--processes={settings.processes}",
        f"--concurrency={settings.concurrency}",
        f"--lease={settings.lease}",
        f"--grace={settings.grace}",
        f"--poll={settings.poll}",
    ]
    if settings.queues:
        said.append("--queues=" + ",".join(f"{q}={w}" for q, w in settings.queues.items()))
    if not settings.notifications:
        said.append("--no-notify")
    program = str(Path(sys.executable).with_name("howdah"))
    return [program, "worker", app, f"--url={url}", *said]


class Station:
    """One schema with the workers and the ledger of one test."""

    def __init__(self, url: str, schema: str, folder: Path) -> None:
        self.url = url
        self.schema = schema
        self.folder = folder
        self.ledger = Ledger(folder / "ledger")
        self.ledger.folder.mkdir()
        self.workers: list[WorkerProcess] = []
        self._connection: psycopg.Connection[Any] | None = None

    def environment(self, url: str | None = None) -> dict[str, str]:
        """What a process of this station finds."""
        return {
            **os.environ,
            "HOWDAH_DATABASE_URL": url or self.url,
            SCHEMA_VARIABLE: self.schema,
            FOLDER_VARIABLE: str(self.ledger.folder),
            "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
            "PYTHONFAULTHANDLER": "1",
        }

    def work(
        self,
        settings: WorkerSettings | None = None,
        *,
        app: str = HANDLERS,
        url: str | None = None,
        wait: bool = True,
    ) -> WorkerProcess:
        """Start a worker, and wait until all its children claim."""
        settings = settings or WorkerSettings()
        before = self.told("WorkerStarted")
        worker = WorkerProcess(
            command(app, url or self.url, settings),
            self.environment(url),
            self.folder / f"worker-{len(self.workers)}.log",
        )
        self.workers.append(worker)
        if wait:
            self.until(
                lambda: len(self.told("WorkerStarted")) - len(before) >= settings.processes,
                what="the worker did not start",
            )
        return worker

    def run(self, *command: str, url: str | None = None) -> WorkerProcess:
        """Start a Python process that is no worker, such as a producer."""
        process = WorkerProcess(
            [sys.executable, *command],
            self.environment(url),
            self.folder / f"process-{len(self.workers)}.log",
        )
        self.workers.append(process)
        return process

    def told(self, name: str, **facts: Any) -> list[dict[str, Any]]:
        """The signals of a name that the workers posted."""
        return self.ledger.entries(name, **facts)

    def sql(self, text: str, *params: object) -> list[tuple[Any, ...]]:
        """Run SQL; `howdah.` stands for this schema."""
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self.url, autocommit=True)
        try:
            return self.sql_on(self._connection, text, *params)
        except psycopg.OperationalError:
            # Only a connection that a killed server left behind is given another try.
            if not self._connection.closed:
                raise
        self._connection = psycopg.connect(self.url, autocommit=True)
        return self.sql_on(self._connection, text, *params)

    def sql_on(
        self, connection: psycopg.Connection[Any], text: str, *params: object
    ) -> list[tuple[Any, ...]]:
        """Run SQL on another connection, in the transaction that is open there."""
        text = text.replace("howdah.", quote_name(self.schema).replace("%", "%%") + ".")
        cursor = connection.execute(text.encode(), params)
        return cursor.fetchall() if cursor.description is not None else []

    def connect(self) -> psycopg.Connection[Any]:
        """Another connection, for transactions."""
        return psycopg.connect(self.url)

    def send(
        self,
        task: str,
        /,
        *,
        queue: str = "default",
        options: dict[str, Any] | None = None,
        conn: psycopg.Connection[Any] | None = None,
        **arguments: Any,
    ) -> UUID:
        """Send a job from SQL."""
        text = "SELECT howdah.send(%s, %s, %s::jsonb, %s::jsonb)"
        params = (
            queue,
            task,
            json.dumps(arguments),
            json.dumps({"defaults": {}, **(options or {})}),
        )
        rows = self.sql(text, *params) if conn is None else self.sql_on(conn, text, *params)
        found: UUID = rows[0][0]
        return found

    def job(self, job_id: UUID) -> dict[str, Any]:
        """A job as it is now."""
        ((row,),) = self.sql("SELECT to_jsonb(v) FROM howdah.jobs AS v WHERE id = %s", job_id)
        found: dict[str, Any] = row
        return found

    def state(self, job_id: UUID) -> str:
        """A job's state."""
        return str(self.job(job_id)["state"])

    def has_jobs(self) -> bool:
        """Whether any job is not over."""
        return bool(self.sql("SELECT 1 FROM howdah.job AS j LIMIT 1"))

    def counts(self) -> dict[str, int]:
        """How many jobs stand in each state."""
        return dict(self.sql("SELECT state, count(*) FROM howdah.jobs AS v GROUP BY 1 ORDER BY 1"))

    def until(
        self, fact: Callable[[], T], *, seconds: float = 30.0, what: str = "it never came"
    ) -> T:
        """As `until`; the failure shows how things stand."""
        return until(fact, seconds=seconds, what=lambda: f"{what}\n{self.report()}")

    def until_quiet(
        self, fact: Callable[[], T], *, seconds: float = 30.0, what: str = "it never came"
    ) -> T:
        """As `until`, for when there is no database to ask how things stand."""
        return until(fact, seconds=seconds, what=lambda: f"{what}\n{self.told_and_written()}")

    def until_over(self, *jobs: UUID, seconds: float = 30.0) -> None:
        """Wait until these jobs, or all, are over."""
        if jobs:
            for job_id in jobs:
                self.until(
                    lambda job_id=job_id: self.state(job_id) in FINAL,
                    seconds=seconds,
                    what=f"job {job_id} is not over",
                )
            return
        self.until(
            lambda: not self.has_jobs(),
            seconds=seconds,
            what="some jobs are not over",
        )

    def until_running(self, job_id: UUID, *, seconds: float = 30.0, run: int = 1) -> dict[str, Any]:
        """Wait until a job's handler has begun for the n-th time, and return what it noted."""
        runs = self.until(
            lambda: (found := self.ledger.entries("run", job=str(job_id)))[run - 1 :] and found,
            seconds=seconds,
            what=f"run {run} of job {job_id} did not begin",
        )
        return runs[run - 1]

    def report(self) -> str:
        """How things stand, for a failure."""
        live = self.sql("SELECT to_jsonb(j) FROM howdah.job AS j LIMIT 5")
        workers = self.sql("SELECT to_jsonb(w) - 'queues' FROM howdah.worker AS w")
        lines = [
            f"jobs: {self.counts()}",
            *(f"live: {row[0]}" for row in live),
            *(f"worker: {row[0]}" for row in workers),
            self.told_and_written(),
        ]
        return "\n".join(lines)

    def told_and_written(self) -> str:
        """What the processes told and wrote."""
        lines = [f"told: {entry}" for entry in self.ledger.signals()[-40:]]
        for worker in self.workers:
            lines.append(f"--- {worker.output.name} of {worker.pid}")
            lines.append(worker.output.read_text(errors="replace")[-3000:])
        return "\n".join(lines)

    def close(self) -> None:
        """End all that was started here."""
        for worker in self.workers:
            worker.end()
        if self._connection is not None:
            self._connection.close()
