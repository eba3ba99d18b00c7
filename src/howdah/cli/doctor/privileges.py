"""Checks what the role may do: send, work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set

from howdah._db.doctor import Privilege
from howdah._db.roles import grants
from howdah.cli.doctor.finding import Finding, fail, ok


def check(held: Sequence[Privilege], role: str) -> Iterator[Finding]:
    """Say what the role can do: whether it has all that the roles of that name are granted."""
    lacking = [one for one in held if not one.held]
    granted = grants()
    for check, what, wanted in (
        ("may send", "cannot send", "producer"),
        ("may work", "cannot run a worker", "worker"),
    ):
        short = [one for one in lacking if _needs(one, wanted, granted)]
        if short:
            says = f"role {role} {what}: it lacks {_listed(short)}"
            advice = f"make it a member of a {wanted}: see `howdah migrate --roles`"
            yield fail(check, says, advice)
        else:
            yield ok(check, "yes")


def _needs(one: Privilege, role: str, granted: Mapping[tuple[str, str, str], Set[str]]) -> bool:
    if one.kind == "schema":
        return one.privilege == "USAGE"
    return role in granted.get((one.kind, one.name, one.privilege), frozenset())


def _listed(lacking: list[Privilege]) -> str:
    """`SELECT, INSERT on job; EXECUTE on claim, finish`."""
    by_object: dict[tuple[str, str], list[str]] = {}
    for one in lacking:
        by_object.setdefault((one.kind, one.name), []).append(one.privilege)
    by_words: dict[str, list[str]] = {}
    for (_, name), words in by_object.items():
        by_words.setdefault(", ".join(words), []).append(name)
    return "; ".join(f"{words} on {', '.join(names)}" for words, names in by_words.items())
