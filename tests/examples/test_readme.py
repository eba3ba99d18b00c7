"""A newcomer's first minutes, as the README tells them: one file, `howdah dev`, and it answers."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from howdah.client import URL_VARIABLE
from howdah.embedded import Cluster
from tests.examples.snippets import blocks_of

README = Path(__file__).parents[2] / "README.md"
SECONDS = 60


@pytest.fixture
def project() -> Iterator[Path]:
    """A folder with the README's example in it, and nothing else."""
    folder = Path(tempfile.mkdtemp(prefix="howdah-readme-"))
    # Also as root: the private Postgres runs as another user, which must get in.
    folder.chmod(0o711)
    python = [it for it in blocks_of(README.read_text("utf-8")) if it.language == "python"]
    (folder / "hello.py").write_text(python[0].text)
    yield folder
    Cluster(folder / ".howdah").destroy()
    shutil.rmtree(folder)


def test_the_first_example_answers(project: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != URL_VARIABLE}
    dev = subprocess.Popen(
        [sys.executable, "-m", "howdah", "dev", "hello:app"], cwd=project, env=environment
    )
    try:
        said = subprocess.run(
            [sys.executable, "hello.py"],
            cwd=project,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    finally:
        dev.send_signal(signal.SIGINT)
        dev.wait(SECONDS)

    assert (0, "Hello, Ann!\n", 0) == (said.returncode, said.stdout, dev.returncode)
