"""Who the server runs as.

PostgreSQL refuses to run as root, so for root its programs are started as another user of the
machine. That user must reach the cluster and the programs; it is never given access by opening
folders that are not ours.
"""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from howdah.errors import EmbeddedError

CANDIDATES = ("postgres", "nobody")


class Drop(TypedDict, total=False):
    """What `subprocess` is told so that a program runs as the account."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class Account:
    """The user that the server runs as.

    Attributes:
        name: For messages.
        uid: Its number.
        gid: Its main group.
        is_us: Nothing has to be changed: it is the user of this process.
    """

    name: str
    uid: int
    gid: int
    is_us: bool

    @property
    def drop(self) -> Drop:
        if self.is_us:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        """Give a folder that we just made to the account."""
        if not self.is_us:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def can_enter(self, folder: Path) -> bool:
        """Tell whether the account can reach things inside an existing folder.

        It is tried, not computed: modes do not tell about access lists and security modules.
        """
        if self.is_us:
            return os.access(folder, os.X_OK)
        return self._succeeds(["/bin/sh", "-c", 'cd -P -- "$1"', "sh", str(folder)])

    def can_run(self, program: Path) -> bool:
        """Tell whether the account can run a program, its shared libraries included."""
        return self._succeeds([str(program), "--version"])

    def _succeeds(self, command: Sequence[str]) -> bool:
        try:
            done = subprocess.run(
                command,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
                **self.drop,
            )
        except OSError:
            return False
        return done.returncode == 0


def choose_account(*owned: Path) -> Account:
    """Choose who the server runs as.

    Args:
        owned: Folders whose owner decides when this process is root, the first that exists and
            is not root's own. A cluster belongs to the user that made it.

    Raises:
        EmbeddedError: This is root and there is no user to drop to.
    """
    uid = os.geteuid()
    if uid != 0:
        return Account(_name(uid), uid, os.getegid(), is_us=True)
    for folder in owned:
        owner = folder.stat() if folder.exists() else None
        if owner is not None and owner.st_uid != 0:
            return Account(_name(owner.st_uid), owner.st_uid, owner.st_gid, is_us=False)
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid, is_us=False)
    raise EmbeddedError(
        "cannot start a private Postgres as root: PostgreSQL refuses to run as root and there is"
        f" no user {' or '.join(CANDIDATES)} to drop to; add one of them with `useradd`, or run"
        " as an ordinary user"
    )


def first_closed_folder(account: Account, folder: Path) -> Path | None:
    """Find the topmost folder on a path that the account cannot enter."""
    for step in [*reversed(folder.parents), folder]:
        if step.exists() and not account.can_enter(step):
            return step
    return None


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
