"""A private PostgreSQL in a folder, for development, tests and small machines.

`Cluster` makes, starts, shares and stops it. Nothing is installed on the machine and no TCP port
is opened: the server listens on a Unix socket that only its user can reach.
"""

from __future__ import annotations

import sys

from howdah.errors import EmbeddedError

if sys.platform == "win32":
    raise EmbeddedError(
        "cannot run a private Postgres on Windows: it needs Unix sockets; install PostgreSQL and"
        " set HOWDAH_DATABASE_URL"
    )

from howdah.embedded.cluster import Cluster
from howdah.embedded.place import default_root
from howdah.embedded.status import ClusterStatus

__all__ = ["Cluster", "ClusterStatus", "default_root"]
