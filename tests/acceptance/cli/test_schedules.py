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


def test_one_is_put_with_what_its_app_says(program: Program) -> None:
    said = ("--tz", "Europe/Paris", "--overlap", "skip", "--catch-up", "all")
    more = ("--catch-up-limit", "7", "--jitter", "10m", "--key", "k", "--priority", "3")
    put = program.run(
        "schedules", "put", "greet", "welcome", "0 6 * * *", "email=a@x.org", "zip=0123",
        *said, *more, "--retry", "2", "--app", "shop:app", "--json",
    )  # fmt: skip
    kept = program.run("schedules", "show", "greet", "--json").json

    assert kept == {**put.json, "read_at": kept["read_at"]}
    assert ("welcome", "mail", {"email": "a@x.org", "zip": "0123"}) == (
        kept["task"], kept["queue"], kept["args"],
    )  # fmt: skip
    assert ("0 6 * * *", "Europe/Paris", "skip", "all", 7, 600.0, "runtime") == tuple(
        kept[name]
        for name in ("cron", "tz", "overlap", "catch_up", "catch_up_limit", "jitter", "source")
    )
    assert ("k", 3, 2) == (
        kept["options"]["key"], kept["options"]["priority"], kept["options"]["retry"]["limit"],
    )  # fmt: skip


def test_one_takes_the_place_of_the_one_of_its_name(program: Program, nightly: str) -> None:
    put = program.run(
        "schedules", "put", nightly, "report", "15m", '{"kind": "all"}', "--queue", "q", "--paused"
    )
    kept = program.run("schedules", "show", nightly, "--json").json

    assert (0, "nightly is paused\n") == (put.code, put.out)
    assert (900, None, "q", {"kind": "all"}, True) == (
        kept["every"], kept["cron"], kept["queue"], kept["args"], kept["paused_at"] is not None,
    )  # fmt: skip
    again = program.run("schedules", "put", nightly, "report", "@daily")
    assert "nightly is paused" in again.out


def test_of_a_task_that_nobody_knows_it_is_said(program: Program, sql: Sql) -> None:
    sql("""INSERT INTO howdah.worker (lease, pid, host, concurrency, queues, version, tasks)
           VALUES (interval '1 hour', 1, 'h', 1, '{}', 'v', '{report}')""")

    put = program.run("schedules", "put", "often", "reprot", "15m")

    assert (0, True) == (put.code, "often is due in " in put.out)
    assert "no job or worker knows task 'reprot' yet; did you mean 'report'?" in put.err


SLIPS = [
    (("often", "wellcome", "15m", "--app", "shop:app"), "did you mean 'welcome'?"),
    (("often", "welcome", "15m", "--app", "shop:app"), "email"),
    (("often", "welcome", "15m", "email=x", "--app", "shop:app", "-q", "q"), "leave out --queue"),
    (("often", "report", "0 25 * * *"), "cannot use the cron expression '0 25 * * *': its hour"),
    (("often", "report", "0 6 * *"), "it has 4 fields, and needs five"),
    (("often", "report", "0", "6", "*", "*"), "put a cron expression in quotes"),
    (("often", "report", "@dayly"), "the aliases are @yearly"),
    (("often", "report", "0.5s"), "an interval has one or more whole seconds"),
    (("often", "report", "@daily", "--tz", "Europe/Pariss"), "did you mean 'Europe/Paris'?"),
    (("often", "report", "@daily", "--overlap", "maybe"), "overlap='maybe'"),
    (("often", "report", "@daily", "--catch-up", "some"), "catch_up='some'"),
    (("often", "report", "@daily", "--jitter", "soon"), "cannot read 'soon' as a duration"),
    (("often", "report", "@daily", "kind"), "cannot read argument 'kind'"),
]


def test_slips_are_told_and_store_nothing(program: Program) -> None:
    for said, why in SLIPS:
        refused = program.run("schedules", "put", *said)

        assert (1, True, said) == (refused.code, why in refused.err, said), refused.err
    assert "no schedules yet" in program.run("schedules", "list").out


def test_a_name_that_does_not_exist_is_one_line(program: Program, nightly: str) -> None:
    done = program.run("schedules", "show", "nihgtly")

    assert 1 == done.code
    assert "error: no schedule named 'nihgtly': did you mean 'nightly'?\n" == done.err
