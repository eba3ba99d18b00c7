"""The plugin as a project of its own sees it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

JOBS = """
from howdah import Howdah

app = Howdah("postgresql:///of-production")

@app.task
async def welcome(email: str) -> str:
    return email
"""
TESTS = """
import pytest
from jobs import app, welcome

def test_one(howdah):
    app.sync.send(welcome, "ann@example.com")
    howdah.assert_sent(welcome, email="ann@example.com", count=1)
    assert 1 == howdah.sync.drain(raise_on_failure=True).completed

def test_another(howdah):
    howdah.assert_not_sent()

def test_without(request):
    assert "postgresql:///of-production" == app.database_url

async def test_on_a_loop(howdah):
    await welcome.send("ann@example.com")
    assert 1 == (await howdah.drain()).completed
"""


@pytest.fixture
def project(
    pytester: pytest.Pytester, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> pytest.Pytester:
    """A project with an app and tests of it, on the database of the run."""
    monkeypatch.setenv("HOWDAH_TEST_DATABASE_URL", database_url)
    monkeypatch.delenv("HOWDAH_APP", raising=False)
    pytester.makepyfile(jobs=JOBS, test_jobs=TESTS)
    pytester.makepyprojecttoml(
        '[tool.howdah]\napp = "jobs:app"\n'
        '[tool.pytest.ini_options]\nasyncio_mode = "auto"\n'
        'asyncio_default_fixture_loop_scope = "function"\n'
    )
    return pytester


def test_each_test_has_a_schema_of_its_own_and_the_app_is_given_back(project: pytest.Pytester):
    result = project.runpytest_subprocess("-W", "error")

    result.assert_outcomes(passed=4)


def test_the_app_may_come_from_a_fixture(project: pytest.Pytester):
    (project.path / "pyproject.toml").write_text("")
    project.makeconftest(
        "import pytest\nfrom jobs import app\n@pytest.fixture\ndef howdah_app():\n    return app\n"
    )

    result = project.runpytest_subprocess("-k", "not loop")

    result.assert_outcomes(passed=3, deselected=1)


def test_whoever_names_no_app_is_told_how(project: pytest.Pytester):
    (project.path / "pyproject.toml").write_text("")

    result = project.runpytest_subprocess("-k", "test_one")

    result.assert_outcomes(errors=1, deselected=3)
    result.stdout.fnmatch_lines(["*which app is under test? write a fixture `howdah_app`*"])


def test_the_fixtures_are_listed_for_whoever_asks(project: pytest.Pytester):
    result = project.runpytest_subprocess("--fixtures")

    result.stdout.fnmatch_lines(["howdah_app *", "howdah -- *"])


def test_nothing_is_left_in_the_database(project: pytest.Pytester, sql):
    project.runpytest_subprocess("-k", "test_one")

    assert [] == sql(
        r"SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname LIKE 'howdah\_test\_%%'"
    )


def test_the_plugin_costs_nothing_until_it_is_used(tmp_path: Path):
    code = (
        "import sys, howdah.testing.plugin\n"
        "print(sorted({'psycopg', 'pydantic', 'howdah.client'} & {*sys.modules}))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ,
        capture_output=True,
        text=True,
        check=True,
    )

    assert "[]" == done.stdout.strip()
