"""Finds the code blocks of a Markdown file, and runs them.

A document is one program: its Python blocks share their names and run in order, with `await` at
the top level. Comments in them are claims, and held to:

- `# with a worker running` as the first line runs the block while a worker serves `app`.
- `print(...)  # text` must print that text.
- `# SomeError: message` below a statement says how it must fail.

In SQL blocks `-- ERROR: message` says the same. Wherever a text is compared, `...` stands for
anything, and how it is broken into lines does not matter.
"""

from __future__ import annotations

import ast
import inspect
import io
import re
import types
from collections.abc import Iterator
from contextlib import asynccontextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from howdah import Howdah, WorkerSettings
from howdah.lifespan import working

_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_WORKER = "# with a worker running"
_FAILS = re.compile(r"(\w+Error): (.*)", re.DOTALL)
_PRINTED = re.compile(r"\)\s+# (.*)$")
_SQL_FAILS = re.compile(r"^-- ERROR: (.*(?:\n--   .*)*)", re.MULTILINE)

SETTINGS = WorkerSettings(poll=0.1, grace=1.0)


@dataclass(frozen=True)
class Block:
    """One code block: its language, its text, and the line of the file on which it begins."""

    language: str
    text: str
    line: int


def blocks_of(markdown: str) -> list[Block]:
    """The code blocks of a document, in order."""
    return [
        Block(found[1], found[2], markdown.count("\n", 0, found.start(2)) + 1)
        for found in _FENCE.finditer(markdown)
    ]


class Snippets:
    """Runs the blocks of one document on a database of its own."""

    def __init__(self, path: Path, url: str) -> None:
        self._path = path
        self._url = url
        self.names: dict[str, Any] = {"__name__": f"snippets_of_{path.stem}"}

    async def run(self, block: Block) -> None:
        """Run one Python or SQL block.

        Raises:
            AssertionError: It did not do what it says.
        """
        if block.language == "sql":
            self._run_sql(block)
            return
        async with self._worker_for(block):
            for statement, claim in _statements(block):
                await self._run_statement(statement, claim, block)

    async def close(self) -> None:
        """Close what the apps of the document opened."""
        for value in list(self.names.values()):
            if isinstance(value, Howdah):
                await value.close()

    @asynccontextmanager
    async def _worker_for(self, block: Block) -> Any:
        if not block.text.startswith(_WORKER):
            yield
            return
        async with working(self.names["app"], SETTINGS):
            yield

    async def _run_statement(self, statement: ast.stmt, claim: str, block: Block) -> None:
        code = compile(
            ast.Module([statement], []),
            f"{self._path.name} (block at line {block.line})",
            "exec",
            flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
            dont_inherit=True,
        )
        where = f"{self._path.name}:{block.line + statement.lineno - 1}"
        expected = _FAILS.fullmatch(claim)
        output = io.StringIO()
        failure: Exception | None = None
        try:
            with redirect_stdout(output):
                await _execute(code, self.names)
        except Exception as error:
            failure = error
        if expected:
            assert failure, f"{where}: it was to fail with {claim}"
            assert expected[1] == type(failure).__name__, f"{where}: {failure!r}"
            _compare(where, expected[2], str(failure))
        elif failure:
            raise AssertionError(f"{where}: {type(failure).__name__}: {failure}") from failure
        elif claim:
            _compare(where, claim, output.getvalue())

    def _run_sql(self, block: Block) -> None:
        where = f"{self._path.name}:{block.line}"
        expected = _SQL_FAILS.search(block.text)
        failure: psycopg.Error | None = None
        with psycopg.connect(self._url, autocommit=True) as connection:
            try:
                connection.execute(block.text.encode())
            except psycopg.Error as error:
                failure = error
        if expected:
            assert failure, f"{where}: it was to fail with {expected[1]}"
            said = failure.diag.message_primary or str(failure)
            _compare(where, expected[1].replace("\n--", ""), said)
        elif failure:
            raise AssertionError(f"{where}: {failure}") from failure


def _statements(block: Block) -> Iterator[tuple[ast.stmt, str]]:
    """Each statement of a block, with what the comment at its end or below it claims."""
    lines = block.text.splitlines()
    body = ast.parse(block.text).body
    for statement, following in zip(body, [*body[1:], None], strict=True):
        end = statement.end_lineno or statement.lineno
        below = lines[end : following.lineno - 1 if following else None]
        comment = " ".join(line.removeprefix("#").strip() for line in below if line[:1] == "#")
        printed = _PRINTED.search(lines[end - 1]) if _is_print(statement) else None
        fails = _FAILS.match(comment)
        yield statement, printed[1] if printed else comment if fails else ""


def _is_print(statement: ast.stmt) -> bool:
    call = statement.value if isinstance(statement, ast.Expr) else None
    return (
        isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "print"
    )


async def _execute(code: types.CodeType, names: dict[str, Any]) -> None:
    answer = eval(code, names)
    if code.co_flags & inspect.CO_COROUTINE:
        await answer


def _compare(where: str, expected: str, found: str) -> None:
    parts = [re.escape(" ".join(part.split())) for part in expected.split("...")]
    said = " ".join(found.split())
    assert re.fullmatch(r"\s?.*?\s?".join(parts), said), (
        f"{where}: expected {expected!r}, found {said!r}"
    )
