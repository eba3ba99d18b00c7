"""The commands: all are listed, all can be imported, and errors are one line."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator

import pytest

import howdah
from howdah.cli import main as program
from howdah.cli.jobs import COMMANDS as JOB_COMMANDS
from howdah.cli.limits import COMMANDS as LIMIT_COMMANDS
from howdah.cli.main import COMMANDS, command
from howdah.cli.postgres import COMMANDS as POSTGRES_COMMANDS
from howdah.cli.queues import COMMANDS as QUEUE_COMMANDS
from howdah.cli.schedules import COMMANDS as SCHEDULE_COMMANDS
from howdah.cli.workers import COMMANDS as WORKER_COMMANDS

Run = Callable[..., tuple[int, str, str]]

LINES = [
    *([entry.name] for entry in COMMANDS),
    *(["jobs", entry.name] for entry in JOB_COMMANDS),
    *(["postgres", entry.name] for entry in POSTGRES_COMMANDS),
    *(["schedules", entry.name] for entry in SCHEDULE_COMMANDS),
    *(["queues", entry.name] for entry in QUEUE_COMMANDS),
    *(["limits", entry.name] for entry in LIMIT_COMMANDS),
    *(["workers", entry.name] for entry in WORKER_COMMANDS),
]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Run the program here; answers with its exit code, output and errors."""
    # Set and taken back, so that what the program sets is taken back too.
    monkeypatch.setenv("HOWDAH_DEBUG", "")

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["howdah", *words])
        with pytest.raises(SystemExit) as left:
            program.main()
        said = capsys.readouterr()
        return int(left.value.code or 0), said.out, said.err

    yield call
    os.environ.pop("HOWDAH_DEBUG", None)


def test_help_lists_every_command_with_a_line(run: Run) -> None:
    code, out, _ = run("--help")

    assert 0 == code
    for entry in COMMANDS:
        assert entry.name in out
        assert entry.help in out


@pytest.mark.parametrize("words", LINES, ids=" ".join)
def test_every_command_has_help_of_its_own(run: Run, words: list[str]) -> None:
    code, out, _ = run(*words, "--help")

    assert 0 == code
    assert f"howdah {' '.join(words)}" in out


@pytest.mark.parametrize("words", LINES, ids=" ".join)
def test_help_speaks_of_no_types_of_python(run: Run, words: list[str]) -> None:
    _, out, _ = run(*words, "--help")

    assert "<" not in out


@pytest.mark.parametrize("group", ["jobs", "queues", "limits", "workers", "schedules"])
def test_a_group_without_a_command_lists(run: Run, group: str) -> None:
    words = ("--url", "postgresql://x@127.0.0.1:1/x", "--schema", "y")

    assert run(group, "list", *words) == run(group, *words)
    assert "list" in run(group, "--help")[1]


@pytest.mark.parametrize(
    "words", [line for line in LINES if line[0] not in {"worker", "dev"}], ids=" ".join
)
def test_every_command_that_answers_can_answer_in_json(run: Run, words: list[str]) -> None:
    _, out, _ = run(*words, "--help")

    assert "--json" in out or "COMMAND" in out


def test_a_command_that_does_not_exist_gets_a_suggestion_and_exit_code_2(run: Run) -> None:
    code, _, err = run("wroker")

    assert 2 == code
    assert "Did you mean 'worker'" in err


def test_an_option_that_does_not_exist_is_exit_code_2(run: Run) -> None:
    assert 2 == run("jobs", "list", "--nope")[0]


def test_an_error_of_ours_is_one_line_and_exit_code_1(run: Run) -> None:
    code, out, err = run(
        "jobs", "send", "task", "no-equals-sign", "--url", "postgresql://x", "--schema", "y"
    )

    assert (1, "") == (code, out)
    assert err.startswith("error: cannot read argument 'no-equals-sign'")
    assert 1 == err.count("\n")


def test_debug_shows_the_traceback_wherever_it_stands(run: Run) -> None:
    _, _, err = run(
        "jobs", "send", "task", "x", "--url", "postgresql://x", "--schema", "y", "--debug"
    )

    assert err.startswith("Traceback")
    assert "\nerror: cannot read argument 'x'" in err


def test_debug_behind_two_dashes_belongs_to_somebody_else() -> None:
    assert ["dev", "--", "--debug"] == program._without_debug(["dev", "--", "--debug"])


def test_version_is_the_package_version(run: Run) -> None:
    code, out, _ = run("--version")

    assert 0 == code
    assert out.startswith("howdah 0.")


def test_names_in_help_are_those_that_exist() -> None:
    names = list(command().commands)

    assert [entry.name for entry in COMMANDS] == names


def test_the_package_gives_every_name_it_promises() -> None:
    assert all(getattr(howdah, name) is not None for name in howdah.__all__)
    assert set(howdah.__all__) <= set(dir(howdah))


def test_the_package_refuses_a_name_it_does_not_have() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        howdah.Nothing  # noqa: B018
