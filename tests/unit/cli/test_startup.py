"""What the program imports: a command pays for itself and for nothing else."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import sys
from howdah.cli.main import main
sys.argv[0] = "howdah"
try:
    main()
except SystemExit:
    pass
sys.stderr.write(" ".join(sys.modules))
"""


def loaded_by(*words: str) -> set[str]:
    """The modules that a command line leaves imported."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *words], capture_output=True, text=True, check=True
    )
    return set(done.stderr.splitlines()[-1].split())


@pytest.fixture(scope="module")
def for_help() -> set[str]:
    return loaded_by("--help")


@pytest.mark.parametrize("heavy", ["psycopg", "psycopg_pool", "pydantic", "asyncio", "uvloop"])
def test_help_imports_nothing_heavy(for_help: set[str], heavy: str) -> None:
    assert heavy not in for_help


def test_help_imports_no_command_and_no_app(for_help: set[str]) -> None:
    ours = {name for name in for_help if name.startswith("howdah.")}

    assert {"howdah.cli.main", "howdah.cli.lazy"} <= ours
    assert set() == ours & {"howdah.client", "howdah.cli.worker", "howdah.cli.jobs"}


def test_listing_jobs_imports_neither_the_client_nor_the_worker() -> None:
    # The port is closed, so it ends after all that it needs has been imported.
    ours = loaded_by("jobs", "list", "--url", "postgresql://x@127.0.0.1:1/x", "--schema", "howdah")

    assert "howdah.cli.jobs.list" in ours
    assert set() == {
        name
        for name in ours
        if name.startswith(("howdah.client", "howdah.task", "howdah._worker", "psycopg_pool"))
    }


def test_the_package_imports_a_name_when_it_is_first_used() -> None:
    script = "import sys, howdah; assert 'howdah.client' not in sys.modules; howdah.Howdah"

    subprocess.run([sys.executable, "-c", script], check=True)
