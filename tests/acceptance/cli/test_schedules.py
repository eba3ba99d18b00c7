"""`howdah schedules`: what is listed, shown, paused, run and deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.acceptance.cli.program import Program

Sql = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def nightly(sql: Sql) -> str:
    """A schedule, put into its table."""
    sql(
        "INSERT INTO howdah.schedule (name, task, queue, cron, next_at)"
        " VALUES ('nightly', 'report', 'default', '0 3 * * *', now() + interval '1 day')"
    )
    return "nightly"


def test_schedules_are_listed(program: Program, nightly: str) -> None:
    assert "no schedules yet" not in program.run("schedules", "list").out
    assert [nightly] == [it["name"] for it in program.run("schedules", "list", "--json").json]


def test_one_is_shown_with_when_it_is_due(program: Program, nightly: str) -> None:
    shown = program.run("schedules", "show", nightly)

    assert "0 3 * * * UTC" in shown.out
    assert "report" == program.run("schedules", "show", nightly, "--json").json["task"]


def test_its_next_ticks_are_said(program: Program, nightly: str) -> None:
    found = program.run("schedules", "next", nightly, "--count", 3, "--json").json

    assert ["03:00:00+00:00"] * 3 == [tick[11:] for tick in found]
    assert 5 == program.run("schedules", "next", nightly).out.count(" 03:00:00 UTC")


def test_it_is_paused_and_resumed(program: Program, nightly: str) -> None:
    paused = program.run("schedules", "pause", nightly, "--by", "ann", "--json").json
    resumed = program.run("schedules", "resume", nightly)

    assert "ann" == paused["paused_by"]
    assert "nightly is due in " in resumed.out
    assert program.run("schedules", "show", nightly, "--json").json["paused_at"] is None


def test_it_is_run_now(program: Program, nightly: str, sql: Sql) -> None:
    done = program.run("schedules", "run-now", nightly, "--json").json

    assert done["is_new"]
    assert [(done["id"],)] == sql("SELECT id::text FROM howdah.job AS j")


def test_it_is_deleted_only_when_somebody_says_so(program: Program, nightly: str) -> None:
    asked = program.run("schedules", "delete", nightly)
    done = program.run("schedules", "delete", nightly, "--yes")

    assert (1, 0) == (asked.code, done.code)
    assert "give --yes" in asked.err
    assert "no schedules yet" in program.run("schedules", "list").out


def test_a_name_that_does_not_exist_is_one_line(program: Program, nightly: str) -> None:
    done = program.run("schedules", "show", "nihgtly")

    assert 1 == done.code
    assert "error: no schedule named 'nihgtly': did you mean 'nightly'?\n" == done.err
