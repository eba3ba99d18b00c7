"""An app whose code has a schedule."""

from __future__ import annotations

import os

from howdah import Howdah
from tests.acceptance.ledger import listen

app = Howdah(schema=os.environ.get("HOWDAH_TEST_SCHEMA", "howdah"))
listen(app)


@app.schedule("* * * * * *")
@app.task
async def each_second() -> None:
    """Do nothing."""
