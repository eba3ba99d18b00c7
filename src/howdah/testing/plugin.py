"""The pytest plugin: the fixture `howdah`, and the two it asks for where and what.

Nothing is imported but pytest until a test uses them.
"""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from howdah.client import Howdah
    from howdah.testing import Testbed

URL_VARIABLE = "HOWDAH_TEST_DATABASE_URL"
APP_VARIABLE = "HOWDAH_APP"


@pytest.fixture(scope="session")
def howdah_database_url() -> Iterator[str]:
    """The database for tests: HOWDAH_TEST_DATABASE_URL, or a private Postgres for this run.

    Override it to test in another one. Each test makes a schema in it and removes it.
    """
    from howdah._model.database_url import checked_url

    if url := os.environ.get(URL_VARIABLE):
        yield checked_url(url)
        return
    from howdah.testing.ground import private_database

    with private_database() as url:
        yield url


@pytest.fixture
def howdah_app(pytestconfig: pytest.Config) -> Howdah:
    """The app under test: HOWDAH_APP, or `app` under [tool.howdah] in pyproject.toml.

    Override it to return the app that your code uses.
    """
    from howdah._worker.loading import load_app
    from howdah.client import Howdah
    from howdah.errors import ConfigError

    reference = os.environ.get(APP_VARIABLE) or _app_in_pyproject(pytestconfig.rootpath)
    if reference is None:
        raise ConfigError(
            "which app is under test? write a fixture `howdah_app` that returns it, set"
            ' HOWDAH_APP, or write app = "module:attribute" under [tool.howdah] in pyproject.toml'
        )
    if str(pytestconfig.rootpath) not in sys.path:
        sys.path.insert(0, str(pytestconfig.rootpath))
    app = load_app(reference)
    assert isinstance(app, Howdah)
    return app


@pytest.fixture
def howdah(howdah_app: Howdah, howdah_database_url: str) -> Iterator[Testbed]:
    """The app under test on a real Postgres, in a schema of this test's own."""
    from howdah.testing import Testbed

    with Testbed.open(howdah_app, url=howdah_database_url) as made:
        yield made


def _app_in_pyproject(root: Path) -> str | None:
    file = root / "pyproject.toml"
    if not file.is_file():
        return None
    table = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {}).get("howdah", {})
    app = table.get("app")
    return str(app) if app else None
