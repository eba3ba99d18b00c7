"""What can be known about a process from its id alone, which another program may have got since."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from howdah.embedded.layout import Layout


def server_tag(system_identifier: str) -> str:
    """Name the cluster on its server's command line, so that the process can be recognised."""
    return f"cluster_name=howdah-{system_identifier}"


def server_identity(layout: Layout) -> tuple[int, str] | None:
    """Return the id of the living server process and the cluster's system identifier, or None.

    The pid file is only a hint: it outlives a killed server, and its number may belong to any
    process by now. The command line decides. A zombie has none and counts as dead.
    """
    identifier = layout.system_identifier
    try:
        pid = int((layout.data / "postmaster.pid").read_text().partition("\n")[0])
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    if identifier is None or pid <= 1 or not is_server(pid, identifier):
        return None
    return pid, identifier


def server_pid(layout: Layout) -> int | None:
    """Return the id of the living server process of this cluster, or None."""
    found = server_identity(layout)
    return found[0] if found else None


def end_orphan(pid: int, system_identifier: str) -> bool:
    """Abort a server whose folder has been deleted, if it lives yet."""
    if not is_server(pid, system_identifier):
        return False
    os.kill(pid, signal.SIGQUIT)
    return True


def is_server(pid: int, system_identifier: str) -> bool:
    """Tell whether a process is a server of this cluster."""
    return server_tag(system_identifier) in _command_line(pid)


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
