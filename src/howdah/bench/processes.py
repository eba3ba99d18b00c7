"""What processes have used: processor time and memory, read by psutil where it is installed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

try:
    import psutil
except ImportError:  # it comes with the extra `embedded`; without it these figures are missing
    psutil = None

MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory of a worker in megabytes.

    Attributes:
        child: The largest of the processes that execute.
        supervisor: The process that watches them.
    """

    child: float
    supervisor: float

    def most(self, other: Memory | None) -> Memory:
        """The larger of each."""
        if other is None:
            return self
        return Memory(max(self.child, other.child), max(self.supervisor, other.supervisor))


def children(pid: int) -> list[int]:
    """The child processes of a process, none where nobody can tell."""
    if psutil is None:
        return []
    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.Error:
        return []


def memory(supervisor: int) -> Memory | None:
    """What a supervisor and its children hold now."""
    pids = children(supervisor)
    if psutil is None or not pids:
        return None
    try:
        held = [psutil.Process(pid).memory_info().rss / MEGABYTE for pid in (supervisor, *pids)]
    except psutil.Error:
        return None
    return Memory(child=max(held[1:]), supervisor=held[0])


def cpu_seconds(pids: Iterable[int], *, named: str = "") -> float | None:
    """Processor time that these processes have used, or None where it cannot be read.

    Args:
        pids: The processes; none at all is nothing that could be read.
        named: What their names must begin with. The pids that a server on another machine tells
            are other processes here.
    """
    pids = list(pids)
    if psutil is None or not pids:
        return None
    total = 0.0
    try:
        for pid in pids:
            process = psutil.Process(pid)
            if not process.name().startswith(named):
                return None
            times = process.cpu_times()
            total += times.user + times.system
    except psutil.Error:
        return None
    return total
