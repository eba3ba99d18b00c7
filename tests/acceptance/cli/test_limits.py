"""`howdah limits`: what an operator says of limits."""

from __future__ import annotations

from collections.abc import Callable

from tests.acceptance.cli.program import Program

Sql = Callable[..., list[tuple]]


def test_a_limit_that_no_code_has_is_kept_and_doubted(program: Program, sql: Sql) -> None:
    sql("INSERT INTO howdah.quota (name, code) VALUES ('openai', '{\"total\": 5}')")

    known = program.run("limits", "put", "openai", "--total", "2")
    slip = program.run("limits", "put", "opnai", "--total", "2", "--json")

    assert (0, "") == (known.code, known.err)
    assert (0, 2) == (slip.code, slip.json[0]["total"])
    assert "no code has defined limit 'opnai' yet; did you mean 'openai'?" in slip.err


def test_the_window_of_a_rate_is_written_as_people_do(program: Program) -> None:
    put = program.run("limits", "put", "mails", "--rate", "100", "--per", "10m", "--json")

    assert 600 == put.json[0]["per"]
