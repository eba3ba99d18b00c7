"""What can be known about a process from its id alone, which another program may have got since."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from howdah.embedded.layout import Layout


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """A server process, recognised by what stands on its command line.

    Attributes:
        pid: Its process id.
        tag: The words that only the server of this cluster was started with.
    """

    pid: int
    tag: str

    @property
    def is_alive(self) -> bool:
        return self.tag in _command_line(self.pid)


def server_tag(layout: Layout) -> str | None:
    """Return the words that mark this cluster's server process, or None without a cluster.

    A copied folder has the system identifier of its original, and a folder made after one was
    deleted may have its inode number. None but the cluster itself, moved or not, has both.
    """
    identifier = layout.system_identifier
    if identifier is None:
        return None
    return f"cluster_name=howdah-{identifier}-{layout.data.stat().st_ino}"


def find_server(layout: Layout) -> ServerProcess | None:
    """Find the living server process of this cluster.

    The pid file is only a hint: it outlives a killed server, and its number may belong to any
    process by now. The command line decides. A zombie has none and counts as dead.
    """
    tag = server_tag(layout)
    try:
        pid = int((layout.data / "postmaster.pid").read_text().partition("\n")[0])
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    if tag is None or pid <= 1:
        return None
    process = ServerProcess(pid, tag)
    return process if process.is_alive else None


def _command_line(pid: int) -> str:
    if sys.platform == "linux":
        try:
            said = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return ""
        return said.replace(b"\0", b" ").decode("utf-8", "replace")
    return subprocess.run(
        ["ps", "-ww", "-o", "command=", "-p", str(pid)],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    ).stdout
