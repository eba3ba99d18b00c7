"""The folder of the Unix socket.

The server trusts whoever connects, so the folder is the lock on the door: mode 0700, made by us.
It lies in the cluster's home. A socket path has room for about 100 bytes, so a longer home gets a
fresh folder in the temporary directory instead, and the home remembers its name.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
import tempfile
from pathlib import Path
from urllib.parse import quote

from howdah.embedded.account import Account
from howdah.embedded.layout import Layout

PORT = 5432  # no TCP port, but a part of the socket's name
_PREFIX = "howdah-pg-"
_LONGEST = 107 if sys.platform == "linux" else 103
# A comma separates hosts in a URL; other odd characters only invite trouble between drivers.
_PLAIN = re.compile(rb"[A-Za-z0-9._/@+~-]+")


def socket_file(folder: Path) -> Path:
    return folder / f".s.PGSQL.{PORT}"


def url_of(folder: Path) -> str:
    """Write the URL for a socket folder as libpq, asyncpg and SQLAlchemy read it."""
    # The port is said because PGPORT in the environment would change it.
    return f"postgresql://postgres@/postgres?host={quote(str(folder))}&port={PORT}"


def recorded_socket(layout: Layout) -> Path | None:
    """Return the socket folder of the last start, or None when there has been none."""
    try:
        text = layout.socket_record.read_text()
    except FileNotFoundError:
        return None
    return Path(text) if text else None


def prepare_socket(layout: Layout, account: Account) -> Path:
    """Make the socket folder for a new start and remember it. Only when no server lives."""
    recorded = recorded_socket(layout)
    if _fits(layout.socket):
        folder = layout.socket
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)
        account.own(folder)
    elif recorded is not None and recorded != layout.socket and _is_private(recorded, account):
        folder = recorded
    else:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_temporary(account)))
        account.own(folder)
    # What a killed server left here names its pid, which Postgres would take for a living one.
    for name in (socket_file(folder).name, f"{socket_file(folder).name}.lock"):
        (folder / name).unlink(missing_ok=True)
    if folder != recorded:
        draft = layout.socket_record.with_suffix(".new")
        draft.write_text(str(folder))
        draft.replace(layout.socket_record)
    return folder


def forget_socket(layout: Layout) -> None:
    """Remove what lies outside the home, once the server has stopped."""
    recorded = recorded_socket(layout)
    if recorded is not None and recorded.parent != layout.home and _is_ours(recorded):
        shutil.rmtree(recorded, ignore_errors=True)
    layout.socket_record.unlink(missing_ok=True)


def _fits(folder: Path) -> bool:
    path = os.fsencode(socket_file(folder))
    return len(path) <= _LONGEST and _PLAIN.fullmatch(path) is not None


def _temporary(account: Account) -> str:
    """Name a temporary directory that is short enough and open to the account."""
    chosen = Path(tempfile.gettempdir())
    if _fits(chosen / f"{_PREFIX}12345678") and account.can_enter(chosen):
        return str(chosen)
    return "/tmp"  # the last resort, and there on every Unix


def _is_ours(folder: Path) -> bool:
    return folder.name.startswith(_PREFIX) and folder.is_dir() and not folder.is_symlink()


def _is_private(folder: Path, account: Account) -> bool:
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return False
    return (
        stat.S_ISDIR(found.st_mode)
        and found.st_uid == account.uid
        and stat.S_IMODE(found.st_mode) == 0o700
    )
