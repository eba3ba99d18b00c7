"""Drives the real SQL and a small model side by side through what chance thinks of."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.integration.desk import Desk
from tests.integration.machine import SAID, Machine

MOST_ROUNDS = 10


@pytest.fixture
def machine(database_url: str, schema: str) -> Iterator[type[Machine]]:
    """The machine on this test's schema, with a clock that stands still unless it is moved."""
    Machine.desk = Desk(database_url, schema)
    Machine.sender = Desk(database_url, schema, autocommit=False)
    Machine.desk.sql("SET lock_timeout = '5s'")
    Machine.tally.clear()
    # In a table, so that moving it changes no function and spoils no plan. Later than the
    # server's start, which counts as a beat.
    Machine.desk.sql("CREATE TABLE howdah.model_clock AS SELECT 0::float8 AS seconds")
    Machine.desk.sql(
        "CREATE OR REPLACE FUNCTION howdah.now() RETURNS timestamptz LANGUAGE sql STABLE AS $$"
        "SELECT '2100-01-01Z'::timestamptz + seconds * interval '1 second' FROM howdah.model_clock"
        " $$"
    )
    yield Machine
    Machine.sender.close()
    Machine.desk.close()


def test_the_database_does_what_the_model_does(
    machine: type[Machine], request: pytest.FixtureRequest
) -> None:
    is_long = request.config.getoption("--chaos")
    examples, steps = (2_000, 60) if is_long else (60, 40)

    # The same seeds each time, so that what fails fails again; chance decides in the long run.
    for turn in range(MOST_ROUNDS):
        run_state_machine_as_test(
            machine if is_long else seed(turn)(machine),
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
        if not untried(machine) and (turn > 0 or is_long):
            break

    assert set() == untried(machine)


def untried(machine: type[Machine]) -> set[tuple[str, bool]]:
    """What was never carried out (True) or never refused (False): such a run proves little."""
    return {
        (name, done) for name in SAID for done in (True, False) if not machine.tally[name, done]
    }
