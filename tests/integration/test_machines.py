"""Does to the real SQL what chance thinks of, and holds the rows against what must always hold.

Beside test_state_machine.py, which compares the life of each job with a model of it: here are the
things that jobs have to do with each other.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.integration.desk import Desk
from tests.integration.machines.flows import Flows
from tests.integration.machines.ground import ALWAYS, CLOCK, Ground
from tests.integration.machines.lines import Lines
from tests.integration.machines.schedules import Schedules
from tests.integration.machines.windows import Windows

MOST_ROUNDS = 10


@pytest.fixture(
    params=[Lines, Flows, Schedules, Windows], ids=lambda machine: machine.__name__.lower()
)
def machine(
    database_url: str, schema: str, request: pytest.FixtureRequest
) -> Iterator[type[Ground]]:
    """A machine on this test's schema, with a clock that stands still unless it is moved."""
    made: type[Ground] = request.param
    made.desk = Desk(database_url, schema)
    made.desk.sql("SET lock_timeout = '5s'")
    made.sender = Desk(database_url, schema, autocommit=False)
    for statement in (*CLOCK, ALWAYS):
        made.desk.sql(statement)
    made.tally.clear()
    yield made
    made.sender.close()
    made.desk.close()


def test_what_must_always_hold_does(machine: type[Ground], request: pytest.FixtureRequest) -> None:
    is_long = request.config.getoption("--chaos")
    examples, steps = (2_000, 80) if is_long else (30, 50)

    # The same seeds each time, so that what fails fails again; chance decides in the long run.
    for turn in range(MOST_ROUNDS):
        run_state_machine_as_test(
            machine if is_long else seed(turn)(machine),
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps,
                deadline=None,
                phases=[Phase.generate, Phase.shrink],
                database=None,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
            ),
        )
        if machine.said <= {name for name, count in machine.tally.items() if count}:
            break

    # A run that never saw one of them proves little.
    assert machine.said <= {name for name, count in machine.tally.items() if count}
