"""Signals are where the docs say that they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from howdah import signals
from howdah.errors import UsageError

DOCS = Path(__file__).parents[2] / "docs" / "signals.md"
EVERY = {kind.__name__ for kind in signals.Signal.__subclasses__()}


def test_every_signal_can_be_imported_from_the_public_module() -> None:
    assert EVERY | {"Signal", "Signals"} == set(signals.__all__)


def test_every_signal_is_in_the_docs() -> None:
    text = DOCS.read_text(encoding="utf-8")

    assert [] == [name for name in sorted(EVERY) if f"`{name}`" not in text]


@pytest.mark.parametrize(("kind", "listener"), [("JobEnded", print), (signals.JobEnded, 3)])
def test_what_is_no_signal_or_no_function_is_refused(kind: Any, listener: Any) -> None:
    with pytest.raises(UsageError, match=r"give a class of howdah\.signals and a function"):
        signals.Signals().on(kind, listener)
