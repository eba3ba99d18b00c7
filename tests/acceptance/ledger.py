"""What happened, written down by each process for itself and outside the database under test.

Every process appends JSON lines to a file of its own, each line in one write, so that a line that
was written outlives any kill. All processes of one machine share the monotonic clock, so the
order of lines across files is the order of events.
"""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

from howdah import Howdah
from howdah._model.signals import JobEnded, JobStarted, Signal

FOLDER_VARIABLE = "HOWDAH_TEST_LEDGER"

_files: dict[tuple[int, Path], int] = {}


def note(kind: str, /, **facts: Any) -> None:
    """Write down a fact of this process."""
    write(Path(os.environ[FOLDER_VARIABLE]), kind, **facts)


def write(folder: Path, kind: str, /, **facts: Any) -> None:
    """Write down a fact in a folder."""
    key = (os.getpid(), folder)
    if key not in _files:
        path = folder / f"{os.getpid()}.jsonl"
        _files[key] = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o644)
    entry = {"kind": kind, "at": time.monotonic(), "pid": os.getpid(), **facts}
    os.write(_files[key], json.dumps(entry, default=str).encode() + b"\n")


def listen(app: Howdah) -> None:
    """Write down what an app's workers tell, each signal under its name."""
    if FOLDER_VARIABLE in os.environ:
        app.signals.on(Signal, _told)


def _told(signal: Signal) -> None:
    if not isinstance(signal, JobStarted | JobEnded):
        note(type(signal).__name__, **dataclasses.asdict(signal))


class Ledger:
    """All that was written down in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def entries(self, kind: str | None = None, **facts: Any) -> list[dict[str, Any]]:
        """Facts of a kind that agree with the ones given, in the order they happened."""
        found = [
            entry
            for path in self.folder.glob("*.jsonl")
            for entry in _read(path)
            if kind in (None, entry["kind"])
            and all(entry.get(name) == value for name, value in facts.items())
        ]
        return sorted(found, key=lambda entry: entry["at"])

    def signals(self) -> list[dict[str, Any]]:
        """Everything that workers told."""
        return [entry for entry in self.entries() if entry["kind"][0].isupper()]

    def count(self, kind: str, **facts: Any) -> int:
        """How many such facts there are."""
        return len(self.entries(kind, **facts))

    def tally(self, kind: str, by: str = "job") -> Counter[Any]:
        """How often each job (or another fact) stands in facts of a kind."""
        return Counter(entry[by] for entry in self.entries(kind))

    def write(self, kind: str, /, **facts: Any) -> None:
        """Write down a fact of this process."""
        write(self.folder, kind, **facts)


def _read(path: Path) -> list[dict[str, Any]]:
    # The last line may still be on its way.
    whole = path.read_text().rpartition("\n")[0]
    return [json.loads(line) for line in whole.splitlines()]
