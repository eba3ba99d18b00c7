"""Ids of jobs: UUID v7, made by the sender, so that a send may be repeated.

A UUID v7 (RFC 9562) is 48 bits of milliseconds since 1970 and 74 more that here are a counter of 26
bits from a random start (the RFC's method 1) and 48 random ones. The counter goes on within a
millisecond, so one process's jobs, those of one transaction too, keep the order of their sends.
"""

from __future__ import annotations

import os
import sys
import time
from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import overload
from uuid import UUID

# The bits of the counter that stand behind the two of the variant.
_LOW = 0x3FFF
_VARIANT = 0x8000
_COUNTERS = 1 << 26
# A clock that was set back by more than this, in milliseconds, is believed.
_STEP = 10_000


class _Course:
    """The millisecond and the counter that come next.

    Without a lock: two threads that are here at once may get the same, and have their random bits.
    """

    def __init__(self) -> None:
        self._stamp = 0
        self._next = 0

    def take(self, count: int, start: int) -> tuple[int, int]:
        """Room for so many: a millisecond and the first counter. A new one begins at `start`."""
        now = time.time_ns() // 1_000_000
        stamp, first = self._stamp, self._next
        if not now <= stamp < now + _STEP:
            stamp, first = now, start
        elif first + count > _COUNTERS:
            stamp, first = stamp + 1, start
        self._stamp, self._next = stamp, first + count
        return stamp, first


_course = _Course()


def uuid7() -> str:
    """Make one, as text, later than those before."""
    return uuid7s(1)[0]


def uuid7s(count: int) -> list[str]:
    """Make many, as text, in rising order, later than those before."""
    noise = os.urandom(6 * count + 2).hex()
    milliseconds, first = _course.take(count, int(noise[-4:], 16))
    stamp = f"{milliseconds:012x}"
    end = first + count
    ids: list[str] = []
    # In runs whose counters differ only in their low 14 bits. Formatting numbers one by one would
    # take more than half of the time.
    for begin in range(first & ~_LOW, end, _LOW + 1):
        counters = range(max(begin, first), min(begin + _LOW + 1, end))
        head = f"{stamp[:8]}-{stamp[8:]}-7{begin >> 14 & 0xFFF:03x}-"
        lows = array("H", [_VARIANT | low & _LOW for low in counters])
        if sys.byteorder == "little":
            lows.byteswap()
        digits = lows.tobytes().hex()
        ids += [
            f"{head}{digits[low : low + 4]}-{noise[at : at + 12]}"
            for low, at in zip(
                range(0, 4 * len(counters), 4),
                range(12 * (counters.start - first), 12 * (counters.stop - first), 12),
                strict=True,
            )
        ]
    return ids


class JobIds(Sequence[UUID]):
    """The ids of jobs that were sent together, in the order of their items.

    A sequence of UUIDs like any other. Each is made when it is looked at: made all at once they
    would cost as much as encoding the jobs.
    """

    __slots__ = ("_others", "_texts")

    def __init__(self, texts: Sequence[str], others: Mapping[int, str] | None = None) -> None:
        self._texts = texts
        self._others = others or {}

    @property
    def are_new(self) -> list[bool]:
        """Of each item whether it was stored: else its id is that of the job in its way."""
        return [at not in self._others for at in range(len(self._texts))]

    def with_others(self, others: Mapping[int, str]) -> JobIds:
        """The same, with the ids of the jobs that stand for some of the items."""
        texts = list(self._texts)
        for at, other in others.items():
            texts[at] = other
        return JobIds(texts, others)

    @overload
    def __getitem__(self, index: int) -> UUID: ...
    @overload
    def __getitem__(self, index: slice) -> JobIds: ...
    def __getitem__(self, index: int | slice) -> UUID | JobIds:
        if isinstance(index, slice):
            places = range(*index.indices(len(self._texts)))
            others = {
                at: self._others[place] for at, place in enumerate(places) if place in self._others
            }
            return JobIds(self._texts[index], others)
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
