"""Signals are where the docs say that they are."""

from __future__ import annotations

from pathlib import Path

from howdah import signals

DOCS = Path(__file__).parents[2] / "docs" / "signals.md"
EVERY = {kind.__name__ for kind in signals.Signal.__subclasses__()}


def test_every_signal_can_be_imported_from_the_public_module() -> None:
    assert EVERY | {"Signal", "Signals"} == set(signals.__all__)


def test_every_signal_is_in_the_docs() -> None:
    text = DOCS.read_text(encoding="utf-8")

    assert [] == [name for name in sorted(EVERY) if f"`{name}`" not in text]
