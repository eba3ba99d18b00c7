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


def choose_account(data: Path | None = None) -> Account:
    """Choose who the server runs as.

    Args:
        data: The data of a cluster. When this process is root and they exist, their owner it is:
            Postgres accepts no other.

    Raises:
        EmbeddedError: This is root and there is no user to drop to.
    """
    uid = os.geteuid()
    if uid != 0:
        return Account(name_of(uid), uid, os.getegid(), is_us=True)
    if data is not None and data.exists():
        owner = data.stat()
        return Account(name_of(owner.st_uid), owner.st_uid, owner.st_gid, is_us=False)
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


def first_closed_folder(account: Account, folder: Path) -> Path:
    """Find the topmost folder on a path that the account cannot enter."""
    for step in [*reversed(folder.parents), folder]:
        if not account.can_enter(step):
            return step
    return folder


def name_of(uid: int) -> str:
    """Return a user's name, or the number where the machine knows none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
