"""What a process was running can be read after it is gone, and leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from howdah._worker import marks

SLOTS = 3

DIES = """
import os, sys
from howdah._worker.marks import Marks

marks = Marks(int(sys.argv[1]), 3)
marks.set(0, sys.argv[2])
marks.set(2, sys.argv[3])
marks.clear(0)
os.kill(os.getpid(), 9)
"""


@pytest.fixture(params=["as it is", "without memfd_create"])
def descriptor(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[int]:
    """Marks for one process, made where temporary files can be seen."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    if request.param == "without memfd_create":
        monkeypatch.setattr(sys, "platform", "darwin")
    made = marks.make(SLOTS)
    monkeypatch.undo()
    yield made
    os.close(made)


def test_what_ran_when_a_process_was_killed_can_be_read(descriptor: int) -> None:
    ended, running = str(uuid4()), str(uuid4())

    died = subprocess.run(
        [sys.executable, "-c", DIES, str(descriptor), ended, running], pass_fds=[descriptor]
    )

    assert -9 == died.returncode
    assert [running] == marks.read(descriptor)


def test_marks_have_no_name_that_could_be_removed_or_left_behind(
    descriptor: int, tmp_path: Path
) -> None:
    assert [] == marks.read(descriptor)
    assert [] == list(tmp_path.iterdir())


def test_room_is_made_and_what_is_marked_stays() -> None:
    made = marks.make(SLOTS)
    read_by_the_supervisor = os.dup(made)
    first, last = str(uuid4()), str(uuid4())
    mine = marks.Marks(made, SLOTS)
    mine.set(0, first)

    mine.make_room(SLOTS + 5)
    mine.set(SLOTS + 4, last)
    mine.make_room(SLOTS)

    assert [first, last] == marks.read(read_by_the_supervisor)
    mine.close()
    os.close(read_by_the_supervisor)


def test_a_batch_is_marked_as_a_whole_beside_what_runs_in_slots() -> None:
    made = marks.make(SLOTS)
    read_by_the_supervisor = os.dup(made)
    alone, *batch = (str(uuid4()) for _ in range(50))
    gone = [str(uuid4()) for _ in range(20)]
    mine = marks.Marks(made, SLOTS)
    mine.set(1, alone)

    mine.remove(mine.add(gone))
    mine.add(batch)
    mine.make_room(10 * SLOTS)

    assert {alone, *batch} == set(marks.read(read_by_the_supervisor))
    mine.close()
    os.close(read_by_the_supervisor)
