"""A PgBouncer of our own, in transaction mode, on a Unix socket."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import quote

from psycopg.conninfo import conninfo_to_dict

PORT = 6432
PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")

CONFIG = """\
[databases]
{dbname} = host={host} port={port} user={user}

[pgbouncer]
listen_addr =
listen_port = {own_port}
unix_socket_dir = {folder}
auth_type = any
pool_mode = transaction
default_pool_size = 6
max_client_conn = 200
ignore_startup_parameters = extra_float_digits
server_lifetime = 5
"""


class PgBouncer:
    """Runs from `start` to `stop`, as the user that Postgres runs as."""

    def __init__(self, url: str, folder: Path) -> None:
        facts = conninfo_to_dict(url)
        host = str(facts["host"])
        config = CONFIG.format(
            **{**facts, "folder": folder, "own_port": PORT, "host": host, "user": facts["user"]}
        )
        self.url = (
            f"postgresql://{facts['user']}@/{facts['dbname']}?host={quote(str(folder))}&port={PORT}"
        )
        self.log = folder / "log"
        (folder / "ini").write_text(config)
        owner = Path(host).stat()
        os.chown(folder, owner.st_uid, owner.st_gid)
        drop = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
        assert PROGRAM is not None
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [PROGRAM, str(folder / "ini")],
                stdout=log,
                stderr=log,
                **(drop if os.geteuid() == 0 else {}),
            )

    @property
    def is_running(self) -> bool:
        """Whether it is there."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
