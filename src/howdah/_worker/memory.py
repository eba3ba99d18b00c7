"""How much memory a process takes, as far as the system says."""

from __future__ import annotations

import os
from pathlib import Path


def resident(pid: int) -> int | None:
    """The resident bytes of a process; None where there is no /proc, or the process is gone."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None
