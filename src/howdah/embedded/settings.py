"""The settings of the server: ours, then the caller's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from howdah.embedded.sockets import PORT
from howdah.errors import UsageError

DEFAULTS: Mapping[str, str] = {
    "fsync": "on",
    "max_connections": "200",
    "shared_buffers": "128MB",
    # Bursts of jobs write much WAL. More room for it means fewer checkpoints, after each of which
    # whole pages go to the log again.
    "max_wal_size": "2GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] ",
}

# They decide where the server is and who gets in: the cluster could not find or protect it.
_RESERVED = frozenset({
    "cluster_name", "config_file", "data_directory", "external_pid_file", "hba_file",
    "ident_file", "listen_addresses", "port", "unix_socket_directories",
    "unix_socket_group", "unix_socket_permissions",
})  # fmt: skip
_NAME = re.compile(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?")


def check_settings(settings: Mapping[str, str]) -> dict[str, str]:
    """Return a copy of the caller's settings with lower-case names.

    Raises:
        UsageError: A name that is none, or a setting that the cluster itself decides.
    """
    checked = {name.lower(): str(value) for name, value in settings.items()}
    for name, value in checked.items():
        if not _NAME.fullmatch(name) or "\n" in value or "\x00" in value:
            raise UsageError(
                f"cannot set {name!r} to {value!r}: a setting has a plain name, such as"
                " 'work_mem', and a value of one line"
            )
        if name in _RESERVED:
            raise UsageError(
                f"cannot set {name!r}: the private Postgres listens on a private Unix socket only"
                " and decides its places itself; run a PostgreSQL of your own for other needs"
            )
    return checked


def render_settings(settings: Mapping[str, str], *, socket: Path) -> str:
    """Write the configuration file."""
    merged = {
        **DEFAULTS,
        **settings,
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": f'"{socket}"',
    }
    lines = ["# Written by Howdah at each start of the server; changes here are lost.", ""]
    lines += [f"{name} = {_quote(value)}" for name, value in merged.items()]
    return "\n".join(lines) + "\n"


def _quote(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
