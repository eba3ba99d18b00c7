"""Starts the demo's processes, notices when one dies, and stops them all in every case."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

HERE = Path(__file__).parents[2]
LOGS = Path(".howdah", "demo")
STOP_SECONDS = 20


class DemoError(Exception):
    """The demo cannot go on; the message says why."""


class Process:
    """A program that runs beside us, with its output in a file."""

    def __init__(self, name: str, running: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self.log = log
        self._running = running

    async def watch(self) -> None:
        """Wait for the program to end, which it should not do by itself.

        Raises:
            DemoError: It ended.
        """
        code = await self._running.wait()
        raise DemoError(f"the {self.name} ended with status {code}\n{self.tail()}")

    def tail(self, lines: int = 30) -> str:
        """The end of what it printed."""
        text = self.log.read_text(encoding="utf-8", errors="replace")
        return "\n".join([f"--- {self.log}", *text.splitlines()[-lines:]])

    async def stop(self) -> None:
        """Ask it to stop; after a while, kill it and all that it started."""
        if self._running.returncode is None:
            self._running.terminate()
        try:
            await asyncio.wait_for(self._running.wait(), STOP_SECONDS)
        except TimeoutError:
            print(f"the {self.name} did not stop within {STOP_SECONDS} s and is killed")
        finally:
            _kill_group(self._running.pid)


@asynccontextmanager
async def start(
    name: str,
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    pass_fds: tuple[int, ...] = (),
) -> AsyncIterator[Process]:
    """Run a command for as long as the block runs, with its output in `./.howdah/demo`.

    It gets a session of its own, so that Ctrl-C reaches us alone and we decide the order in which
    things stop.
    """
    with _open_log(name) as output:
        running = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment(env),
            pass_fds=pass_fds,
            start_new_session=True,
        )
    process = Process(name, running, Path(output.name))
    try:
        yield process
    finally:
        await process.stop()


async def run(command: Sequence[str], *, env: Mapping[str, str]) -> None:
    """Run a command to its end.

    Raises:
        DemoError: It failed.
    """
    running = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment(env),
    )
    output, _ = await running.communicate()
    if running.returncode != 0:
        raise DemoError(f"{' '.join(command)} failed\n{output.decode(errors='replace')}")


def program(name: str) -> str:
    """Find a program that was installed with this Python, whether or not PATH knows it."""
    return str(Path(sys.executable).with_name(name))


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Our environment and more, in which `examples` can be imported from any folder."""
    path = os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, **extra}


def listen(*, preferred: int = 0) -> socket.socket:
    """Open a listening socket on this machine, on a free port if the preferred one is taken.

    The web process inherits it, so nobody can take the port between our choice and its start.
    """
    for port in (preferred, 0):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            listener.close()
            continue
        listener.listen(128)
        return listener
    raise DemoError("no free port on 127.0.0.1")


def _open_log(name: str) -> BinaryIO:
    LOGS.mkdir(parents=True, exist_ok=True)
    return (LOGS / f"{name}.log").open("wb")


def _kill_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass  # the usual case: it stopped, and so did all that it started
