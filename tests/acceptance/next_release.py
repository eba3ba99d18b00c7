"""The app after a deploy: it knows one task more."""

from __future__ import annotations

import os

from howdah import Howdah
from tests.acceptance.ledger import listen

app = Howdah(schema=os.environ.get("HOWDAH_TEST_SCHEMA", "howdah"))
listen(app)


@app.task
async def from_the_next_release() -> str:
    """Was not there before."""
    return "known"
