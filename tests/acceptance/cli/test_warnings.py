"""`howdah warnings`: what workers warned of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.acceptance.cli.program import Program
from tests.acceptance.harness import until


def test_a_worker_that_died_is_warned_of_until_it_is_cleared(program: Program) -> None:
    program.write(
        "doomed.py",
        "import os\nfrom howdah import Howdah\napp = Howdah(schema=os.environ['HOWDAH_SCHEMA'])\n"
        "@app.task\nasync def die() -> None: os._exit(3)\n",
    )
    worker = program.start("worker", "doomed:app")
    worker.wait_for("worker.started")
    program.run("jobs", "send", "die", "--app", "doomed:app")

    told = until(lambda: program.run("warnings", "--kind", "worker_died", "--json").json)
    shown = program.run("warnings").out
    doctored = program.run("doctor").out
    worker.leave()

    assert 3 == told[0]["facts"]["exit_code"]
    assert "worker_died" in shown
    assert "worker_died" in doctored
    assert "forgot" in program.run("warnings", "--clear").out
    assert "nobody has warned" in program.run("warnings").out


def test_a_queue_has_a_number_of_its_own_until_it_is_taken_back(
    program: Program, sql: Callable[..., list[tuple[Any, ...]]]
) -> None:
    number = "SELECT warn_backlog FROM howdah.queue WHERE name = 'mail'"

    said = program.run("warnings", "--queue", "mail", "--backlog", 10, "--json").json
    assert {"queue": "mail", "backlog": 10} == said
    assert 10 == sql(number)[0][0]

    taken = program.run("warnings", "--queue", "mail", "--no-backlog").out
    assert "as their own settings say" in taken
    assert sql(number)[0][0] is None


def test_a_number_without_a_queue_is_refused(program: Program) -> None:
    refused = program.run("warnings", "--backlog", 10)

    assert 1 == refused.code
    assert "name the queue, with --queue NAME" in refused.err
