"""Finds out which app and which database a command is about.

What is said nearest wins: options, then environment variables, then `[tool.howdah]` in the nearest
pyproject.toml, then the private Postgres of this folder. An app that is named knows its own
database and schema, and is imported only when they are not said otherwise.
"""

from __future__ import annotations

import os
import sys
import tomllib
import traceback
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from howdah._model.database_url import checked_url
from howdah.errors import ConfigError, HowdahError, UsageError

if TYPE_CHECKING:
    from howdah.client import Howdah

URL_VARIABLE = "HOWDAH_DATABASE_URL"
SCHEMA_VARIABLE = "HOWDAH_SCHEMA"
APP_VARIABLE = "HOWDAH_APP"
DEFAULT_SCHEMA = "howdah"

_KEYS = {"app", "database_url", "schema"}


@dataclass(frozen=True, slots=True)
class Target:
    """What a command is about.

    Attributes:
        url: The database.
        schema: The schema with the tables.
        app: The app, where one is named and had to be imported.
    """

    url: str
    schema: str
    app: Howdah | None = None


def find_target(
    *, url: str | None, schema: str | None, app: str | None = None, load: bool = False
) -> Target:
    """Find the database and, if need be, the app.

    Args:
        url: What `--url` says.
        schema: What `--schema` says.
        app: What `--app` says.
        load: Import the app even when the database is known without it.

    Raises:
        ConfigError: The app cannot be imported, pyproject.toml cannot be read, or what is said of
            the database is not the URL of a Postgres.
        UsageError: Nobody says where the database is, or an option is empty.
        EmbeddedError: The private Postgres does not start.
    """
    _check_empty(url=url, schema=schema, app=app)
    url_said = url or _said(URL_VARIABLE, "database_url")
    schema_said = schema or _said(SCHEMA_VARIABLE, "schema")
    reference = app or _said(APP_VARIABLE, "app")
    loaded = None
    if reference and (load or app or not (url_said and schema_said)):
        loaded = load_app(reference)
        schema_said = schema or loaded.schema
        # An app's own database goes before the environment's, as everywhere else.
        url_said = url or loaded.database_url
    url_said = checked_url(url_said) if url_said else _private_url()
    return Target(url_said, schema_said or DEFAULT_SCHEMA, loaded)


def schema_said(schema: str | None, app: str | None) -> str:
    """The schema, for a command that needs no database.

    Raises:
        ConfigError: The app cannot be imported, or pyproject.toml cannot be read.
        UsageError: An option is empty.
    """
    _check_empty(schema=schema, app=app)
    said = schema or (None if app else _said(SCHEMA_VARIABLE, "schema"))
    reference = app or _said(APP_VARIABLE, "app")
    return said or (load_app(reference).schema if reference else DEFAULT_SCHEMA)


def _check_empty(**options: str | None) -> None:
    # As with --url "$SHOP_URL" while that is unset: what is said elsewhere is not meant.
    for name, said in options.items():
        if said is not None and not said.strip():
            raise UsageError(f"cannot use an empty --{name}: leave it out, or say which")


def find_app(reference: str | None) -> tuple[str, Howdah]:
    """Find and import the app, for a command that cannot do without one.

    Returns:
        Where it was found, and the app.

    Raises:
        UsageError: Nobody says which.
        ConfigError: It cannot be imported.
    """
    found = named_app(reference)
    return found, load_app(found)


def named_app(reference: str | None) -> str:
    """Find which app is meant, without importing it.

    Raises:
        UsageError: Nobody says which.
    """
    found = reference or _said(APP_VARIABLE, "app")
    if not found:
        raise UsageError(
            "which app? name it as `module:attribute`, set HOWDAH_APP, or write"
            ' app = "module:attribute" under [tool.howdah] in pyproject.toml'
        )
    return found


def load_app(reference: str) -> Howdah:
    """Import an app. A module that fails while it runs shows its own traceback first.

    Raises:
        ConfigError: It cannot be imported.
    """
    from howdah._worker import loading

    if (project := _project()[0]) is not None and str(project) not in sys.path:
        sys.path.insert(0, str(project))
    # An app whose code names no database looks there, as do the processes it starts.
    if url := _said(URL_VARIABLE, "database_url"):
        os.environ.setdefault(URL_VARIABLE, url)
    try:
        return cast("Howdah", loading.load_app(reference))
    except HowdahError:
        raise
    except Exception as error:
        _show_own_frames(error)
        raise ConfigError(
            f"cannot import {reference!r}: its code raised {type(error).__name__}; see above"
        ) from error


def _show_own_frames(error: Exception) -> None:
    """Print the traceback without the frames that lead into the user's module."""
    shown = traceback.TracebackException.from_exception(error)
    while shown.stack and _is_loading(shown.stack[0].filename):
        shown.stack.pop(0)
    sys.stderr.write("".join(shown.format()))


def _is_loading(filename: str) -> bool:
    return "importlib" in filename or Path(filename).is_relative_to(Path(__file__).parents[1])


def _said(variable: str, key: str) -> str | None:
    """What the environment says, or else pyproject.toml."""
    return os.environ.get(variable) or _project()[1].get(key)


def _private_url() -> str:
    """The private Postgres of this folder, if there is one."""
    from howdah.embedded import Cluster, default_root
    from howdah.embedded.layout import founded_majors

    root = default_root()
    if not founded_majors(root):
        raise UsageError(
            "which database? give --url, set HOWDAH_DATABASE_URL, or start a private Postgres"
            " here with `howdah postgres start`"
        )
    return Cluster(root).start()


@cache
def _project() -> tuple[Path | None, dict[str, str]]:
    """The folder of the nearest pyproject.toml with a [tool.howdah], and what that says."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        file = folder / "pyproject.toml"
        if file.is_file():
            return folder, _settings(file)
    return None, {}


def _settings(file: Path) -> dict[str, str]:
    try:
        document: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {str(file)!r}: {error}") from error
    table: dict[str, Any] = document.get("tool", {}).get("howdah", {})
    for key, value in table.items():
        if key not in _KEYS or not isinstance(value, str):
            raise ConfigError(
                f"cannot use {key} = {value!r} under [tool.howdah] in {str(file)!r}: it may hold"
                f" {', '.join(sorted(_KEYS))}, each a text"
            )
    return table
