"""Which app and which database: what is said nearest wins."""

from __future__ import annotations

from pathlib import Path

import pytest

from howdah.cli import target
from howdah.cli.target import find_target, named_app, schema_said
from howdah.errors import ConfigError, UsageError


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder and an environment that says nothing."""
    for name in (target.URL_VARIABLE, target.SCHEMA_VARIABLE, target.APP_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    target._project.cache_clear()
    return tmp_path


def write(folder: Path, text: str) -> None:
    (folder / "pyproject.toml").write_text(text)


@pytest.mark.parametrize("option", ["url", "schema", "app"])
def test_an_empty_option_is_not_taken_for_none(option: str) -> None:
    said = {"url": None, "schema": None, "app": None, option: " "}

    with pytest.raises(UsageError, match=f"cannot use an empty --{option}"):
        find_target(**said)


def test_an_option_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOWDAH_DATABASE_URL", "postgresql://there")
    monkeypatch.setenv("HOWDAH_SCHEMA", "theirs")

    found = find_target(url="postgresql://here", schema="ours")

    assert ("postgresql://here", "ours", None) == (found.url, found.schema, found.app)


def test_the_environment_goes_before_pyproject(
    monkeypatch: pytest.MonkeyPatch, nowhere: Path
) -> None:
    write(nowhere, '[tool.howdah]\ndatabase_url = "postgresql://file"\nschema = "file"\n')
    monkeypatch.setenv("HOWDAH_DATABASE_URL", "postgresql://environment")

    found = find_target(url=None, schema=None)

    assert ("postgresql://environment", "file") == (found.url, found.schema)


def test_pyproject_counts_in_the_folders_below(
    monkeypatch: pytest.MonkeyPatch, nowhere: Path
) -> None:
    write(nowhere, '[tool.howdah]\napp = "shop:app"\n')
    (nowhere / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(nowhere / "a" / "b")

    assert "shop:app" == named_app(None)


def test_the_schema_is_howdah_where_nobody_says() -> None:
    assert "howdah" == schema_said(None, None)


def test_no_database_at_all_says_how_to_name_one() -> None:
    with pytest.raises(UsageError, match="howdah postgres start"):
        find_target(url=None, schema=None)


def test_no_app_at_all_says_how_to_name_one() -> None:
    with pytest.raises(UsageError, match="HOWDAH_APP"):
        named_app(None)


@pytest.mark.parametrize(
    "text",
    ["[tool.howdah]\nqueue = 'x'\n", "[tool.howdah]\napp = 1\n", "[tool.howdah\n"],
)
def test_a_pyproject_that_cannot_be_used_names_the_file(nowhere: Path, text: str) -> None:
    write(nowhere, text)

    with pytest.raises(ConfigError, match=r"pyproject\.toml"):
        find_target(url=None, schema=None)
