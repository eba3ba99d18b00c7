"""A station for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.harness import Station


@pytest.fixture
def station(database_url: str, schema: str, tmp_path: Path) -> Iterator[Station]:
    """A schema, a ledger, and workers that end with the test."""
    made = Station(database_url, schema, tmp_path)
    yield made
    made.close()
