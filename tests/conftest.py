"""What every test shares: the `--chaos` switch."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--chaos", action="store_true", help="run the long tests marked chaos as well")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--chaos"):
        return
    skip = pytest.mark.skip(reason="a long run; give --chaos")
    for item in items:
        if item.get_closest_marker("chaos"):
            item.add_marker(skip)
