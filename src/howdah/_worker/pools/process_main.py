"""The process that runs `executor="process"` handlers, one at a time.

Started by its worker with one end of a socket. When the other end goes away, whatever runs here is
nobody's any more, and the process ends at once.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import os
import select
import signal
import socket
import sys
import threading
from functools import reduce
from typing import Any, cast

from howdah._model.outcome import Cancel, DeadLetter, RateLimited, Snooze, Suspend
from howdah._worker import failure
from howdah._worker.claimed import ClaimedJob
from howdah._worker.context import Context, entered
from howdah._worker.ledger import Ledger
from howdah._worker.pools.remote import read_call
from howdah._worker.tasks import TaskLike
from howdah.errors import PayloadError, ResultError


class _PipeLedger(Ledger):
    """A ledger that sends lines and progress to the worker as they come."""

    def __init__(self, pipe: socket.socket) -> None:
        super().__init__(lambda: None)
        self._pipe = pipe

    def log(self, line: dict[str, Any]) -> None:
        self.send({"log": line})

    def progress(self, job: ClaimedJob, report: str) -> None:
        self.send({"progress": report})

    def send(self, message: dict[str, Any]) -> None:
        with self._lock:
            self._pipe.sendall(json.dumps(message).encode() + b"\n")


def main(fd: int) -> None:
    """Serve calls until the worker closes its end."""
    # The worker decides when this process ends; the terminal's Ctrl-C is not for it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pipe = socket.socket(fileno=fd)
    # What a handler runs has no business with it, and would keep it open after our death.
    pipe.set_inheritable(False)
    threading.Thread(target=_end_with, args=(pipe,), daemon=True).start()
    ledger = _PipeLedger(pipe)
    with pipe.makefile("rb") as calls:
        for line in calls:
            # A process that dies before this has run nothing.
            ledger.send({"begun": True})
            ledger.send(_serve(line, ledger))


def _end_with(pipe: socket.socket) -> None:
    """End the process, and what its handler started, when the worker is gone."""
    poll = select.poll()
    poll.register(pipe.fileno(), select.POLLHUP | getattr(select, "POLLRDHUP", 0))
    while not poll.poll():
        continue
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


def _serve(line: bytes, ledger: _PipeLedger) -> dict[str, Any]:
    module, qualname, schema, job = read_call(line)
    task = None
    context = None
    try:
        # The module's name for the handler is the task that the decorator made of it.
        task = cast(TaskLike, reduce(getattr, qualname.split("."), importlib.import_module(module)))
        context = Context(job, task.signature, ledger, schema)
        arguments = task.signature.decode(job.args)
        if task.signature.context is not None:
            arguments[task.signature.context] = context
        leave = entered(context)
        try:
            result = task.fn(**arguments)
            if inspect.iscoroutine(result):
                result = asyncio.run(result)
        finally:
            leave()
        return {"result": task.signature.encode_result(result), "settled": context.settled}
    except Snooze as steering:
        return {"steer": "snooze", "delay": steering.delay}
    except RateLimited as steering:
        return {"steer": "rate_limited", "delay": steering.delay, "limit": steering.limit}
    except Suspend as steering:
        return {"steer": "suspend", "delay": steering.timeout}
    except Cancel as steering:
        return {"steer": "cancel", "reason": steering.reason}
    except DeadLetter as steering:
        return {"steer": "dead_letter", "reason": steering.reason}
    except BaseException as error:
        wanted = not isinstance(error, PayloadError | ResultError) and (
            task is None or failure.policy_of(job, task.retry).wants(error)
        )
        settled = context is not None and context.settled
        return {"error": failure.error_entry(error, job), "wanted": wanted, "settled": settled}


if __name__ == "__main__":
    main(int(sys.argv[1]))
