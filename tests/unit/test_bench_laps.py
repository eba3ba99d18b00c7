"""How a benchmark counts: medians, shares and costs from laps."""

from __future__ import annotations

import pytest

from howdah.bench.lap import Gauge, Lap, Match, Side, percentile

NOTHING = Gauge(None, None, None)


def side(*rates: float) -> Side:
    return Side(tuple(Lap(100, 100 / rate, NOTHING) for rate in rates))


def test_one_slow_lap_does_not_move_the_speed_of_a_side() -> None:
    assert 50 == side(50, 1, 60).jobs_per_s


def test_the_ratio_is_our_share_of_the_bare_speed() -> None:
    assert 0.8 == pytest.approx(Match(side(80), side(100)).ratio)


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50), (0.99, 99), (1.0, 100)])
def test_a_percentile_is_a_value_that_was_measured(share: float, expected: int) -> None:
    assert expected == percentile(list(range(100, 0, -1)), share)


def test_a_single_value_is_every_percentile() -> None:
    assert 7.0 == percentile([7.0], 0.99)


def test_a_cost_is_what_rose_between_two_readings() -> None:
    assert Gauge(5.0, 1.0, None) == Gauge(15.0, 3.0, 9.0).since(Gauge(10.0, 2.0, None))


def test_costs_are_shared_among_all_jobs_of_all_laps() -> None:
    laps = (Lap(1, 1.0, Gauge(300.0, 0.1, None)), Lap(3, 1.0, Gauge(500.0, 0.1, None)))

    assert {"wal_bytes": 200.0, "client_cpu_us": 50_000.0, "server_cpu_us": None} == Side(
        laps
    ).per_job
