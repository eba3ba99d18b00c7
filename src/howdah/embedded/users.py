"""Who uses the server: one locked file for each process.

The files are made, counted and removed under the start lock. A file that nobody locks belongs to
a process that was killed, and counts for nothing.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from howdah.embedded.locks import is_locked, try_lock


@dataclass(frozen=True, slots=True)
class Lease:
    """This process counts as a user of the server until it drops the lease or dies.

    Attributes:
        path: The locked file.
        descriptor: What holds the lock.
        pid: The process that took it. A forked child inherits the object, not the right to drop.
    """

    path: Path
    descriptor: int
    pid: int

    def drop(self) -> None:
        self.path.unlink(missing_ok=True)
        os.close(self.descriptor)


def take_lease(users: Path) -> Lease:
    """Count this process as a user."""
    users.mkdir(mode=0o755, exist_ok=True)
    pid = os.getpid()
    while True:
        path = users / f"{pid}-{secrets.token_hex(4)}"
        descriptor = try_lock(path)
        if descriptor is not None:
            return Lease(path, descriptor, pid)
        # Somebody who counts the users held our new file for a moment. Take another.
        path.unlink(missing_ok=True)


def count_users(users: Path) -> int:
    """Count the living users."""
    return sum(1 for path in _files(users) if is_locked(path))


def forget_dead_users(users: Path) -> None:
    """Remove what killed processes left. Only under the start lock: a new file is unlocked too."""
    for path in _files(users):
        if not is_locked(path):
            path.unlink(missing_ok=True)


def _files(users: Path) -> list[Path]:
    try:
        return list(users.iterdir())
    except FileNotFoundError:
        return []
