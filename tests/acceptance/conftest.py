"""A station for each test."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.harness import Station
from tests.acceptance.proxy import Proxy


@pytest.fixture
def station(database_url: str, schema: str, tmp_path: Path) -> Iterator[Station]:
    """A schema, a ledger, and workers that end with the test."""
    made = Station(database_url, schema, tmp_path)
    yield made
    made.close()


@pytest.fixture
def proxy(database_url: str) -> Iterator[Proxy]:
    """A way to the database on which replies can be lost."""
    # Not in tmp_path: a socket's path has room for about 100 bytes.
    with tempfile.TemporaryDirectory(prefix="howdah-proxy-") as folder:
        made = Proxy(database_url, Path(folder))
        yield made
        made.close()
