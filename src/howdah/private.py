"""The private Postgres of an app whose database nobody named, and that it says so."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from howdah._db import migrate
from howdah._model.signals import DatabasePrivate, Signals

if TYPE_CHECKING:
    from howdah.embedded import Cluster


def start_private(schema: str, signals: Signals) -> tuple[Cluster, str]:
    """Start it with its schema up to date. Returns it and its URL.

    Raises:
        EmbeddedError: It cannot be run.
    """
    from howdah.embedded import Cluster

    cluster = Cluster()
    _say(str(cluster.root), signals)
    url = cluster.start()
    # It is ours alone, so there is nobody to ask.
    migrate.migrate(url, schema=schema)
    return cluster, url


def _say(path: str, signals: Signals) -> None:
    signals.post(DatabasePrivate(path))
    # The one line that is not left to telemetry: a web process or a script that forgot to name its
    # database has no listener either, and its jobs would go where nobody looks.
    if not signals.wants(DatabasePrivate):
        logging.getLogger("howdah").warning(
            "database.private path=%s: no database is named; set HOWDAH_DATABASE_URL", path
        )
