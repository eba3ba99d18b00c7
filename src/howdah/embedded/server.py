"""The server process of a cluster: whether it lives, how it starts, how it stops.

No pid file is believed. The server inherits a descriptor that locks `server.lock`, and so do all
its processes: while one of them lives the kernel keeps the lock, and when the last has gone,
however it went, the lock is free.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import psycopg

from howdah.embedded.account import Account
from howdah.embedded.binaries import Programs
from howdah.embedded.founding import clean_environment
from howdah.embedded.layout import Layout
from howdah.embedded.locks import POLL_SECONDS, is_locked, try_lock
from howdah.embedded.processes import ServerProcess, find_server, server_tag
from howdah.embedded.settings import render_settings
from howdah.embedded.sockets import (
    forget_socket,
    prepare_socket,
    recorded_socket,
    socket_file,
    url_of,
)
from howdah.errors import EmbeddedError

START_SECONDS = 180.0  # a long crash recovery fits in
STOP_SECONDS = 60.0  # so does a last checkpoint
ABORT_SECONDS = 10.0
LOG_LIMIT_BYTES = 10_000_000
_LOG_TAIL_BYTES = 2_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server on our socket said.

    Attributes:
        socket: The folder of the socket.
        version: The version of PostgreSQL.
    """

    socket: Path
    version: str


@dataclass(frozen=True, slots=True)
class Server:
    """The server of one cluster. Start and stop it under the start lock only."""

    layout: Layout

    def answer(self) -> Answer | None:
        """Ask the server who it is, and return None when none of this cluster answers."""
        socket = recorded_socket(self.layout)
        if socket is None or not self._is_ready() or not socket_file(socket).exists():
            return None
        try:
            row = _ask(socket)
        except psycopg.Error:
            return None
        # A copied folder remembers the socket of its original, which names another place and holds
        # another lock. A moved one has its lock with it.
        if row is None or (row[0] != str(self.layout.data) and not self.is_alive()):
            return None
        return Answer(socket, str(row[1]))

    def is_alive(self) -> bool:
        """Tell whether any process of the server lives, answering or not."""
        return is_locked(self.layout.server_lock) or find_server(self.layout) is not None

    def ensure(self, programs: Programs, account: Account, settings: Mapping[str, str]) -> Answer:
        """Return an answering server: the one that runs, or a new one.

        Raises:
            EmbeddedError: It does not start, or does not answer in time.
        """
        deadline = time.monotonic() + START_SECONDS
        while True:
            if (answer := self.answer()) is not None:
                return answer
            if find_server(self.layout) is None:
                lock = try_lock(self.layout.server_lock)
                if lock is not None:
                    self._launch(lock, programs, account, settings)
                    return self._await_answer(deadline)
            elif self._is_unreachable():
                self.stop()
                continue
            self._check(deadline)
            time.sleep(POLL_SECONDS)

    def stop(self) -> bool:
        """Stop the server and wait until its last process has gone.

        Returns:
            There was a server to stop.

        Raises:
            EmbeddedError: It did not go.
        """
        if not self.is_alive():
            forget_socket(self.layout)
            return False
        # Fast first: transactions are rolled back and a checkpoint is made. Then abort, which
        # leaves work for the recovery at the next start but loses nothing that was committed.
        if not self._end(signal.SIGINT, STOP_SECONDS) and not self._end(
            signal.SIGQUIT, ABORT_SECONDS
        ):
            process = find_server(self.layout)
            case = (
                f"process {process.pid} does not end" if process else "its process is not visible"
            )
            raise EmbeddedError(
                f"cannot stop the private Postgres in {str(self.layout.home)!r}: {case}"
                "; end it by hand, perhaps in another container or as another user"
            )
        forget_socket(self.layout)
        return True

    def _is_unreachable(self) -> bool:
        """The server is up, but its socket was deleted or moved away."""
        socket = recorded_socket(self.layout)
        return self._is_ready() and (socket is None or not socket_file(socket).exists())

    def _is_ready(self) -> bool:
        """The pid file says that connections are taken; a first filter, not a proof."""
        try:
            lines = (self.layout.data / "postmaster.pid").read_text().splitlines()
        except (FileNotFoundError, NotADirectoryError):
            return False
        return len(lines) >= 8 and lines[7].strip() == "ready"

    def _launch(
        self, lock: int, programs: Programs, account: Account, settings: Mapping[str, str]
    ) -> None:
        try:
            # Nobody of this cluster lives, so the file is stale, whoever has its number now.
            (self.layout.data / "postmaster.pid").unlink(missing_ok=True)
            socket = prepare_socket(self.layout, account)
            self.layout.settings.write_text(render_settings(settings, socket=socket))
            self.layout.settings.chmod(0o644)  # whatever the umask: the account must read it
            _rotate(self.layout.log)
            with self.layout.log.open("ab") as log:
                self._run_pg_ctl(programs, account, lock=lock, log=log.fileno())
        finally:
            os.close(lock)

    def _run_pg_ctl(self, programs: Programs, account: Account, *, lock: int, log: int) -> None:
        # The data directory goes by the environment, and the log by a descriptor: pg_ctl puts
        # its arguments into a shell command, where an odd path would be read as something else.
        done = subprocess.run(
            [programs["pg_ctl"], "start", "--no-wait", "-s", "-o", f"-c {server_tag(self.layout)}"],
            cwd="/",
            env={**clean_environment(), "PGDATA": str(self.layout.data)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[lock],
            check=False,
            **account.drop,
        )
        if done.returncode != 0:
            raise self._failure("pg_ctl failed")

    def _await_answer(self, deadline: float) -> Answer:
        while True:
            # Look whether it lives before asking: it may answer in between, never the reverse.
            lives = self.is_alive()
            if (answer := self.answer()) is not None:
                return answer
            if not lives:
                raise self._failure("the server ended")
            self._check(deadline)
            time.sleep(POLL_SECONDS)

    def _end(self, sign: signal.Signals, seconds: float) -> bool:
        """Send a signal and wait until no process of the server lives."""
        deadline = time.monotonic() + seconds
        told: ServerProcess | None = None
        while self.is_alive():
            # A server that is only just starting has yet to write its pid.
            process = find_server(self.layout)
            if process is not None and process != told:
                send(process, sign)
                told = process
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)
        return True

    def _check(self, deadline: float) -> None:
        if time.monotonic() > deadline:
            raise self._failure(
                f"a server lives but has not answered for {START_SECONDS:.0f} seconds"
                f" ({self._why_silent()})"
            )

    def _why_silent(self) -> str:
        socket = recorded_socket(self.layout)
        if socket is None:
            return "nobody said where its socket is"
        try:
            _ask(socket)
        except psycopg.Error as error:
            return str(error).strip()
        return "another server answers in its place"

    def _failure(self, case: str) -> EmbeddedError:
        return EmbeddedError(
            f"cannot start the private Postgres in {str(self.layout.home)!r}: {case};"
            f" the end of {str(self.layout.log)!r} says:\n{_tail(self.layout.log)}"
        )


def _ask(socket: Path) -> tuple[Any, ...] | None:
    with psycopg.connect(url_of(socket), connect_timeout=5, autocommit=True) as connection:
        return connection.execute(_identity()).fetchone()


@cache
def _identity() -> bytes:
    return files("howdah.embedded").joinpath("identity.sql").read_bytes()


def send(process: ServerProcess, sign: signal.Signals) -> None:
    """Send a signal to a server that may have ended meanwhile."""
    try:
        os.kill(process.pid, sign)
    except ProcessLookupError:
        pass  # it ended by itself, which is what was wanted


def _rotate(log: Path) -> None:
    if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
        log.replace(log.with_name(f"{log.name}.1"))


def _tail(log: Path) -> str:
    try:
        return log.read_bytes()[-_LOG_TAIL_BYTES:].decode("utf-8", "replace").strip()
    except FileNotFoundError:
        return "(there is none)"
