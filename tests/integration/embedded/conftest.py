"""A short-lived folder for clusters, and whatever runs below it ended afterwards.

pytest's own temporary folders are closed to other users, and root's Postgres is another user, so
these tests make their own.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from howdah.embedded import Cluster
from tests.integration.embedded.client import Client


@pytest.fixture(scope="session")
def ground() -> Iterator[Path]:
    """The folder that holds all others, deleted at the very end.

    A file system may search long for a free inode among those deleted moments ago: deleting a
    cluster of a thousand files after each test doubles the time that making the next one takes.
    """
    folder = Path(tempfile.mkdtemp(prefix="hw-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def place(ground: Path) -> Iterator[Path]:
    """An empty folder that every user may pass through."""
    with _place(ground) as folder:
        yield folder


@pytest.fixture
def fresh(place: Path) -> Path:
    """The root of a cluster that was never made."""
    return place / "r"


@pytest.fixture(scope="session")
def root(ground: Path) -> Iterator[Path]:
    """The root of a cluster that exists, and is stopped between the tests.

    To make one takes ten times as long as to start it, so the tests share it.
    """
    with _place(ground) as folder:
        with Cluster(folder / "r"):
            pass
        yield folder / "r"


@pytest.fixture
def cluster(root: Path) -> Iterator[Cluster]:
    """The shared cluster, not started yet."""
    cluster = Cluster(root)
    yield cluster
    cluster.stop()
    cluster.release()


@contextmanager
def _place(ground: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="", dir=ground))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        for pid in _servers():
            if _is_below(pid, folder):
                os.kill(pid, signal.SIGQUIT)


@pytest.fixture
def client() -> Iterator[Callable[[Path], Client]]:
    """Start other processes that use a cluster."""
    clients: list[Client] = []

    def start(root: Path) -> Client:
        clients.append(Client(root))
        return clients[-1]

    yield start
    for one in clients:
        one.close()


def _servers() -> set[int]:
    return {process.pid for process in psutil.process_iter() if _is_server(process)}


def _is_server(process: psutil.Process) -> bool:
    return any(word.startswith("cluster_name=howdah-") for word in _command(process))


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _is_below(pid: int, folder: Path) -> bool:
    try:
        # A deleted folder keeps its name here, with a remark behind it.
        return psutil.Process(pid).cwd().startswith(str(folder))
    except psutil.Error:
        return False
