"""What to say when somebody names a thing that is not there."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_MOST = 10


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The one of some names that was probably meant."""
    near = get_close_matches(name, list(names), n=1)
    return near[0] if near else None


def hint(name: str, names: Iterable[str], *, none: str = "there are none yet") -> str:
    """Say which name was probably meant; else which there are, or `none`."""
    there_are = sorted(names)
    if (near := nearest(name, there_are)) is not None:
        return f"did you mean {near!r}?"
    if not there_are:
        return none
    return f"there are {', '.join(map(repr, there_are[:_MOST]))}" + (
        " ..." if there_are[_MOST:] else ""
    )
