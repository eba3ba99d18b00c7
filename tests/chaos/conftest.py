"""Stations for storms, and servers of their own for what is killed."""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from howdah._db.migrate import migrate
from howdah.embedded import Cluster
from tests.acceptance.harness import Station
from tests.chaos.server import Server

SEED_VARIABLE = "HOWDAH_CHAOS_SEED"


@pytest.fixture
def seed() -> int:
    """A seed, fresh in each run or as HOWDAH_CHAOS_SEED says; a failure shows it."""
    chosen = int(os.environ.get(SEED_VARIABLE) or random.SystemRandom().randrange(1 << 32))
    print(f"{SEED_VARIABLE}={chosen}")
    return chosen


@pytest.fixture
def station(database_url: str, schema: str, tmp_path: Path) -> Iterator[Station]:
    """A schema, a ledger, and workers that end with the test."""
    made = Station(database_url, schema, tmp_path)
    yield made
    made.close()


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A Postgres that the test may kill."""
    root = Path(tempfile.mkdtemp(prefix="howdah-chaos-"))
    root.chmod(0o755)
    made = Server(Cluster(root / "pg", major=request.config.getoption("--postgres")))
    yield made
    made.cluster.destroy()
    root.rmdir()


@pytest.fixture
def outpost(server: Server, tmp_path: Path) -> Iterator[Station]:
    """A station on that Postgres."""
    migrate(server.url, schema="howdah")
    made = Station(server.url, "howdah", tmp_path)
    yield made
    made.close()
