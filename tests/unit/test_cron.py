"""When cron expressions are due, above all where clocks change."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from howdah._model.cron import ALIASES, Timing, next_after, timing_of
from howdah.errors import BadScheduleError

MINUTE = timedelta(minutes=1)
AROUND = timedelta(hours=40)
MINUTES = ("0", "30", "5,50", "*", "*/15")
HOURS = ("0", "1", "2", "3", "1-3", "23", "*", "*/2")
EXPRESSIONS = [f"{minute} {hour} * * *" for minute in MINUTES for hour in HOURS]
ZONES = (
    "America/New_York",
    "Europe/London",
    "America/St_Johns",
    "America/Havana",
    "Asia/Beirut",
    "Africa/Cairo",
    "Australia/Sydney",
    "America/Santiago",
)


def transitions(zone: ZoneInfo, years: range) -> Iterator[datetime]:
    """The moments at which a zone's clocks change, to the minute."""
    moment = datetime(years.start, 1, 1, tzinfo=UTC)
    while moment.year < years.stop:
        later = moment + timedelta(days=1)
        if moment.astimezone(zone).utcoffset() != later.astimezone(zone).utcoffset():
            low = moment
            while low.astimezone(zone).utcoffset() == moment.astimezone(zone).utcoffset():
                low += MINUTE
            yield low
        moment = later


def values(field: str, size: int) -> set[int]:
    """What a field allows, as far as the expressions above go."""
    if field.startswith("*"):
        return set(range(0, size, int(field[2:] or 1)))
    found: set[int] = set()
    for part in field.split(","):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found


def ticks_by_hand(
    expression: str, zone: ZoneInfo, start: datetime, end: datetime
) -> list[datetime]:
    """Every tick after `start` and before `end`, by looking at each minute on a clock."""
    minutes, hours = expression.split()[:2]
    fits = {(h, m) for h in values(hours, 24) for m in values(minutes, 60)}
    found: set[datetime] = set()
    if minutes.startswith("*") or hours.startswith("*"):
        moment = start + MINUTE
        while moment < end:
            local = moment.astimezone(zone)
            if (local.hour, local.minute) in fits:
                found.add(moment)
            moment += MINUTE
        return sorted(found)
    # A fixed time is looked for on a wall clock, which knows nothing of changes.
    wall = (start - AROUND).replace(tzinfo=None)
    while wall < (end + AROUND).replace(tzinfo=None):
        if (wall.hour, wall.minute) in fits:
            local = wall.replace(tzinfo=zone)
            while local.astimezone(UTC).astimezone(zone) != local:
                local += MINUTE
            found.add(local.astimezone(UTC))
        wall += MINUTE
    return sorted(moment for moment in found if start < moment < end)


def ticks(expression: str, zone: str, start: datetime, end: datetime) -> list[datetime]:
    found: list[datetime] = []
    moment = next_after(expression, zone, start)
    while moment is not None and moment < end:
        found.append(moment)
        moment = next_after(expression, zone, moment)
    return found


@pytest.mark.parametrize("zone", ZONES)
def test_ticks_around_a_change_of_clocks_are_those_found_by_hand(zone: str) -> None:
    for moment in transitions(ZoneInfo(zone), range(2025, 2026)):
        start, end = moment - AROUND, moment + AROUND
        for expression in EXPRESSIONS:
            by_hand = ticks_by_hand(expression, ZoneInfo(zone), start, end)

            assert by_hand == ticks(expression, zone, start, end), f"{expression} at {moment}"


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/London", "America/Havana"])
def test_any_moment_around_a_change_leads_to_the_same_ticks(zone: str) -> None:
    for moment in transitions(ZoneInfo(zone), range(2025, 2026)):
        for expression in EXPRESSIONS[::3]:
            known = ticks(expression, zone, moment - AROUND, moment + AROUND)
            for minutes in range(-180, 181, 15):
                here = moment + timedelta(minutes=minutes, seconds=1)
                later = next((tick for tick in known if tick > here), None)

                assert later is None or later == next_after(expression, zone, here)


def test_a_time_in_the_gap_comes_once_at_its_end() -> None:
    day = datetime(2026, 3, 8, 5, tzinfo=UTC)

    found = ticks("30 2 * * *", "America/New_York", day, day + timedelta(days=1))

    assert [datetime(2026, 3, 8, 7, tzinfo=UTC)] == found


def test_a_time_in_the_repeated_hour_comes_once_in_the_first_pass() -> None:
    day = datetime(2026, 11, 1, 4, tzinfo=UTC)

    found = ticks("30 1 * * *", "America/New_York", day, day + timedelta(days=1))

    assert [datetime(2026, 11, 1, 5, 30, tzinfo=UTC)] == found


def test_a_star_follows_the_time_that_has_passed() -> None:
    hour = datetime(2026, 11, 1, 4, 59, tzinfo=UTC)

    found = ticks("30 * * * *", "America/New_York", hour, hour + timedelta(hours=3))

    assert [hour + timedelta(minutes=31 + 60 * n) for n in range(3)] == found


def test_six_fields_begin_with_seconds() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)

    assert moment + timedelta(seconds=20) == next_after("20/20 * * * * *", "UTC", moment)


@pytest.mark.parametrize("alias", ALIASES)
def test_an_alias_is_its_fields(alias: str) -> None:
    moment = datetime(2026, 5, 5, 5, 5, tzinfo=UTC)

    assert next_after(ALIASES[alias], "UTC", moment) == next_after(alias, "UTC", moment)


@pytest.mark.parametrize("every", [1, 60, 5_400, 86_400])
def test_an_interval_is_counted_from_1970_so_that_no_edit_shifts_it(every: int) -> None:
    moment = datetime(2026, 5, 5, 5, 5, 5, 500_000, tzinfo=UTC)

    found = timing_of(every=every).next_after(moment)

    assert found is not None
    assert found.timestamp() % every == 0
    assert timedelta() < found - moment <= timedelta(seconds=every)


@pytest.mark.parametrize(
    ("expression", "wrong"),
    [
        ("* * *", "it has 3 fields, and needs five"),
        ("", "it has 0 fields"),
        ("61 * * * *", "its minute field"),
        ("0 25 * * *", "its hour field"),
        ("0 0 30 2 *", "its day-of-month field"),
        ("0 0 * * MON-SUN-X", "its day-of-week field"),
        ("@often", "the aliases are @yearly"),
        (5, "it must be text"),
    ],
)
def test_a_bad_expression_is_refused_with_what_is_wrong(expression: str, wrong: str) -> None:
    with pytest.raises(BadScheduleError, match="cannot use") as caught:
        Timing(expression)

    assert wrong in str(caught.value)


def test_an_expression_that_never_comes_is_refused() -> None:
    with pytest.raises(BadScheduleError, match="no day in the next 50 years"):
        Timing("0 0 */31 * MON#5")


@pytest.mark.parametrize(
    ("name", "hint"),
    [("Europe/Pariss", "did you mean 'Europe/Paris'"), ("../etc", "write such as"), ("", "write")],
)
def test_a_zone_that_does_not_exist_is_refused(name: str, hint: str) -> None:
    with pytest.raises(BadScheduleError, match=hint):
        Timing("@daily", tz=name)


@pytest.mark.parametrize("every", [0, 0.5, 1.5, timedelta(milliseconds=1500)])
def test_an_interval_has_whole_seconds(every: timedelta | float) -> None:
    with pytest.raises(BadScheduleError, match="one or more whole seconds"):
        timing_of(every=every)


def test_a_schedule_is_due_in_one_way() -> None:
    with pytest.raises(BadScheduleError, match="and not both"):
        timing_of(cron="@daily", every=5)


moments = st.datetimes(
    min_value=datetime(2000, 1, 1), max_value=datetime(2040, 1, 1), timezones=st.just(UTC)
)


@settings(max_examples=300, deadline=None)
@given(
    moment=moments,
    expression=st.sampled_from([*EXPRESSIONS, "0 0 29 2 *", "*/7 * * * * *", "0 9 L * *"]),
    zone=st.sampled_from([*ZONES, "UTC", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu"]),
)
def test_ticks_come_after_the_moment_and_ever_later(
    moment: datetime, expression: str, zone: str
) -> None:
    first = next_after(expression, zone, moment)
    assert first is not None
    second = next_after(expression, zone, first)

    assert second is not None
    assert moment < first < second


@settings(max_examples=300, deadline=None)
@given(text=st.text(alphabet="0123456789*/-,#L@WMONda ²\x00", max_size=24))
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    try:
        found = Timing(text)
    except BadScheduleError:
        return

    assert found.next_after(datetime(2026, 1, 1, tzinfo=UTC)) is not None
