"""Where a cluster goes when nobody says."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from howdah.embedded.account import choose_account
from howdah.errors import EmbeddedError

FOLDER = ".howdah"
STATE_FOLDER = Path("/var/lib/howdah")


def default_root() -> Path:
    """Name the folder of this project's private Postgres, without making it.

    It is `./.howdah`. Root's Postgres runs as another user; when that user cannot reach the
    project, as in root's home folder, it is a folder below `/var/lib/howdah` that is named after
    the project.
    """
    project = _project()
    root = project / FOLDER
    if os.geteuid() != 0:
        return root
    if choose_account().can_enter(root if root.exists() else project):
        return root
    digest = hashlib.sha256(os.fsencode(project)).hexdigest()[:8]
    return STATE_FOLDER / f"{project.name or 'root'}-{digest}"


def _project() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise EmbeddedError(
            "cannot choose a place for the private Postgres: the current folder has been deleted;"
            " change to another folder"
        ) from error
