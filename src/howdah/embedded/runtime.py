"""A copy of the wheel's programs for a user that cannot reach the original.

Root often keeps the virtual environment in its home folder, which is closed to others. Opening
that folder is not ours to do, so the programs are copied once, next to the cluster.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from howdah.embedded.account import Account
from howdah.embedded.binaries import Programs
from howdah.errors import EmbeddedError

RUNTIME = "runtime"
_LEFT_OUT = shutil.ignore_patterns("include", "*.a", "pgxs")


def reachable(programs: Programs, account: Account, root: Path) -> Programs:
    """Return programs that the account can run: the given ones, or a copy below the root.

    Raises:
        EmbeddedError: It cannot run them, and they are not the wheel's, which alone may be moved.
    """
    if account.is_us or account.can_run(programs["postgres"]):
        return programs
    if not programs.is_wheel:
        raise EmbeddedError(
            f"cannot run {str(programs['postgres'])!r} as user {account.name!r}: it is not"
            " executable for that user; install PostgreSQL where all users can run it"
        )
    # A reinstalled wheel has new files, so its copy gets a new name.
    stamp = programs["postgres"].stat()
    copy = root / RUNTIME / f"pg{programs.major}-{stamp.st_size:x}-{stamp.st_mtime_ns:x}"
    inside = copy / programs.folder.parents[1].name / programs.folder.parent.name / "bin"
    if not copy.exists():
        _copy(programs.folder.parent, copy)
    copied = replace(programs, folder=inside)
    if not account.can_run(copied["postgres"]):
        raise EmbeddedError(
            f"cannot run the copied {str(copied['postgres'])!r} as user {account.name!r}: the disk"
            " may be mounted without the right to execute; choose another folder as `root`"
        )
    return copied


def _copy(install: Path, target: Path) -> None:
    """Copy an installation and the libraries that it finds by its relative path."""
    package = install.parent
    target.parent.mkdir(mode=0o755, exist_ok=True)
    target.parent.chmod(0o755)
    for stale in target.parent.glob(f"copy-{target.name}-*"):
        shutil.rmtree(stale, ignore_errors=True)
    draft = Path(tempfile.mkdtemp(prefix=f"copy-{target.name}-", dir=target.parent))
    shutil.copytree(install, draft / package.name / install.name, symlinks=True, ignore=_LEFT_OUT)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, draft / libraries.name, symlinks=True)
    for folder in [draft, draft / package.name]:
        folder.chmod(0o755)
    # Whole or not at all: a kill in the middle leaves a draft that the next copy removes.
    draft.rename(target)
