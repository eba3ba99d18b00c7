"""Which jobs a process is running right now, where its supervisor can read it after a crash.

Shared memory of sixteen bytes for each slot: the id of the job whose handler runs there, or zeros.
Only those jobs may have taken the process down; what it merely held is blameless. It is a file
without a name, handed down as an open descriptor: nothing can remove it, and no kill leaves it
behind.
"""

from __future__ import annotations

import mmap
import os
import sys
import tempfile
from pathlib import Path
from uuid import UUID

SIZE = 16
_NOBODY = bytes(SIZE)


class Marks:
    """The memory as the process that runs the jobs writes it. The descriptor is its own then."""

    def __init__(self, descriptor: int | None, slots: int) -> None:
        self._map: mmap.mmap | None = None
        self._descriptor = descriptor
        if descriptor is not None:
            self._map = mmap.mmap(descriptor, slots * SIZE)
            # What a handler starts has no business with it.
            os.set_inheritable(descriptor, False)

    def set(self, slot: int, job_id: str) -> None:
        """A handler is about to run in this slot."""
        if self._map is not None:
            self._map[slot * SIZE : slot * SIZE + SIZE] = bytes.fromhex(job_id.replace("-", ""))

    def clear(self, slot: int) -> None:
        """No handler runs in this slot."""
        if self._map is not None:
            self._map[slot * SIZE : slot * SIZE + SIZE] = _NOBODY

    def make_room(self, slots: int) -> None:
        """Have room for so many slots. What was marked stays, and there is never less room."""
        if self._descriptor is None or self._map is None or len(self._map) >= slots * SIZE:
            return
        os.ftruncate(self._descriptor, slots * SIZE)
        self._map.close()
        self._map = mmap.mmap(self._descriptor, slots * SIZE)

    def close(self) -> None:
        """Let go of the memory."""
        if self._map is not None:
            self._map.close()
            self._map = None
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def make(slots: int) -> int:
    """Make empty marks for one process, and return the descriptor to hand down."""
    if sys.platform == "linux":
        descriptor = os.memfd_create("howdah-marks")
    else:
        descriptor, name = tempfile.mkstemp(prefix="howdah-marks-")
        Path(name).unlink()
    os.ftruncate(descriptor, slots * SIZE)
    return descriptor


def read(descriptor: int) -> list[str]:
    """The ids of the jobs that were running, after the process is gone."""
    data = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
    entries = (data[at : at + SIZE] for at in range(0, len(data), SIZE))
    return [str(UUID(bytes=entry)) for entry in entries if entry != _NOBODY]
