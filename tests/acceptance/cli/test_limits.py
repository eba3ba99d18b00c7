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


def test_a_limit_shows_who_holds_its_slots(program: Program, sql: Sql) -> None:
    program.run("limits", "put", "openai", "--total", "1")
    program.run("queues", "put", "ai")
    (job,) = sql("SELECT howdah.send('ai', 'embed', '{}', '{\"limits\": [\"openai:ann\"]}')")[0]
    sql("SELECT howdah.send('ai', 'embed', '{}', '{\"limits\": [\"openai:ann\"]}')")
    sql(
        "UPDATE howdah.job SET state = 'active', ready_xid = NULL, started_at = howdah.now(),"
        " worker_id = 1 WHERE id = %s",
        job,
    )
    sql("INSERT INTO howdah.slot (job_id, name, key) VALUES (%s, 'openai', 'ann')", job)

    shown = program.run("limits", "show", "openai")
    document = program.run("limits", "show", "openai", "--json").json

    assert (0, "") == (shown.code, shown.err)
    assert [str(job), "embed", "ai", "ann", "1"] == shown.out.split("since")[1].split()[:5]
    assert "operator says  total=1" in shown.out
    assert ("ann", 1, 1) == tuple(
        document["keys"][0][name] for name in ("key", "running", "waiting")
    )
    assert 1 == program.run("limits", "show", "opnai").code
