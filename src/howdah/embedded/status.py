"""What is known about a cluster at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ClusterStatus:
    """A cluster as it was found.

    Attributes:
        running: A server of this cluster answered.
        major: The major version of PostgreSQL.
        version: The full version: the running server's, else None.
        pid: The process id of the server, while it runs.
        url: Where to connect, while it runs.
        users: How many processes use the server; it stops when the last one releases it.
        keep: The server stays when the last user has gone, until it is stopped.
        root: The folder that holds the cluster.
        data_directory: The data, whether it exists yet or not.
        socket_folder: The folder of the Unix socket, while it runs.
        log_file: What the server has to say.
        size_bytes: Disk space taken by the data, 0 while there is none.
    """

    running: bool
    major: int
    version: str | None
    pid: int | None
    url: str | None
    users: int
    keep: bool
    root: Path
    data_directory: Path
    socket_folder: Path | None
    log_file: Path
    size_bytes: int


def size_of(folder: Path) -> int:
    """Add up the sizes of all files below a folder that may change meanwhile."""
    total = 0
    for file in folder.rglob("*"):
        try:
            total += file.lstat().st_size
        except OSError:  # Postgres removed it between the listing and the look
            continue
    return total
