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
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

SIZE = 16
# More slots than any worker has. What lies beyond is for batches, of which a slot runs many jobs.
BEYOND = 65_536
_NOBODY = bytes(SIZE)


class Marks:
    """The memory as the process that runs the jobs writes it. The descriptor is its own then."""

    def __init__(self, descriptor: int | None, slots: int) -> None:
        self._map: mmap.mmap | None = None
        self._descriptor = descriptor
        self._free: list[int] = []
        self._end = BEYOND
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

    def add(self, job_ids: Sequence[str]) -> list[int]:
        """A handler is about to run all of these in one slot. Returns where they are marked."""
        if self._map is None:
            return []
        missing = len(job_ids) - len(self._free)
        if missing > 0:
            self._free += range(self._end, self._end + missing)
            self._end += missing
            self.make_room(self._end)
        entries = [self._free.pop() for _ in job_ids]
        for entry, job_id in zip(entries, job_ids, strict=True):
            self.set(entry, job_id)
        return entries

    def remove(self, entries: Sequence[int]) -> None:
        """That handler runs no more."""
        for entry in entries:
            self.clear(entry)
        self._free += entries

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
