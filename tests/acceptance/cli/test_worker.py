"""`howdah worker`, from its start to its exit code."""

from __future__ import annotations

import sys

import pytest

from tests.acceptance.cli.program import Program
from tests.acceptance.harness import until


def test_a_worker_runs_jobs_until_sigterm_and_leaves_with_zero(program: Program) -> None:
    worker = program.start("worker", "shop:app")
    worker.wait_for("worker.started")
    job = program.run("jobs", "send", "welcome", "email=ann@example.com", "--app", "shop:app")

    ended = worker.wait_for("job.completed")

    assert job.out.strip() == ended["job"]
    assert 0 == worker.leave()


def test_a_failure_that_is_retried_is_a_warning_and_one_that_is_not_an_error(
    program: Program,
) -> None:
    worker = program.start("worker", "shop:app")
    program.run("jobs", "send", "broken", "n=1", "--app", "shop:app")

    failed = worker.wait_for("job.failed")
    retried = worker.wait_for("job.retried")

    assert ("warning", "error") == (retried["level"], failed["level"])
    assert "RuntimeError" in failed["error"]
    assert "Traceback" in failed["traceback"]


def test_each_process_executes_as_a_worker_of_its_own(program: Program) -> None:
    worker = program.start("worker", "shop:app", "--processes", "2")

    worker.wait_for("worker.started", times=2)

    assert 2 == len({line["worker"] for line in worker.log("worker.started")})
    assert 2 == len([one for one in program.run("workers", "--json").json if one["is_alive"]])


def test_a_worker_serves_only_the_queues_it_is_given(program: Program) -> None:
    worker = program.start("worker", "shop:app", "--queues", "mail=3,other")

    started = worker.wait_for("worker.started")

    assert {"mail", "other"} == set(started["queues"].split(","))


def test_a_worker_refuses_a_schema_that_is_not_there_and_says_the_command(
    program: Program,
) -> None:
    program.environment["HOWDAH_SCHEMA"] = "not there"

    refused = program.run("worker", "shop:app")

    assert 1 == refused.code
    assert (
        "error: there is no Howdah schema 'not there' in this database:"
        " run `howdah migrate --schema 'not there'`" in refused.err
    )
    assert "Traceback" not in refused.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere:app",), "cannot import 'nowhere'"),
        (("shop:ap",), "did you mean shop:app?"),
        (("shop:welcome",), "not a Howdah app"),
        (("shop:app", "--queues", "mail=x"), "cannot read 'mail=x'"),
        (("shop:app", "--log-level", "loud"), "cannot log at level 'loud'"),
        ((), "which app?"),
    ],
)
def test_a_wrong_app_or_option_ends_with_78(
    program: Program, words: tuple[str, ...], said: str
) -> None:
    refused = program.run("worker", *words)

    assert 78 == refused.code
    assert said in refused.err


def test_an_app_whose_code_fails_shows_where_and_ends_with_78(program: Program) -> None:
    program.write("shop.py", "prices = {}\nprices['tea']\n")

    refused = program.run("worker", "shop:app")

    assert 78 == refused.code
    assert "KeyError: 'tea'" in refused.err
    assert "howdah/cli" not in refused.err


def test_an_unreachable_database_is_one_readable_line(program: Program) -> None:
    refused = program.run("worker", "shop:app", "--url", "postgresql://nobody@127.0.0.1:1/none")

    assert 1 == refused.code
    (line,) = refused.err.splitlines()
    assert line.startswith("error: ")


def test_log_lines_are_json_where_nobody_looks_and_text_where_asked(program: Program) -> None:
    worker = program.start("worker", "shop:app", "--log-format", "text")

    until(lambda: "info    worker.started worker=" in worker.text, what=lambda: worker.text)

    assert 0 == worker.leave()


def test_logging_that_the_app_has_set_up_is_left_as_it_is(program: Program) -> None:
    shop = (program.folder / "shop.py").read_text()
    program.write(
        "shop.py", f"import logging\nlogging.basicConfig(format='MINE %(message)s')\n{shop}"
    )

    worker = program.start("worker", "shop:app")

    until(lambda: "MINE worker.started worker=" in worker.text, what=lambda: worker.text)


def test_the_app_is_found_in_pyproject_also_from_a_folder_below(program: Program) -> None:
    program.write("pyproject.toml", '[tool.howdah]\napp = "shop:app"\n')
    (program.folder / "below").mkdir()
    program.folder /= "below"

    worker = program.start("worker")

    worker.wait_for("worker.started")


def test_python_m_howdah_is_howdah(program: Program) -> None:
    listed = program.run("jobs", "list", "--json", command=[sys.executable, "-m", "howdah"])

    assert [] == listed.json["jobs"]
