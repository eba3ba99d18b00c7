"""Which jobs a process is running right now, where its supervisor can read it after a crash.

A shared file of sixteen bytes for each slot: the id of the job whose handler runs there, or zeros.
Only those jobs may have taken the process down; what it merely held is blameless.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from pathlib import Path
from uuid import UUID

SIZE = 16
_NOBODY = bytes(SIZE)


class Marks:
    """The file as the process that runs the jobs writes it."""

    def __init__(self, path: Path | None, slots: int) -> None:
        self._map: mmap.mmap | None = None
        if path is not None:
            with path.open("r+b") as file:
                self._map = mmap.mmap(file.fileno(), slots * SIZE)

    def set(self, slot: int, job_id: str) -> None:
        """A handler is about to run in this slot."""
        if self._map is not None:
            self._map[slot * SIZE : slot * SIZE + SIZE] = bytes.fromhex(job_id.replace("-", ""))

    def clear(self, slot: int) -> None:
        """No handler runs in this slot."""
        if self._map is not None:
            self._map[slot * SIZE : slot * SIZE + SIZE] = _NOBODY

    def close(self) -> None:
        """Let go of the file."""
        if self._map is not None:
            self._map.close()
            self._map = None


def make(slots: int) -> Path:
    """Make an empty file for one process."""
    handle, name = tempfile.mkstemp(prefix="howdah-marks-")
    with os.fdopen(handle, "wb") as file:
        file.write(_NOBODY * slots)
    return Path(name)


def read(path: Path) -> list[str]:
    """The ids of the jobs that were running, after the process is gone."""
    data = path.read_bytes()
    entries = (data[at : at + SIZE] for at in range(0, len(data), SIZE))
    return [str(UUID(bytes=entry)) for entry in entries if entry != _NOBODY]
