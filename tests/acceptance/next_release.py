"""The app after a deploy: it knows one task more."""

from __future__ import annotations

import os

from howdah import Howdah

app = Howdah(schema=os.environ.get("HOWDAH_TEST_SCHEMA", "howdah"))


@app.task
async def from_the_next_release() -> str:
    """Was not there before."""
    return "known"
