"""Ids of jobs: UUID v7, made by the sender, so that a send may be repeated.

A UUID v7 (RFC 9562) is 48 bits of milliseconds since 1970 and 74 more that here are, in a batch, a
counter of 26 bits from a random start (the RFC's method 1) and 48 random ones; so a batch keeps the
order it was given in.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from typing import overload
from uuid import UUID


def uuid7() -> str:
    """Make one, as text."""
    return uuid7s(1)[0]


def uuid7s(count: int) -> list[str]:
    """Make many, as text, in rising order."""
    stamp = f"{time.time_ns() // 1_000_000:012x}"
    head = f"{stamp[:8]}-{stamp[8:]}-7"
    noise = os.urandom(6 * count + 2).hex()
    start = int(noise[-4:], 16)
    return [
        f"{head}{counter >> 14 & 0xFFF:03x}-{0x8000 | counter & 0x3FFF:04x}-{noise[at : at + 12]}"
        for counter, at in zip(range(start, start + count), range(0, 12 * count, 12), strict=True)
    ]


class JobIds(Sequence[UUID]):
    """The ids of jobs that were sent together, in the order of their items.

    A sequence of UUIDs like any other. Each is made when it is looked at: made all at once they
    would cost as much as encoding the jobs.
    """

    __slots__ = ("_texts",)

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts

    @overload
    def __getitem__(self, index: int) -> UUID: ...
    @overload
    def __getitem__(self, index: slice) -> JobIds: ...
    def __getitem__(self, index: int | slice) -> UUID | JobIds:
        if isinstance(index, slice):
            return JobIds(self._texts[index])
        return UUID(self._texts[index])

    def __len__(self) -> int:
        return len(self._texts)

    def __iter__(self) -> Iterator[UUID]:
        return map(UUID, self._texts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return list(self) == list(other)

    def __hash__(self) -> int:
        return hash(tuple(self._texts))

    def __repr__(self) -> str:
        return f"JobIds({list(self)!r})"
