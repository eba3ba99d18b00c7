"""Connections on this test's schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.proxy import Proxy
from tests.integration.desk import Desk


@pytest.fixture
def open_desk(database_url: str, schema: str) -> Iterator[Callable[[], Desk]]:
    """Opens connections, which are closed with the test."""
    opened: list[Desk] = []

    def open_one() -> Desk:
        opened.append(Desk(database_url, schema))
        return opened[-1]

    yield open_one
    for one in reversed(opened):
        one.close()


@pytest.fixture
def desk(open_desk: Callable[[], Desk]) -> Desk:
    """A connection on this test's schema."""
    return open_desk()


@pytest.fixture
def proxy(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """A way to the database that can freeze."""
    made = Proxy(database_url, Path(tmp_path_factory.mktemp("p")))
    yield made
    made.close()
