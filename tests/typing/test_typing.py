"""Both type checkers report each marked mistake in this folder, and nothing else.

A line with a mistake ends in `# error`; where only one checker sees it, in `# error: mypy` or
`# error: pyright`.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
CASES = sorted(path for path in HERE.glob("*.py") if path != Path(__file__))
MARK = re.compile(r"# error(?:: (mypy|pyright))?$")

Reports = dict[str, dict[int, str]]


@pytest.fixture(scope="module")
def mypy() -> Reports:
    """What mypy --strict says of the cases, by file and line."""
    cases = [str(path) for path in CASES]
    output = run("mypy", "--strict", "--output", "json", *cases)
    return collect(
        (item["file"], item["line"], item["message"])
        for item in map(json.loads, output.splitlines())
        if item["severity"] == "error"
    )


@pytest.fixture(scope="module")
def pyright(tmp_path_factory: pytest.TempPathFactory) -> Reports:
    """What basedpyright says of the cases, by file and line."""
    settings = {
        "include": [str(path) for path in CASES],
        "extraPaths": [str(ROOT / "src")],
        "typeCheckingMode": "standard",
        "pythonVersion": "3.11",
    }
    project = tmp_path_factory.mktemp("pyright") / "pyrightconfig.json"
    project.write_text(json.dumps(settings))
    output = run(
        "basedpyright", "--outputjson", "--project", str(project), "--pythonpath", sys.executable
    )
    return collect(
        (item["file"], item["range"]["start"]["line"] + 1, item["message"])
        for item in json.loads(output)["generalDiagnostics"]
        if item["severity"] == "error"
    )


def run(module: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    # 1 says that there are findings; anything else, that the checker itself failed.
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


def collect(findings: Iterator[tuple[str, int, str]]) -> Reports:
    found: Reports = {}
    for file, line, message in findings:
        found.setdefault(Path(file).name, {}).setdefault(line, message)
    return found


def marked(path: Path, checker: str) -> set[int]:
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
    marks = ((number, MARK.search(line)) for number, line in lines)
    return {number for number, mark in marks if mark and mark[1] in (None, checker)}


def test_there_are_mistakes_to_find() -> None:
    assert all(marked(path, "mypy") and marked(path, "pyright") for path in CASES)


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_nothing_outside_the_cases_is_reported(
    checker: str, request: pytest.FixtureRequest
) -> None:
    reports: Reports = request.getfixturevalue(checker)

    assert set() == reports.keys() - {path.name for path in CASES}


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_each_marked_mistake_is_reported_and_nothing_else(
    case: Path, checker: str, request: pytest.FixtureRequest
) -> None:
    reports: Reports = request.getfixturevalue(checker)
    reported = reports.get(case.name, {})

    missed = sorted(marked(case, checker) - reported.keys())
    surplus = {line: reported[line] for line in reported.keys() - marked(case, checker)}
    assert ([], {}) == (missed, surplus)
