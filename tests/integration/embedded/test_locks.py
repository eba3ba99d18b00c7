"""Locks that die with their holder, on files that may be deleted meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from howdah.embedded import locks
from howdah.embedded.locks import hold, is_locked, try_lock
from howdah.embedded.users import count_users, forget_dead_users, take_lease
from howdah.errors import EmbeddedError


def test_a_lock_has_one_holder(tmp_path: Path) -> None:
    first = try_lock(tmp_path / "lock")
    assert first is not None

    assert try_lock(tmp_path / "lock") is None
    os.close(first)


def test_looking_at_a_lock_makes_no_file(tmp_path: Path) -> None:
    assert not is_locked(tmp_path / "lock")
    assert [] == list(tmp_path.iterdir())


def test_a_lock_lives_as_long_as_a_process_that_inherited_it(tmp_path: Path) -> None:
    held = try_lock(tmp_path / "lock")
    assert held is not None
    heir = subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1, pass_fds=[held])
    os.close(held)
    assert is_locked(tmp_path / "lock")

    heir.kill()
    heir.communicate()

    assert not is_locked(tmp_path / "lock")


def test_waiting_for_a_lock_ends_with_the_name_of_the_file(tmp_path: Path) -> None:
    held = try_lock(tmp_path / "lock")
    assert held is not None

    with (
        pytest.raises(EmbeddedError, match=r"cannot tidy up: another process.*lock"),
        hold(tmp_path / "lock", timeout_seconds=0.05, doing="tidy up"),
    ):
        pytest.fail("it was held by someone else")
    os.close(held)


def test_a_lock_on_a_file_that_was_deleted_meanwhile_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "lock"
    flock, deleted = locks.fcntl.flock, list[int]()

    def delete_the_file_first(descriptor: int, kind: int) -> None:
        if not deleted:
            deleted.append(os.fstat(descriptor).st_ino)
            file.unlink()
        flock(descriptor, kind)

    monkeypatch.setattr(locks.fcntl, "flock", delete_the_file_first)

    with hold(file, timeout_seconds=5, doing="start"):
        assert is_locked(file)


def test_what_a_killed_user_left_is_swept_and_the_living_stay(tmp_path: Path) -> None:
    lease = take_lease(tmp_path)
    (tmp_path / "123-dead").touch()

    forget_dead_users(tmp_path)

    assert [lease.path] == list(tmp_path.iterdir())
    assert 1 == count_users(tmp_path)
    lease.drop()
