"""Histograms of durations: what they keep, and how they merge."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from howdah._model.histogram import Histogram, bucket_of, from_pairs, middle_of, pairs_of

DURATIONS = st.floats(1e-5, 1e9)


def histogram_of(seconds: list[float]) -> Histogram:
    counts: dict[int, int] = {}
    for one in seconds:
        counts[bucket_of(one)] = counts.get(bucket_of(one), 0) + 1
    return Histogram(counts)


@given(DURATIONS)
def test_a_duration_is_read_back_within_six_hundredths(seconds: float) -> None:
    assert pytest.approx(seconds, rel=0.0626) == middle_of(bucket_of(seconds))


@given(DURATIONS, DURATIONS)
def test_a_longer_duration_is_in_no_lower_bucket(one: float, other: float) -> None:
    assert bucket_of(min(one, other)) <= bucket_of(max(one, other))


@pytest.mark.parametrize("seconds", [0.0, -1.0, 1e-300])
def test_what_took_no_time_is_in_the_first_bucket(seconds: float) -> None:
    assert 0 == bucket_of(seconds)
    assert 0.0 == middle_of(0)


@given(st.lists(DURATIONS), st.lists(DURATIONS))
def test_two_histograms_add_up_to_that_of_both(some: list[float], more: list[float]) -> None:
    assert histogram_of(some + more) == histogram_of(some) + histogram_of(more)


@given(st.lists(DURATIONS))
def test_a_histogram_is_read_as_it_was_written(seconds: list[float]) -> None:
    written = histogram_of(seconds)

    assert written == from_pairs(pairs_of(written.counts))


def test_percentiles_are_those_of_the_durations() -> None:
    histogram = histogram_of([0.001] * 90 + [1.0] * 10)

    assert histogram.p50 is not None
    assert histogram.p95 is not None
    assert pytest.approx(0.001, rel=0.07) == histogram.p50.total_seconds()
    assert pytest.approx(1.0, rel=0.07) == histogram.p95.total_seconds()


def test_nothing_has_no_percentiles() -> None:
    assert (0, None, None) == (Histogram().count, Histogram().p50, Histogram().p95)


def test_a_percentile_is_a_duration() -> None:
    assert isinstance(histogram_of([1.0]).p95, timedelta)
