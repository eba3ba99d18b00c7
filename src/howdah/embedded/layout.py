"""Where everything of one cluster lies.

A root folder holds one home for each major version of PostgreSQL (`pg18`), so that a later major
is a new folder and never opens the files of an older one.

    .howdah/
      .gitignore            keeps the folder out of the project's repository
      runtime/              a copy of the programs, made only for root (see runtime.py)
      pg18/
        howdah-postgres     says that the folder is ours; `destroy` asks for it
        data/               the cluster; everything else can be made again
        howdah.conf         settings, written anew at each start
        postgres.log
        socket/             the Unix socket, unless the path is too long for one
        socket-folder       where the socket of the last start is
        start.lock          held while a process starts or stops the server
        server.lock         held by the server itself, for as long as one of its processes lives
        users/              one locked file for each process that uses the server
        keep                the server outlives its users
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

MARKER = "howdah-postgres"
FOUNDING_PREFIX = "init-"
_HOME = re.compile(r"pg(\d+)")


@dataclass(frozen=True)
class Layout:
    """The paths of one cluster.

    Attributes:
        root: The folder that was asked for.
        major: The major version of PostgreSQL whose home this is.
    """

    root: Path
    major: int

    @cached_property
    def home(self) -> Path:
        return self.root / f"pg{self.major}"

    @cached_property
    def marker(self) -> Path:
        return self.home / MARKER

    @cached_property
    def data(self) -> Path:
        return self.home / "data"

    @cached_property
    def settings(self) -> Path:
        return self.home / "howdah.conf"

    @cached_property
    def log(self) -> Path:
        return self.home / "postgres.log"

    @cached_property
    def socket(self) -> Path:
        return self.home / "socket"

    @cached_property
    def socket_record(self) -> Path:
        return self.home / "socket-folder"

    @cached_property
    def start_lock(self) -> Path:
        return self.home / "start.lock"

    @cached_property
    def server_lock(self) -> Path:
        return self.home / "server.lock"

    @cached_property
    def users(self) -> Path:
        return self.home / "users"

    @cached_property
    def keep(self) -> Path:
        return self.home / "keep"

    @property
    def is_founded(self) -> bool:
        """There is a whole cluster: initdb ran to its end."""
        return (self.data / "PG_VERSION").exists()

    @property
    def system_identifier(self) -> str | None:
        """The number drawn when the cluster was made, or None while there is no cluster."""
        try:
            with (self.data / "global" / "pg_control").open("rb") as control:
                # The first field of the control file, in every version so far.
                return str(int.from_bytes(control.read(8), byteorder=sys.byteorder))
        except (FileNotFoundError, NotADirectoryError):
            return None


def founded_majors(root: Path) -> list[int]:
    """Name the majors that have a cluster in this root, the newest first."""
    try:
        names = [path.name for path in root.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    majors = [int(match[1]) for name in names if (match := _HOME.fullmatch(name))]
    return sorted((m for m in majors if Layout(root, m).is_founded), reverse=True)
