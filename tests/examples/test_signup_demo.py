"""The sign-up example as a newcomer runs it: its own folder, its own Postgres, real processes."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

REPOSITORY = Path(__file__).parents[2]
SECONDS = 180


@pytest.fixture(scope="module")
def project() -> Iterator[Path]:
    """A folder that the user of a private Postgres can pass through, also when we are root."""
    folder = Path(tempfile.mkdtemp(prefix="howdah-demo-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "examples.signup.demo", *arguments]


def environment() -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if name != "HOWDAH_DATABASE_URL"}
    return {**ours, "PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"}


def run_once(project: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command("--once"),
        cwd=project,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def mails_in(table: str) -> int:
    """The figure that the demo's table shows."""
    row = re.search(r"mails\W+(\d+)", table)
    return int(row[1]) if row else 0


def processes_in(project: Path) -> set[str]:
    """Every process that works in the folder, the Postgres server included."""
    found = set()
    for process in psutil.process_iter(["cwd", "cmdline"]):
        where = Path(process.info["cwd"] or "/")
        if where == project or project in where.parents:
            found.add(" ".join(process.info["cmdline"] or []))
    return found


def test_a_hundred_sign_ups_send_exactly_the_right_mails(project: Path) -> None:
    demo = run_once(project)

    assert (0, 97) == (demo.returncode, mails_in(demo.stdout)), demo.stdout


def test_it_works_again_on_the_database_of_the_last_run(project: Path) -> None:
    run_once(project)

    demo = run_once(project)

    assert (0, 97) == (demo.returncode, mails_in(demo.stdout)), demo.stdout


def test_it_leaves_no_process_behind(project: Path) -> None:
    run_once(project)

    assert set() == processes_in(project)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_everything_that_stays_up(project: Path, number: signal.Signals) -> None:
    with subprocess.Popen(
        command("--port", "0"), cwd=project, env=environment(), stdout=subprocess.PIPE, text=True
    ) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if "Ctrl-C" in line:
                break
        demo.send_signal(number)
        demo.wait(SECONDS)

    assert (0, set()) == (demo.returncode, processes_in(project))
