"""Processes for `executor="process"` handlers: the only ones that can be ended at any moment.

Each is spawned (never forked from a process that has threads), serves one handler at a time, is
used again by the next job, and is killed when its handler is no longer wanted. Whatever it started
is in its process group and is killed with it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from typing import Any

from howdah._model.outcome import Cancel, DeadLetter, RateLimited, Snooze, Suspend
from howdah._worker import failure
from howdah._worker.claimed import ClaimedJob
from howdah._worker.context import Context
from howdah._worker.pools.remote import Encoded, RemoteError, write_call
from howdah._worker.tasks import TaskLike

# One line carries a whole result.
LONGEST_LINE = 64 * 1024 * 1024
# What a process said before it died lies in the socket's buffer, and is read within this time.
LAST_LINES = 0.5


class _Worker:
    """One process and our end of its socket."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.process = process
        self.reader = reader
        self.writer = writer
        self._gone = asyncio.create_task(process.wait(), name="howdah watch of a process")

    @classmethod
    async def spawn(cls) -> _Worker:
        ours, theirs = socket.socketpair()
        with theirs:
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "howdah._worker.pools.process_main",
                str(theirs.fileno()),
                pass_fds=[theirs.fileno()],
                stdin=asyncio.subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )
        reader, writer = await asyncio.open_connection(sock=ours, limit=LONGEST_LINE)
        return cls(process, reader, writer)

    async def begin(self, call: bytes) -> bool:
        """Hand over a call. False when the process died before it began, so that nothing ran."""
        self.writer.write(call)
        while line := await self.line():
            # Anything else is late: from a copy of itself that an earlier handler made.
            if "begun" in json.loads(line):
                return True
        return False

    async def line(self) -> bytes:
        """What it says next, or nothing when it is gone.

        Its socket alone does not tell: what the handler forked holds the other end open.
        """
        reading = asyncio.create_task(self.reader.readline(), name="howdah line of a process")
        try:
            await asyncio.wait({reading, self._gone}, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                await asyncio.wait({reading}, timeout=LAST_LINES)
            return reading.result() if reading.done() else b""
        except (ConnectionError, ValueError):
            return b""
        finally:
            reading.cancel()

    async def end(self) -> int:
        """Kill it with what it started, and return how it ended."""
        # Once it is waited for, its number is safe from reuse only while its group has members:
        # somebody still holds our socket then.
        if self.process.returncode is None or not self.reader.at_eof():
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass
        self.writer.close()
        return await self._gone


class ProcessPool:
    """Processes that run one handler each at a time."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._free: list[_Worker] = []
        self._ending: set[asyncio.Task[int]] = set()

    async def run(self, task: TaskLike, job: ClaimedJob, context: Context) -> Encoded:
        """Run a handler in a process.

        Raises:
            RemoteError: It failed there, or the process died.
            Snooze, RateLimited, Suspend, Cancel, DeadLetter: It said so.
        """
        call = write_call(task.fn.__module__, task.fn.__qualname__, context.schema, job)
        worker = await self._begin(call)
        try:
            answer = await self._listen(worker, job, context)
        except BaseException:
            self._end(worker)
            raise
        if len(self._free) < self._size:
            self._free.append(worker)
        else:
            self._end(worker)
        return _read(answer, context)

    def resize(self, size: int) -> None:
        """Keep so many processes ready from now on."""
        self._size = size
        while len(self._free) > size:
            self._end(self._free.pop())

    async def close(self) -> None:
        """End all processes."""
        for worker in self._free:
            self._end(worker)
        self._free.clear()
        if self._ending:
            await asyncio.gather(*self._ending)

    async def _begin(self, call: bytes) -> _Worker:
        """A process that has begun the call: a free one that is still alive, or a new one."""
        while True:
            is_new = not self._free
            worker = await _Worker.spawn() if is_new else self._free.pop()
            try:
                has_begun = await worker.begin(call)
            except BaseException:
                self._end(worker)
                raise
            # Of a new one that died, its listener tells how.
            if has_begun or is_new:
                return worker
            self._end(worker)

    async def _listen(self, worker: _Worker, job: ClaimedJob, context: Context) -> dict[str, Any]:
        """Pass on what the handler logs until the call has ended."""
        while line := await worker.line():
            message: dict[str, Any] = json.loads(line)
            if "log" in message:
                context.ledger.log(message["log"])
            elif "progress" in message:
                context.ledger.progress(job, message["progress"])
            else:
                return message
        code = await worker.end()
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        entry = failure.plain_entry("ProcessDied", f"its process {how} while it ran", job)
        raise RemoteError(entry, wanted=True)

    def _end(self, worker: _Worker) -> None:
        task = asyncio.create_task(worker.end(), name="howdah end of a process")
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


def _read(answer: dict[str, Any], context: Context) -> Encoded:
    """Return or raise what a call ended with."""
    context.settled = bool(answer.get("settled"))
    match answer.get("steer"):
        case "snooze":
            raise Snooze(answer["delay"])
        case "rate_limited":
            raise RateLimited(answer["delay"], limit=answer["limit"])
        case "suspend":
            raise Suspend(answer["delay"])
        case "cancel":
            raise Cancel(answer["reason"])
        case "dead_letter":
            raise DeadLetter(answer["reason"])
    if "error" in answer:
        raise RemoteError(answer["error"], wanted=answer["wanted"])
    return Encoded(answer["result"])
