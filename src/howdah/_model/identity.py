"""Ids of jobs: UUID v7, made by the sender, so that a send may be repeated."""

from __future__ import annotations

import os
import time
from uuid import UUID

_VERSION = 7 << 76
_VARIANT = 2 << 62
_RANDOM = (1 << 12) - 1, (1 << 62) - 1


def uuid7() -> UUID:
    """Make a UUID v7 (RFC 9562): 48 bits of milliseconds since 1970, then 74 random bits."""
    noise = int.from_bytes(os.urandom(10), "big")
    milliseconds = time.time_ns() // 1_000_000
    return UUID(
        int=milliseconds << 80
        | _VERSION
        | (noise & _RANDOM[0]) << 64
        | _VARIANT
        | noise >> 12 & _RANDOM[1]
    )


def uuid7s(count: int) -> list[UUID]:
    """Make many, in rising order: a batch keeps the order it was given in."""
    milliseconds = time.time_ns() // 1_000_000
    head = milliseconds << 80 | _VERSION | _VARIANT
    noise = os.urandom(6 * count)
    # A counter in the first 26 random bits (RFC 9562, method 1), 48 random ones after it.
    start = int.from_bytes(os.urandom(2), "big")
    ids = []
    for index in range(count):
        counter = start + index
        tail = int.from_bytes(noise[6 * index : 6 * index + 6], "big")
        ids.append(UUID(int=head | (counter >> 14 & 0xFFF) << 64 | (counter & 0x3FFF) << 48 | tail))
    return ids
