"""Makes text from anywhere safe to show on a terminal.

Arguments, errors and names come from users and from the outside. An escape character in them could
move the cursor, rename the window or hide what was printed.
"""

from __future__ import annotations

import unicodedata

# Control characters, format characters such as those that turn the direction of writing, and
# lone surrogates, which cannot be encoded.
_HIDDEN = frozenset({"Cc", "Cf", "Cs"})
# Joins the parts of emoji and of some scripts; it shows nothing and moves nothing.
_HARMLESS = frozenset({"\u200c", "\u200d"})


def one_line(text: object, *, limit: int | None = None) -> str:
    """The text without anything that a terminal obeys, on one line, cut at `limit` characters."""
    words = " ".join(str(text).split())
    shown = _without_hidden(words)
    if limit is not None and len(shown) > limit:
        return shown[: limit - 1] + "…"
    return shown


def lines(text: object) -> str:
    """The text without anything that a terminal obeys, with its line breaks and indentation."""
    found = str(text).expandtabs(4).replace("\r\n", "\n").split("\n")
    return "\n".join(map(_without_hidden, found))


def _without_hidden(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char for char in text if char in _HARMLESS or unicodedata.category(char) not in _HIDDEN
    )
