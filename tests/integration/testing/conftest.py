"""The plugin's fixtures, on the database of the run, with an app of each test's own."""

from __future__ import annotations

import pytest

from howdah import Howdah


@pytest.fixture(scope="session")
def howdah_database_url(database_url: str) -> str:
    return database_url


@pytest.fixture
def howdah_app() -> Howdah:
    return Howdah("postgresql:///of-production")
