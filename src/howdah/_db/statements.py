"""Loads the `.sql` files, puts the schema in, and renders parameters for each kind of driver.

A file is read once and cut into pieces: code, string literals and comments, quoted names, and
parameters. `howdah.` becomes the configured schema in code only, and `:name` is a parameter in
code only. The text that a driver sees is rendered from the pieces, so a schema name that holds a
percent sign or a colon is harmless.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Literal

from howdah.errors import ConfigError, UsageError

Style = Literal["psycopg", "asyncpg"]

DEFAULT_SCHEMA = "howdah"
MAX_NAME_BYTES = 63

_TOKEN = re.compile(
    r"""
      (?P<comment>--[^\n]*|/\*(?:(?!/\*|\*/).|/\*.*?\*/)*\*/)
    | (?P<string>(?<!\w)[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*')
    | (?P<quoted>"(?:[^"]|"")*")
    | (?P<cast>::)
    | (?P<param>(?<![:\w]):[a-z_][a-z0-9_]*)
    | (?P<schema>(?<![\w."])howdah(?=\.[a-z_"]))
    """,
    re.VERBOSE | re.DOTALL,
)
_DOLLAR_QUOTE = re.compile(r"\$\w*\$")
_PARAM = re.compile(r"(?<![:\w]):[a-z_][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of text that is passed on as it is, or the name of a parameter, or the schema."""

    kind: Literal["text", "param", "schema"]
    value: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """A statement in the words of one driver.

    Attributes:
        text: What the driver is given.
        order: The parameters by position, for drivers that count them.
    """

    text: str
    order: tuple[str, ...]


def quote_name(name: str) -> str:
    """Quote an identifier for SQL.

    Raises:
        ConfigError: Postgres cannot hold the name as it is.
    """
    try:
        fits = 0 < len(name.encode()) <= MAX_NAME_BYTES and "\x00" not in name
    except UnicodeEncodeError:
        fits = False
    # Functions name the schema inside their dollar-quoted bodies, which `$$` would end.
    if not fits or _DOLLAR_QUOTE.search(name):
        raise ConfigError(
            f"cannot use {name!r} as a schema name: it must have 1 to {MAX_NAME_BYTES} bytes"
            " of valid text, with no NUL character and no dollar quote; choose another `schema=`"
        )
    return '"' + name.replace('"', '""') + '"'


def quote_literal(text: str) -> str:
    """Quote a string for SQL, for scripts that cannot take parameters."""
    return "'" + text.replace("'", "''") + "'"


def parse(sql: str, *, where: str = "statement") -> tuple[Piece, ...]:
    """Cut a statement into pieces.

    Dollar-quoted bodies count as code: the functions that live in the database name the schema too.

    Raises:
        UsageError: A `:name` stands inside a string literal, where it would not be a parameter.
    """
    pieces: list[Piece] = []
    at = 0
    for match in _TOKEN.finditer(sql):
        if match.start() > at:
            pieces.append(Piece("text", sql[at : match.start()]))
        at = match.end()
        token = match.group()
        if match.lastgroup == "param":
            pieces.append(Piece("param", token[1:]))
        elif match.lastgroup == "schema":
            pieces.append(Piece("schema", token))
        elif match.lastgroup == "string" and _PARAM.search(token):
            raise UsageError(
                f"{where}: {token} holds what looks like a parameter, which a string literal"
                " cannot; write it outside the quotes"
            )
        else:
            # A comment parts two words as a space does.
            pieces.append(Piece("text", " " if match.lastgroup == "comment" else token))
    pieces.append(Piece("text", sql[at:]))
    return tuple(piece for piece in pieces if piece.value)


@cache
def load(statement: str) -> tuple[Piece, ...]:
    """Read and cut the file of a statement."""
    path = files("howdah").joinpath("sql", *f"{statement}.sql".split("/"))
    return parse(path.read_text(encoding="utf-8"), where=f"sql/{statement}.sql")


@lru_cache(maxsize=2048)
def render(statement: str, schema: str, style: Style) -> Rendered:
    """Render a statement file for one schema and one kind of driver."""
    return render_pieces(load(statement), schema, style)


def render_pieces(pieces: tuple[Piece, ...], schema: str, style: Style) -> Rendered:
    """Render pieces for one schema and one kind of driver."""
    order: list[str] = []
    out: list[str] = []
    for piece in pieces:
        if piece.kind == "param":
            if piece.value not in order:
                order.append(piece.value)
            out.append(_placeholder(piece.value, order, style))
        else:
            text = quote_name(schema) if piece.kind == "schema" else piece.value
            out.append(_escape(text, style))
    return Rendered("".join(out).strip(), tuple(order))


def render_script(sql: str, schema: str) -> str:
    """Put the schema into a script that takes no parameters, such as a migration."""
    return "".join(
        quote_name(schema) if piece.kind == "schema" else piece.value for piece in parse_script(sql)
    )


@lru_cache(maxsize=8)
def parse_script(sql: str) -> tuple[Piece, ...]:
    """Cut a script in which a colon never means a parameter and comments are kept."""
    pieces: list[Piece] = []
    at = 0
    for match in _TOKEN.finditer(sql):
        pieces.append(Piece("text", sql[at : match.start()]))
        at = match.end()
        kind: Literal["text", "schema"] = "schema" if match.lastgroup == "schema" else "text"
        pieces.append(Piece(kind, match.group()))
    pieces.append(Piece("text", sql[at:]))
    return tuple(piece for piece in pieces if piece.value)


def _placeholder(name: str, order: list[str], style: Style) -> str:
    if style == "psycopg":
        return f"%({name})s"
    return f"${order.index(name) + 1}"


def _escape(text: str, style: Style) -> str:
    return text.replace("%", "%%") if style == "psycopg" else text
