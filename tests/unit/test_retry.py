"""The retry policy: what it accepts, whom it retries, and how long it waits."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from howdah._model.retry import BUILT_IN, Retry
from howdah.errors import UsageError

ATTEMPTS = st.integers(1, 10_000)
CHANCES = st.floats(0, 1, exclude_max=True)


def test_the_built_in_policy_is_three_retries_doubling_from_a_second_to_an_hour() -> None:
    assert {
        "limit": 3,
        "delay": 1.0,
        "backoff": True,
        "delay_max": 3600.0,
        "jitter": 0.5,
    } == BUILT_IN.to_mapping()


def test_a_duration_may_be_a_timedelta_or_seconds() -> None:
    assert Retry(delay=timedelta(minutes=1), delay_max=timedelta(hours=1)) == Retry(
        delay=60, delay_max=3600
    )


@pytest.mark.parametrize(
    "arguments",
    [
        {"limit": -1},
        {"limit": True},
        {"limit": 1.5},
        {"limit": 2**31},
        {"delay": -1},
        {"delay": float("nan")},
        {"delay": float("inf")},
        {"delay": 10**400},
        {"delay": "1"},
        {"delay": timedelta(days=-1)},
        {"delay_max": timedelta.max},
        {"backoff": 1},
        {"jitter": 1.1},
        {"jitter": -0.1},
        {"jitter": float("nan")},
        {"jitter": "0"},
        {"on": ("ValueError",)},
        {"never": (int,)},
        {"never": 3},
    ],
    ids=repr,
)
def test_a_value_out_of_range_is_refused(arguments: dict[str, Any]) -> None:
    (name,) = arguments
    with pytest.raises(UsageError, match=name):
        Retry(**arguments)


def test_a_single_class_may_stand_for_a_tuple_of_one() -> None:
    assert Retry(never=(KeyError,)) == Retry(never=KeyError)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("policy", "exception", "is_wanted"),
    [
        (Retry(), ValueError(), True),
        (Retry(), KeyboardInterrupt(), False),
        (Retry(on=(OSError,)), ConnectionError(), True),
        (Retry(on=(OSError,)), ValueError(), False),
        (Retry(never=(ValueError,)), UnicodeError(), False),
        (Retry(never=(ValueError,)), KeyError(), True),
        (Retry(on=(ValueError,), never=(Exception,)), ValueError(), False),
        (Retry(on=()), ValueError(), False),
    ],
)
def test_on_and_never_decide_and_never_has_the_last_word(
    policy: Retry, exception: BaseException, is_wanted: bool
) -> None:
    assert is_wanted is policy.wants(exception)


def test_the_delay_doubles_up_to_its_maximum() -> None:
    policy = Retry(delay=2, delay_max=10, jitter=0)

    assert [2, 4, 8, 10, 10] == [policy.next_delay(n, random=0.9) for n in range(1, 6)]


def test_without_backoff_the_delay_stays() -> None:
    policy = Retry(delay=2, backoff=False, jitter=0)

    assert {2} == {policy.next_delay(n, random=0) for n in range(1, 6)}


def test_jitter_takes_off_at_most_its_part() -> None:
    policy = Retry(delay=8, jitter=0.25)

    assert (8.0, 7.0) == (policy.next_delay(1, random=0.0), policy.next_delay(1, random=0.5))


@given(ATTEMPTS, CHANCES, st.floats(0, 1e6), st.floats(0, 1e6), st.floats(0, 1), st.booleans())
def test_the_delay_is_never_later_than_said_nor_earlier_than_jitter_allows(
    attempt: int, random: float, delay: float, delay_max: float, jitter: float, backoff: bool
) -> None:
    policy = Retry(delay=delay, delay_max=delay_max, jitter=jitter, backoff=backoff)
    said = Retry(delay=delay, delay_max=delay_max, jitter=0, backoff=backoff)

    waited = policy.next_delay(attempt, random=random)

    latest = said.next_delay(attempt, random=0)
    assert latest <= delay_max
    assert latest * (1 - jitter) <= waited <= latest


@given(ATTEMPTS)
def test_without_jitter_a_later_attempt_never_waits_less(attempt: int) -> None:
    policy = Retry(jitter=0)

    assert policy.next_delay(attempt, random=0) <= policy.next_delay(attempt + 1, random=0)


def test_what_is_stored_comes_back_with_the_rules_of_the_task() -> None:
    stored = Retry(limit=7, delay=2, jitter=0).to_mapping()

    assert Retry(limit=7, delay=2, jitter=0, never=(KeyError,)) == Retry(
        limit=1, never=(KeyError,)
    ).with_stored(stored)


def test_what_a_stored_policy_leaves_out_is_the_built_in_default() -> None:
    assert Retry(limit=5) == Retry(limit=9, delay=9).with_stored({"limit": 5, "other": 1})
    assert Retry() == Retry(limit=9).with_stored(None)
