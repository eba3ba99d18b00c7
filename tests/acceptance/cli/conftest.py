"""The program with a database, and with none."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.cli.program import Program

APP = """
import os
from pathlib import Path
from howdah import Context, Howdah, Retry, Suspend

app = Howdah(schema=os.environ.get("HOWDAH_SCHEMA", "howdah"))


@app.task(queue="mail")
async def welcome(email: str, zip: str = "") -> str:
    return email


@app.task(retry=Retry(limit=1, delay=0))
async def broken(n: int, ctx: Context) -> None:
    ctx.log.info("about to break", n=n)
    ctx.progress(0.5, "half way")
    raise RuntimeError("boom \\x1b[31mred\\x07")


@app.task
async def sleeper(ctx: Context) -> None:
    if not Path("has-slept").exists():
        Path("has-slept").touch()
        raise Suspend
"""


@pytest.fixture
def program(database_url: str, schema: str, tmp_path: Path) -> Iterator[Program]:
    """The program on this test's schema, with an app `shop:app` in its folder."""
    made = Program(tmp_path, HOWDAH_DATABASE_URL=database_url, HOWDAH_SCHEMA=schema)
    made.write("shop.py", APP)
    yield made
    made.close()


@pytest.fixture
def alone() -> Iterator[Program]:
    """The program in a folder with the same app, and no database anywhere."""
    # Not in tmp_path: root's Postgres runs as another user, who may not look in there.
    folder = Path(tempfile.mkdtemp(prefix="howdah-cli-"))
    folder.chmod(0o755)
    made = Program(folder)
    made.write("shop.py", APP)
    yield made
    made.close()
    made.run("postgres", "destroy", "--yes")
    shutil.rmtree(folder)
