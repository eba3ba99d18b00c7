"""Ids that senders make."""

from __future__ import annotations

import time
from uuid import UUID

import pytest

from howdah._model import identity
from howdah._model.identity import uuid7, uuid7s

# More than the low bits of the counter count.
MANY = 40_000


def test_ids_of_a_batch_rise_and_are_all_different() -> None:
    ids = uuid7s(MANY)

    assert MANY == len(set(ids))
    assert ids == sorted(ids)


def test_ids_are_uuids_of_version_7_as_postgres_writes_them() -> None:
    ids = uuid7s(MANY)

    read = [UUID(one) for one in ids]
    assert ids == [str(one) for one in read]
    assert {(7, "specified in RFC 4122")} == {(one.version, one.variant) for one in read}


def test_ids_tell_their_time() -> None:
    before = time.time_ns() // 1_000_000

    (one,) = uuid7s(1)

    assert before <= UUID(one).int >> 80 <= time.time_ns() // 1_000_000


def test_ids_that_are_made_one_after_the_other_rise() -> None:
    ids = [uuid7() for _ in range(MANY)]

    assert ids == sorted(set(ids))


@pytest.mark.parametrize("step", [0, -0.004, -9])
def test_ids_rise_while_the_clock_stands_or_goes_back_a_little(
    monkeypatch: pytest.MonkeyPatch, step: float
) -> None:
    now = time.time_ns()
    monkeypatch.setattr(identity.time, "time_ns", lambda: now)
    before = uuid7s(MANY)
    monkeypatch.setattr(identity.time, "time_ns", lambda: now + int(step * 1_000_000_000))

    after = uuid7s(MANY)

    assert before[-1] < after[0]


def test_a_clock_that_was_set_back_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    uuid7()
    earlier = time.time_ns() - 3_600_000_000_000
    monkeypatch.setattr(identity.time, "time_ns", lambda: earlier)

    assert earlier // 1_000_000 == UUID(uuid7()).int >> 80


def test_ids_rise_past_the_end_of_their_counter(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time_ns()
    monkeypatch.setattr(identity.time, "time_ns", lambda: now)
    monkeypatch.setattr(identity, "_COUNTERS", 3 * MANY)

    ids = [one for _ in range(8) for one in uuid7s(MANY)]

    assert ids == sorted(set(ids))


def test_no_id_is_made_where_none_is_asked_for() -> None:
    assert [] == uuid7s(0)
