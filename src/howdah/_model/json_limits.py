"""What JSON in Postgres cannot hold, and where in a value it stands.

Values are encoded first and the text is searched for the traces that trouble leaves, which costs
a few substring searches. Only a text with a trace is worth the walk through the value that names
the offender, or finds that there is none: a user may well be called "NaN".
"""

from __future__ import annotations

import json
import math
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from decimal import Decimal
from enum import Enum

import pydantic_core
from pydantic import BaseModel, RootModel, Secret, SecretBytes, SecretStr

MAX_DEPTH = 100
MAX_INT_DIGITS = 4300
DEFAULT_LIMIT = 1024 * 1024

# A digit run of this length is the shortest trace of an integer that Python refuses to read back.
_LONG_DIGITS = re.compile(f"[0-9]{{{MAX_INT_DIGITS + 1}}}")
_TOO_LONG = 10**MAX_INT_DIGITS
# Below this length a text can hold neither 101 levels nor an overlong integer.
_SHORT = 2 * MAX_DEPTH

_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"')
_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SURROGATE = re.compile("[\ud800-\udfff]")
_SECRETS = (SecretStr, SecretBytes, Secret)
_LISTS = (list, tuple, set, frozenset, deque)


@dataclass(frozen=True, slots=True)
class Offence:
    """A value that cannot be stored.

    Attributes:
        path: Where it stands, such as `user.tags[3]`.
        reason: What is wrong and what to do, to be read after the path.
    """

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class _Place:
    """A step of a path; linked, not a string, because a walk visits many and prints at most one."""

    parent: _Place | None
    key: object
    depth: int

    def __str__(self) -> str:
        keys: list[object] = []
        place: _Place | None = self
        while place is not None:
            keys.append(place.key)
            place = place.parent
        return _render_path(reversed(keys))


class _Inside:
    """Stands for the step into an Enum or a RootModel, which leaves no mark in the JSON."""


_INSIDE = _Inside()


def is_suspect(text: str) -> bool:
    r"""Tell whether an encoded text may hold what cannot be stored.

    True is a reason to look, not a verdict: `\\u0000` may be six harmless characters. False is
    a promise, for texts that pydantic wrote: no NUL, NaN, infinity, mask of a secret, overlong
    integer or level below MAX_DEPTH.
    """
    return _has_trace(text) or (len(text) > _SHORT and _is_deep_or_long(text))


def are_suspect(texts: Sequence[str]) -> bool:
    """Tell whether any of many encoded texts may hold what cannot be stored.

    As `is_suspect` of each, in a tenth of the time where all are short.
    """
    return _has_trace("".join(texts)) or any(
        _is_deep_or_long(text) for text in texts if len(text) > _SHORT
    )


def find_offence(value: object, *, root: str = "") -> Offence | None:
    """Find the first value, in the order of the JSON text, that cannot be stored.

    Args:
        value: What is to be stored, before encoding.
        root: The name of `value` itself; empty when it is the mapping of arguments.
    """
    return _walk(value, root, _offence_of)


def find_unencodable(value: object, *, root: str = "") -> Offence | None:
    """Find the first value for which there is no JSON form at all."""
    return _walk(value, root, _reason_unencodable)


def find_offence_in_text(text: str, *, root: str = "") -> Offence | None:
    """Find what `find_offence` finds, in the encoded text.

    A serializer of the user's may write what the value itself does not show.
    """
    return find_offence(json.loads(text, parse_int=_parse_int), root=root)


def path_of(location: Iterable[object]) -> str:
    """Write a location, as pydantic reports it, as a path."""
    return _render_path(location)


def _parse_int(digits: str) -> int:
    # Python refuses to parse an overlong integer; that it is one is all that matters here.
    return int(digits) if len(digits.lstrip("-")) <= MAX_INT_DIGITS else _TOO_LONG


def _has_trace(text: str) -> bool:
    return "\\u0000" in text or "NaN" in text or "Infinity" in text or "****" in text


def _is_deep_or_long(text: str) -> bool:
    many_levels = text.count("[") + text.count("{") > MAX_DEPTH
    return (many_levels and _is_deep(text)) or (
        len(text) > MAX_INT_DIGITS and _LONG_DIGITS.search(text) is not None
    )


def _is_deep(text: str) -> bool:
    brackets = _STRING.sub("", text).encode().translate(_ONE_KIND, _NOT_BRACKETS)
    # Each pass peels the innermost level off every branch, so a flat text of any length is quick.
    for _ in range(MAX_DEPTH):
        if not brackets:
            return False
        brackets = brackets.replace(b"[]", b"")
    return bool(brackets)


def _walk(value: object, root: str, judge: Callable[[object], str | None]) -> Offence | None:
    start = _Place(None, root, 0) if root else None
    stack: list[tuple[object, _Place | None]] = [(value, start)]
    while stack:
        current, place = stack.pop()
        depth = place.depth if place is not None else 0
        reason = judge(current)
        children = None if reason else _children_of(current)
        if children is not None:
            if depth >= MAX_DEPTH:
                return Offence(str(place)[:_SHOWN_OF_DEEP] + "...", _TOO_DEEP)
            step = [
                (child, _Place(place, key, depth + (key is not _INSIDE))) for key, child in children
            ]
            for _, at in step:
                if at.key is not _INSIDE and (bad := judge(at.key)):
                    return Offence(str(at), f"stands under a key that {bad}")
            stack.extend(reversed(step))
        elif reason:
            return Offence(str(place) if place is not None else root, reason)
    return None


def _children_of(value: object) -> Iterator[tuple[object, object]] | None:
    if isinstance(value, Mapping):
        return iter(value.items())
    if isinstance(value, _LISTS):
        return iter(enumerate(value))
    if isinstance(value, RootModel):
        return iter([(_INSIDE, value.root)])
    if isinstance(value, BaseModel):
        return iter([*vars(value).items(), *(value.model_extra or {}).items()])
    if isinstance(value, Enum):
        return iter([(_INSIDE, value.value)])
    if is_dataclass(value) and not isinstance(value, type):
        return iter([(f.name, getattr(value, f.name, None)) for f in fields(value)])
    return None


_SHOWN_OF_DEEP = 60
_TOO_DEEP = f"is nested deeper than {MAX_DEPTH} levels, or holds itself; send it flatter"


def _offence_of(value: object) -> str | None:
    if isinstance(value, str):
        if "\x00" in value:
            return "holds a NUL character, which Postgres cannot store; remove it"
        if not value.isascii() and _SURROGATE.search(value):
            return (
                "holds a lone surrogate, which is not a character; "
                "decode the text with errors='replace'"
            )
    elif isinstance(value, int):
        if not -_TOO_LONG < value < _TOO_LONG:
            return f"is an integer of over {MAX_INT_DIGITS} digits; send it as text"
    elif isinstance(value, float):
        if not math.isfinite(value):
            return f"is {value}, which JSON cannot hold; send None or text instead"
    elif isinstance(value, Decimal):
        if not value.is_finite():
            return f"is {value}, which JSON cannot hold; send None or text instead"
    elif isinstance(value, _SECRETS) and value.get_secret_value():
        return (
            "is a secret, which would be stored as asterisks; send a reference to it, "
            "or its get_secret_value() if the database may know it"
        )
    return None


def _reason_unencodable(value: object) -> str | None:
    if isinstance(value, bytes | bytearray):
        try:
            value.decode()
        except UnicodeDecodeError:
            return "holds bytes that are not UTF-8; send them as text, such as base64"
        return None
    if _children_of(value) is not None:
        return None
    try:
        pydantic_core.to_json(value)
    except Exception as error:
        return f"is of type {type(value).__name__}, which has no JSON form: {_first_line(error)}"
    return None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _render_path(keys: Iterable[object]) -> str:
    path = ""
    for key in keys:
        # Pydantic marks the key of a mapping, where that is what is wrong, by a step of its own.
        if key is _INSIDE or key == "[key]":
            continue
        if isinstance(key, str) and _NAME.fullmatch(key):
            path += f".{key}" if path else key
        else:
            path += f"[{key!r}]"
    return path
