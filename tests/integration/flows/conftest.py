"""An app whose jobs run when the test says so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from howdah import Howdah
from howdah.testing import Testbed
from tests.integration.flows.tasks import Tasks


@pytest.fixture
def howdah(database_url: str) -> Iterator[Testbed]:
    """A new app, bound to a schema of this test's own."""
    with Testbed.open(Howdah(), url=database_url) as made:
        yield made
        made.app.sync.close()


@pytest.fixture
def tasks(howdah: Testbed) -> Tasks:
    """The tasks of that app."""
    return Tasks(howdah.app)
