"""Tests on a real Postgres: the pytest fixture `howdah`, and the testbed behind it.

The plugin is `howdah.testing.plugin`; nothing else here knows pytest, so
`Testbed.open(app, url=...)` serves any other framework.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from howdah.testing.clock import Clock
    from howdah.testing.drained import Drained
    from howdah.testing.testbed import Testbed
else:
    # pytest loads the plugin, and with it this package, wherever Howdah is installed.
    _HOMES = {
        "Clock": "howdah.testing.clock",
        "Drained": "howdah.testing.drained",
        "Testbed": "howdah.testing.testbed",
    }

    def __getattr__(name: str) -> object:
        if (home := _HOMES.get(name)) is None:
            raise AttributeError(f"module 'howdah.testing' has no attribute {name!r}")
        globals()[name] = value = getattr(import_module(home), name)
        return value


__all__ = ["Clock", "Drained", "Testbed"]
