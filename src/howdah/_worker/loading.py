"""Finds an app by the words `module:attribute`, as given on a command line."""

from __future__ import annotations

import importlib
import sys
from functools import reduce
from pathlib import Path
from typing import cast

from howdah._worker.tasks import AppLike
from howdah.errors import ConfigError


def load_app(reference: str) -> AppLike:
    """Import the module and return the app in it.

    Args:
        reference: `package.module:attribute`; `:app` when the attribute is left out.

    Raises:
        ConfigError: The module cannot be imported, or holds no app of that name.
    """
    name, _, attribute = reference.partition(":")
    attribute = attribute or "app"
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        raise ConfigError(
            f"cannot import {name!r} for {reference!r}: {error}; run it from the folder that holds"
            f" {name.split('.')[0]!r}, or install the package"
        ) from error
    try:
        found = reduce(getattr, attribute.split("."), module)
    except AttributeError:
        apps = sorted(key for key, value in vars(module).items() if _is_app(value))
        hint = f"did you mean {name}:{apps[0]}?" if apps else "it holds no Howdah app at all"
        raise ConfigError(f"there is no {attribute!r} in module {name!r}: {hint}") from None
    if not _is_app(found):
        raise ConfigError(
            f"{reference!r} is a {type(found).__name__}, not a Howdah app: name the object that"
            " `Howdah(...)` made"
        )
    return cast(AppLike, found)


def _is_app(value: object) -> bool:
    return type(value).__module__.startswith("howdah.") and hasattr(value, "queue_names")
