"""What passes between a worker and the processes that run its `executor="process"` handlers.

One JSON document a line, both ways over one socket. The worker sends a call; the process answers
with `begun`, any number of `log` and `progress` lines, and then one that ends the call.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from howdah._worker.claimed import ClaimedJob


@dataclass(frozen=True, slots=True)
class Encoded:
    """A result that the process has encoded already."""

    text: str | None


class RemoteError(Exception):
    """A handler failed in its process, or the process died under it.

    Attributes:
        entry: What is kept with the job, as JSON text.
        wanted: Whether the task's retry policy wants this failure tried again.
    """

    def __init__(self, entry: str, *, wanted: bool) -> None:
        super().__init__("failed in its process")
        self.entry = entry
        self.wanted = wanted


_FIELDS = tuple(name for name in ClaimedJob.__slots__)


def write_call(module: str, qualname: str, schema: str, job: ClaimedJob) -> bytes:
    """A call, as a line."""
    fields = {name: getattr(job, name) for name in _FIELDS}
    call = {"module": module, "qualname": qualname, "schema": schema, "job": fields}
    return json.dumps(call).encode() + b"\n"


def read_call(line: bytes) -> tuple[str, str, str, ClaimedJob]:
    """Module, qualified name, schema and job of a call."""
    call: dict[str, Any] = json.loads(line)
    job = ClaimedJob.__new__(ClaimedJob)
    for name in _FIELDS:
        setattr(job, name, call["job"][name])
    return call["module"], call["qualname"], call["schema"], job
