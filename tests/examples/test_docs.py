"""Everything that README and docs show can be done: code runs, commands and links exist."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import django
import psycopg
import pytest
from django.conf import settings
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper

from howdah._db.migrate import migrate
from howdah.client import URL_VARIABLE
from howdah.embedded import Cluster
from tests.contract.drivers import django_settings
from tests.examples import commands
from tests.examples.snippets import Block, Snippets, blocks_of

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
RUN = {"python", "sql"}
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def document(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for what a document writes; the user of a private Postgres can pass through it."""
    made = Path(tempfile.mkdtemp(prefix="howdah-docs-"))
    made.chmod(0o711)
    yield made
    Cluster(made / ".howdah").destroy()
    shutil.rmtree(made)


@pytest.fixture
def url(cluster: Cluster) -> Iterator[str]:
    """A database of a document's own, with Howdah in it."""
    server = cluster.status().url
    assert server is not None
    name = f"docs_{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        roles = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
        connection.execute(f"CREATE DATABASE {name}".encode())
        made = url_of(server, name)
        migrate(made)
        yield made
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
        for (role,) in connection.execute("SELECT rolname FROM pg_roles").fetchall():
            if role not in roles:
                connection.execute(f'DROP ROLE "{role}"'.encode())


def url_of(server: str, database: str) -> str:
    """The URL of another database on the same server."""
    head, _, query = server.partition("?")
    return f"{head.rpartition('/')[0]}/{database}?{query}"


@contextmanager
def django_at(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let Django's default connection be to this database, as a project's settings would."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    if not settings.configured:
        settings.configure(USE_TZ=True)
        django.setup()
    before = connections["default"]
    connections["default"] = DatabaseWrapper(django_settings(url), "default")
    yield
    connections["default"].close()
    connections["default"] = before


@pytest.mark.parametrize("path", DOCUMENTS, ids=named)
async def test_every_snippet_does_what_it_says(
    path: Path, url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(URL_VARIABLE, url)
    monkeypatch.chdir(folder)
    snippets = Snippets(path, url)
    with django_at(url, monkeypatch):
        try:
            for block in blocks_of(document(path)):
                if block.language in RUN:
                    await snippets.run(block)
        finally:
            await snippets.close()


@pytest.mark.parametrize("path", DOCUMENTS, ids=named)
def test_every_command_exists(path: Path) -> None:
    text = document(path)
    shown = [b.text for b in blocks_of(text) if b.language == "console"]
    lines = [*commands.inline_in(text), *(line for it in shown for line in commands.lines_of(it))]

    complaints = {line: commands.complaint(line) for line in lines}

    assert {} == {line: why for line, why in complaints.items() if why}


@pytest.mark.parametrize("path", DOCUMENTS, ids=named)
def test_every_link_leads_somewhere(path: Path) -> None:
    targets = [t for t in LINK.findall(document(path)) if "://" not in t]

    lost = [target for target in targets if not leads_somewhere(path, target)]

    assert [] == lost


def leads_somewhere(path: Path, target: str) -> bool:
    """Whether a relative link names a file that is there, and a heading in it."""
    name, _, anchor = target.partition("#")
    found = (path.parent / name).resolve() if name else path
    return found.exists() and (not anchor or anchor in anchors_of(document(found)))


def anchors_of(markdown: str) -> set[str]:
    """The names that headings get."""
    headings = re.findall(r"^#+ (.*)$", markdown, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


async def test_a_snippet_that_does_not_fail_as_it_says_is_noticed(url: str) -> None:
    await check_refused(url, "python", "x = 1\n# ValueError: no\n", "it was to fail")


async def test_a_snippet_that_fails_otherwise_is_noticed(url: str) -> None:
    await check_refused(url, "python", "int('a')\n# ValueError: other\n", "expected 'other'")


async def test_a_snippet_that_prints_something_else_is_noticed(url: str) -> None:
    await check_refused(url, "python", "print(1)  # 2\n", "expected '2', found '1'")


async def test_a_snippet_that_fails_is_noticed(url: str) -> None:
    await check_refused(url, "python", "x = 1\nnothing\n", "snippet.md:2: NameError")


async def test_sql_that_fails_is_noticed(url: str) -> None:
    await check_refused(url, "sql", "SELECT howdah.nothing();\n", "does not exist")


def test_a_command_or_option_that_does_not_exist_is_noticed() -> None:
    wrong = ["howdah wurker", "howdah jobs lisst", "howdah worker --processses 2", "scripts/x", "x"]

    assert [] == [line for line in wrong if commands.complaint(line) is None]


def test_a_link_to_nowhere_is_noticed() -> None:
    here = ROOT / "README.md"

    assert not leads_somewhere(here, "docs/nothing.md")
    assert not leads_somewhere(here, "docs/embedded.md#nothing")


async def check_refused(url: str, language: str, text: str, why: str) -> None:
    snippets = Snippets(Path("snippet.md"), url)

    with pytest.raises(AssertionError, match=re.escape(why)):
        await snippets.run(Block(language, text, 1))
