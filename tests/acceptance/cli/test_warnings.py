"""`howdah warnings`: what workers warned of."""

from __future__ import annotations

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
