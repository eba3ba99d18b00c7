"""`howdah postgres`, and how the other commands find it."""

from __future__ import annotations

from tests.acceptance.cli.program import Program


def test_a_private_postgres_lives_from_start_to_destroy(alone: Program) -> None:
    started = alone.run("postgres", "start", "--json").json
    found = alone.run("postgres", "status", "--json").json
    stopped = alone.run("postgres", "stop", "--json").json
    after = alone.run("postgres", "status", "--json").json
    destroyed = alone.run("postgres", "destroy", "--yes", "--json").json

    assert started["url"] == found["url"]
    assert (True, True, False) == (found["running"], found["keep"], after["running"])
    assert ({"stopped": True}, {"destroyed": True}) == (stopped, destroyed)


def test_start_says_how_it_is_used(alone: Program) -> None:
    said = alone.run("postgres", "start").out

    assert "export HOWDAH_DATABASE_URL='postgresql://" in said


def test_commands_find_the_private_postgres_of_their_folder(alone: Program) -> None:
    alone.run("postgres", "start")
    alone.run("migrate")

    assert [] == alone.run("jobs", "list", "--json").json["jobs"]


def test_nothing_is_destroyed_unasked(alone: Program) -> None:
    alone.run("postgres", "start")

    refused = alone.run("postgres", "destroy")

    assert 1 == refused.code
    assert alone.run("postgres", "status", "--json").json["running"]
