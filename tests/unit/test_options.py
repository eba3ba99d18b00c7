"""The options of a send: what is accepted, who decides, and what the database is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from howdah._model.options import SendOptions, merge, refuse_rules, refuse_unknown
from howdah._model.retry import Retry
from howdah._model.window import Debounce, Throttle
from howdah.errors import NaiveDatetimeError, UnknownOptionError, UsageError

NOON = datetime(2026, 5, 1, 12, tzinfo=timezone(timedelta(hours=2)))
SECONDS = st.floats(0.001, 1e9)

LEVELS = st.builds(
    SendOptions,
    id=st.none() | st.uuids(),
    priority=st.none() | st.integers(-32_768, 32_767),
    start_after=st.none() | st.just(NOON) | SECONDS | SECONDS.map(lambda s: timedelta(seconds=s)),
    retry=st.none() | st.integers(0, 99) | st.builds(Retry, limit=st.integers(0, 99)),
    expire_in=st.none() | SECONDS,
    key=st.none() | st.just("ann"),
    tags=st.none() | st.just(("a", "b")) | st.just(()),
    retention=st.none() | SECONDS,
    deadline=st.none() | st.just(NOON) | SECONDS,
    replace=st.none() | st.just(("args",)),
)


def test_nothing_said_is_an_empty_object() -> None:
    assert "{}" == SendOptions().to_json()


def test_everything_said_is_written_in_the_words_of_sql() -> None:
    options = SendOptions(
        id=UUID(int=1),
        priority=-5,
        retry=Retry(limit=9, delay=timedelta(minutes=1)),
        expire_in=timedelta(minutes=2),
        key="ä",
        tags=("x", "y"),
        retention=3600,
        deadline=NOON,
        debounce=Debounce(5, max_wait=timedelta(minutes=1)),
        replace=["tags"],
    )

    assert {
        "id": "00000000-0000-0000-0000-000000000001",
        "priority": -5,
        "retry": {"limit": 9, "delay": 60.0, "backoff": True, "delay_max": 3600.0, "jitter": 0.5},
        "expire_in": 120.0,
        "key": "ä",
        "tags": ["x", "y"],
        "retention": 3600.0,
        "deadline": "2026-05-01T12:00:00+02:00",
        "debounce": {"wait": 5.0, "max_wait": 60.0},
        "replace": ["tags"],
    } == json.loads(options.to_json())


def test_no_delay_at_all_is_said_too_so_that_it_can_undo_one() -> None:
    task, call = SendOptions(start_after=60), SendOptions(start_after=0)

    assert {"delay": 0.0} == merge(call, task).to_mapping()


def test_a_moment_to_start_at_is_written_with_its_zone() -> None:
    assert {"start_after": "2026-05-01T12:00:00+02:00"} == SendOptions(
        start_after=NOON
    ).to_mapping()


@pytest.mark.parametrize(
    ("throttle", "said"),
    [
        (timedelta(minutes=1), {"per": 60.0}),
        (1.5, {"per": 1.5}),
        (Throttle(60, next_slot=True), {"per": 60.0, "next_slot": True}),
    ],
)
def test_a_throttle_is_its_window_and_whether_the_next_may_be_used(
    throttle: Any, said: dict[str, Any]
) -> None:
    assert {"throttle": said} == SendOptions(throttle=throttle).to_mapping()


def test_the_nearer_of_two_that_exclude_each_other_is_in_force() -> None:
    task = SendOptions(throttle=60, start_after=5)

    assert SendOptions(debounce=5) == merge(SendOptions(debounce=5), task)
    assert SendOptions(replace=("args",), start_after=5) == merge(
        SendOptions(replace=["args"]), task
    )


@pytest.mark.parametrize("delay", [90, 90.0, timedelta(seconds=90)])
def test_a_delay_is_left_to_the_clock_of_the_database(delay: Any) -> None:
    assert {"delay": 90.0} == SendOptions(start_after=delay).to_mapping()


def test_a_policy_that_is_said_is_stored_even_if_it_is_the_built_in_one() -> None:
    task, call = SendOptions(retry=Retry(limit=9)), SendOptions(retry=3)

    assert {"retry": Retry().to_mapping()} == merge(call, task).to_mapping()


def test_a_number_of_retries_is_a_policy_with_that_limit() -> None:
    assert Retry(limit=0).to_mapping() == SendOptions(retry=0).to_mapping()["retry"]


def test_a_naive_datetime_is_refused() -> None:
    with pytest.raises(NaiveDatetimeError, match=r"start_after=.*has no time zone"):
        SendOptions(start_after=datetime(2026, 5, 1))
    with pytest.raises(NaiveDatetimeError, match=r"deadline=.*has no time zone"):
        SendOptions(deadline=datetime(2026, 5, 1))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Debounce(5, max_wait=4),
        lambda: Throttle(60, next_slot=1),  # type: ignore[arg-type]
    ],
)
def test_a_window_that_makes_no_sense_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(UsageError, match=r"^cannot use "):
        make()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", "00000000-0000-0000-0000-000000000001"),
        ("priority", 32_768),
        ("priority", -32_769),
        ("priority", 1.5),
        ("priority", True),
        ("priority", "high"),
        ("start_after", -1),
        ("start_after", timedelta(seconds=-1)),
        ("start_after", float("nan")),
        ("start_after", float("inf")),
        ("start_after", "tomorrow"),
        ("start_after", True),
        ("retry", -1),
        ("retry", True),
        ("retry", 2.5),
        ("retry", "3"),
        ("expire_in", 0),
        ("expire_in", -1),
        ("expire_in", timedelta.max),
        ("retention", -1),
        ("retention", NOON),
        ("key", ""),
        ("key", "x" * 501),
        ("key", "a\0"),
        ("key", "\ud800"),
        ("key", 7),
        ("deadline", -1),
        ("deadline", "tomorrow"),
        ("throttle", 0),
        ("throttle", "minute"),
        ("debounce", 0),
        ("debounce", True),
        ("replace", "args"),
        ("replace", ()),
        ("replace", ("key",)),
        ("tags", "urgent"),
        ("tags", 7),
        ("tags", ("",)),
        ("tags", ("ok", "x" * 501)),
        ("tags", ("a\0",)),
        ("tags", (None,)),
    ],
)
def test_a_value_out_of_range_is_refused(name: str, value: Any) -> None:
    with pytest.raises(UsageError, match=r"^cannot use "):
        SendOptions(**{name: value})


def test_values_at_the_border_are_accepted() -> None:
    SendOptions(priority=-32_768, key="x" * 500, tags=(), start_after=0, retention=0)
    SendOptions(priority=32_767, start_after=datetime.max.replace(tzinfo=UTC))


@pytest.mark.parametrize(
    ("name", "what_to_do"),
    [
        ("prioritty", "did you mean 'priority'?"),
        ("startAfter", "did you mean 'start_after'?"),
        (
            "zzz",
            "the options are id, priority, start_after, retry, expire_in, key, tags, retention,"
            " deadline, throttle, debounce, replace, group, dead_letter",
        ),
    ],
)
def test_an_unknown_option_is_refused_with_what_to_write(name: str, what_to_do: str) -> None:
    with pytest.raises(UnknownOptionError) as caught:
        SendOptions.parse({"priority": 1, name: 2})

    assert f"there is no option {name!r}: {what_to_do}" == str(caught.value)
    assert name == caught.value.option


def test_an_unknown_option_is_held_against_the_options_of_its_own_place() -> None:
    with pytest.raises(UnknownOptionError, match="did you mean 'queue'"):
        refuse_unknown({"queu": 1}, known=("name", "queue"))


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("delay", "start_after"),
        ("countdown", "start_after"),
        ("eta", "start_after"),
        ("max_retries", "retry"),
        ("timeout", "expire_in"),
        ("jobId", "id"),
        ("singletonKey", "key"),
    ],
)
def test_a_name_from_another_library_leads_to_ours(theirs: str, ours: str) -> None:
    with pytest.raises(UnknownOptionError, match=f"did you mean '{ours}'"):
        SendOptions.parse({theirs: 3})


def test_a_name_from_another_library_leads_to_no_option_that_the_place_has_not() -> None:
    with pytest.raises(UnknownOptionError, match="the options are name, queue"):
        refuse_unknown({"delay": 1}, known=("name", "queue"))


def test_a_mapping_of_known_options_is_parsed() -> None:
    assert SendOptions(priority=1, tags=("a",)) == SendOptions.parse({"priority": 1, "tags": ["a"]})


def test_the_nearest_level_that_says_a_thing_decides() -> None:
    call = SendOptions(priority=1, tags=())
    task = SendOptions(priority=2, expire_in=2, tags=("a",))
    queue = SendOptions(expire_in=3, retention=3)
    app = SendOptions(retention=4, retry=4)

    assert SendOptions(priority=1, expire_in=2, retention=3, retry=4, tags=()) == merge(
        call, task, queue, None, app
    )


def test_a_limit_alone_leaves_the_rest_of_the_policy_to_the_next_level() -> None:
    merged = merge(SendOptions(retry=9), SendOptions(retry=Retry(limit=1, delay=7)))

    assert Retry(limit=9, delay=7) == merged.retry


@given(LEVELS, LEVELS, LEVELS)
def test_merging_does_not_depend_on_how_levels_are_grouped(
    call: SendOptions, task: SendOptions, app: SendOptions
) -> None:
    assert merge(call, merge(task, app)) == merge(merge(call, task), app)


@given(LEVELS)
def test_saying_nothing_changes_nothing(options: SendOptions) -> None:
    assert options == merge(SendOptions(), options) == merge(options, SendOptions())


@given(LEVELS)
def test_options_are_json_that_sql_can_read(options: SendOptions) -> None:
    assert options.to_mapping() == json.loads(options.to_json())


def test_exception_rules_for_one_call_are_refused_because_they_cannot_be_stored() -> None:
    refuse_rules(SendOptions(retry=Retry(limit=1)))

    with pytest.raises(UsageError, match="give them to the task"):
        refuse_rules(SendOptions(retry=Retry(never=(ValueError,))))
