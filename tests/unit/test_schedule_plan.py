"""Which ticks are sent when some were missed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from howdah._model.cron import Timing
from howdah._model.schedule import LATE, Policy, plan
from howdah.errors import UsageError

HOURLY = Timing("0 * * * *")
SECONDS = Timing(every=1)
NOON = datetime(2026, 5, 5, 12, tzinfo=UTC)
HALF_PAST = NOON + timedelta(minutes=30)


def hours(*counts: int) -> tuple[datetime, ...]:
    return tuple(NOON + timedelta(hours=count) for count in counts)


def test_the_tick_that_is_due_is_sent_and_the_next_is_found() -> None:
    found = plan(HOURLY, first=NOON, now=NOON, catch_up="none")

    assert (hours(0), hours(1)[0]) == (found.ticks, found.next_at)


@pytest.mark.parametrize("catch_up", ["none", "last", "all"])
def test_late_ticks_are_sent_whatever_the_policy(catch_up: str) -> None:
    first = NOON - timedelta(seconds=3)

    found = plan(SECONDS, first=first, now=NOON, catch_up=catch_up)

    assert tuple(first + timedelta(seconds=n) for n in range(4)) == found.ticks


@pytest.mark.parametrize(
    ("catch_up", "sent"),
    [("none", ()), ("last", hours(0)), ("all", hours(-4, -3, -2, -1, 0))],
)
def test_the_policy_decides_on_missed_ticks(catch_up: str, sent: tuple[datetime, ...]) -> None:
    found = plan(HOURLY, first=hours(-4)[0], now=HALF_PAST, catch_up=catch_up)

    assert (sent, hours(1)[0]) == (found.ticks, found.next_at)


def test_a_late_tick_stands_for_the_missed_ones() -> None:
    now = NOON + timedelta(seconds=1)

    assert hours(0) == plan(HOURLY, first=hours(-4)[0], now=now, catch_up="last").ticks


def test_all_has_a_limit_which_keeps_the_newest() -> None:
    found = plan(HOURLY, first=hours(-50)[0], now=HALF_PAST, catch_up="all", limit=3)

    assert hours(-2, -1, 0) == found.ticks


def test_a_year_of_missed_seconds_is_not_walked() -> None:
    year_ago = NOON - timedelta(days=365)
    now = NOON + LATE * 2

    found = plan(Timing("* * * * * *"), first=year_ago, now=now, catch_up="all", limit=100)

    assert 100 + int(LATE.total_seconds()) + 1 == len(found.ticks)
    assert now == found.ticks[-1]


@given(
    ago=st.integers(0, 5_000),
    fraction=st.floats(0, 0.99),
    every=st.sampled_from([1, 7, 60, 600]),
    catch_up=st.sampled_from(["none", "last", "all"]),
    limit=st.integers(1, 50),
)
def test_a_plan_is_what_a_walk_over_all_ticks_gives(
    ago: int, fraction: float, every: int, catch_up: str, limit: int
) -> None:
    now = NOON + timedelta(seconds=fraction)
    timing = Timing(every=every)
    first = timing.next_after(NOON - timedelta(seconds=ago + every))
    assert first is not None
    due = []
    tick: datetime | None = first
    while tick is not None and tick <= now:
        due.append(tick)
        tick = timing.next_after(tick)
    late_from = (now - LATE).replace(microsecond=0)
    late = [one for one in due if one >= late_from]
    missed = [one for one in due if one < late_from]
    kept = {"none": [], "last": [] if late else missed[-1:], "all": missed[-limit:]}[catch_up]

    found = plan(timing, first=first, now=now, catch_up=catch_up, limit=limit)

    assert [*kept, *late] == list(found.ticks)
    assert tick == found.next_at


@pytest.mark.parametrize(
    "wrong",
    [{"overlap": "queue"}, {"catch_up": "some"}, {"catch_up_limit": 0}, {"catch_up_limit": True}],
)
def test_a_policy_that_does_not_exist_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=f"cannot use {next(iter(wrong))}="):
        Policy(**wrong)  # type: ignore[arg-type]
