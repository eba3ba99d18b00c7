"""Histograms of durations, which merge exactly.

A bucket is an eighth of a power of two, so a duration that is read back is off by 6 % at most,
whether it is of microseconds or of weeks. Histograms of many workers and minutes add up bucket by
bucket to what one would have counted alone; percentiles cannot be added.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from math import frexp, ldexp

# 2 ** -20 s is about a microsecond: whatever took less is in the first buckets.
_SHORTEST = -20
_LAST = 8 * 60 - 1


def bucket_of(seconds: float) -> int:
    """The bucket that a duration is in."""
    mantissa, exponent = frexp(seconds)
    bucket = 8 * (exponent - _SHORTEST) + int(16 * mantissa) - 8
    return 0 if bucket < 0 or seconds <= 0 else min(bucket, _LAST)


def middle_of(bucket: int) -> float:
    """The duration that stands for a bucket, in seconds."""
    return ldexp((bucket % 8 + 8.5) / 16, bucket // 8 + _SHORTEST) if bucket else 0.0


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many durations of each size there were.

    Attributes:
        counts: By bucket.
    """

    counts: Mapping[int, int] = field(default_factory=dict[int, int])

    @property
    def count(self) -> int:
        """How many there were."""
        return sum(self.counts.values())

    @property
    def p50(self) -> timedelta | None:
        """The median; None when there were none."""
        return self.percentile(50)

    @property
    def p95(self) -> timedelta | None:
        """What 95 of 100 did not exceed; None when there were none."""
        return self.percentile(95)

    def percentile(self, percent: float) -> timedelta | None:
        """What so many of 100 did not exceed, within 6 %; None when there were none."""
        rank = percent / 100 * self.count
        passed = 0
        for bucket in sorted(self.counts):
            passed += self.counts[bucket]
            if passed >= rank:
                return timedelta(seconds=middle_of(bucket))
        return None

    def __add__(self, other: Histogram) -> Histogram:
        merged = dict(self.counts)
        for bucket, count in other.counts.items():
            merged[bucket] = merged.get(bucket, 0) + count
        return Histogram(merged)


def pairs_of(counts: Mapping[int, int]) -> list[int]:
    """Buckets and counts as one list, as they are stored."""
    return [number for bucket in sorted(counts) for number in (bucket, counts[bucket])]


def from_pairs(pairs: Iterable[int]) -> Histogram:
    """Read what `pairs_of` wrote."""
    numbers = iter(pairs)
    return Histogram(dict(zip(numbers, numbers, strict=True)))
