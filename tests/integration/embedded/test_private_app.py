"""An app whose database nobody named says where its jobs go."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from howdah import Howdah
from howdah.signals import DatabasePrivate


@pytest.fixture
def unnamed(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The root of a private Postgres that an app finds, with no other database named."""
    monkeypatch.delenv("HOWDAH_DATABASE_URL", raising=False)
    monkeypatch.setattr("howdah.embedded.cluster.default_root", lambda: root)
    return root


async def test_an_app_without_a_listener_warns_that_it_starts_a_private_postgres(
    unnamed: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with Howdah().lifespan()(None):
        said = [(it.levelno, it.getMessage()) for it in caplog.records if it.name == "howdah"]

    assert [(logging.WARNING, True)] == [
        (level, text.startswith(f"database.private path={unnamed}")) for level, text in said
    ]


async def test_a_listener_hears_that_a_private_postgres_is_started(unnamed: Path) -> None:
    app, told = Howdah(), []
    app.signals.on(DatabasePrivate, told.append)

    async with app:
        pass

    assert [DatabasePrivate(str(unnamed))] == told
