"""Advisory file locks that the kernel drops when their holder dies, however it dies.

That is the reason to count on them and never on a pid file: after kill -9 no stale claim is left
to be judged, and a pid that another program got since means nothing.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from howdah.errors import EmbeddedError

POLL_SECONDS = 0.005

_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW


def try_lock(path: Path) -> int | None:
    """Lock a file now, making it when missing, or return None when someone else holds it.

    Returns:
        A descriptor. The lock lasts until it, and every copy that a child process inherited, is
        closed.
    """
    # Read-only is enough for flock.
    return _lock(os.open(path, _FLAGS | os.O_CREAT, 0o644), fcntl.LOCK_EX)


def is_locked(path: Path) -> bool:
    """Tell whether someone holds the lock; the file itself may be missing."""
    try:
        descriptor = _lock(os.open(path, _FLAGS), fcntl.LOCK_SH)
    except FileNotFoundError:
        return False
    if descriptor is None:
        return True
    os.close(descriptor)
    return False


def _lock(descriptor: int, kind: int) -> int | None:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


@contextmanager
def hold(path: Path, *, timeout_seconds: float, doing: str) -> Iterator[None]:
    """Hold the lock for a block of code, waiting for its turn.

    Args:
        path: The file to lock; it is made when missing, its folder is not.
        timeout_seconds: How long to wait for others.
        doing: What the caller wants, for the error.

    Raises:
        EmbeddedError: Another process held it all the time.
        FileNotFoundError: The folder does not exist.
    """
    deadline = time.monotonic() + timeout_seconds
    descriptor = _turn(path)
    while descriptor is None:
        if time.monotonic() > deadline:
            raise EmbeddedError(
                f"cannot {doing}: another process has been starting or stopping the server for"
                f" {timeout_seconds:.0f} seconds and holds {path}; end that process and try again"
            )
        time.sleep(POLL_SECONDS)
        descriptor = _turn(path)
    try:
        yield
    finally:
        os.close(descriptor)


def _turn(path: Path) -> int | None:
    descriptor = try_lock(path)
    if descriptor is None or _is_at(descriptor, path):
        return descriptor
    # The folder was destroyed while we waited: this is a lock on a file that nobody can find.
    os.close(descriptor)
    return None


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
