"""Ids that senders make."""

from __future__ import annotations

import time
from uuid import UUID

from howdah._model.identity import uuid7s

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


def test_no_id_is_made_where_none_is_asked_for() -> None:
    assert [] == uuid7s(0)
