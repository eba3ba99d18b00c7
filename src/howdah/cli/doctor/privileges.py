"""Checks what the role may do: look, send, work, keep house."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from howdah._db.doctor import Privilege
from howdah.cli.doctor.finding import Finding, fail, ok, warn

# Functions run with the rights of their caller, so what they touch must be granted as well.
_SEND_TABLES = {
    "job": {"SELECT", "INSERT", "DELETE"},
    "archive": {"SELECT"},
    "lane": {"SELECT", "INSERT"},
    "queue": {"SELECT"},
    "pause": {"SELECT"},
}
_SEND_FUNCTIONS = {
    "send",
    "send_receipt",
    "check_options",
    "now",
    "uuid7",
    "wake",
    "channel",
    "idle_lock",
    "line_of",
    "with_defaults",
    "in_the_way",
    "must_ask",
    "keep_room",
    "ready_jobs",
    "refuse_unknown_queue",
    "queue_names",
    "nearest",
}
_WORK_TABLES = {
    "job": {"SELECT", "INSERT", "UPDATE", "DELETE"},
    "archive": {"SELECT", "INSERT", "UPDATE", "DELETE"},
    "jobs": {"SELECT"},
    "lane": {"SELECT", "INSERT", "DELETE"},
    "dependency": {"SELECT", "INSERT", "UPDATE", "DELETE"},
    "queue": {"SELECT", "INSERT", "UPDATE"},
    "pause": {"SELECT"},
    "blocked_key": {"SELECT", "INSERT", "DELETE"},
    "worker": {"SELECT", "INSERT", "UPDATE", "DELETE"},
    "log": {"SELECT", "INSERT"},
    "throttle": {"SELECT", "INSERT", "UPDATE", "DELETE"},
    "version": {"SELECT"},
}


def check(held: Sequence[Privilege], role: str) -> Iterator[Finding]:
    """Say what the role can do."""
    lacking = [one for one in held if not one.held]
    send = [one for one in lacking if _sends(one)]
    work = [one for one in lacking if _works(one)]
    keep = [one for one in lacking if _keeps(one)]
    yield _judge("may send", send, f"role {role} cannot send")
    yield _judge("may work", work, f"role {role} cannot run a worker")
    if not work:
        if keep:
            yield warn(
                "may keep house",
                f"role {role} lacks {_listed(keep)}",
                "its workers cannot make and drop day partitions: run one worker as the owner of"
                " the schema, or make the role a member of the owner",
            )
        else:
            yield ok("may keep house", "day partitions can be made and dropped")


def _judge(check: str, lacking: list[Privilege], failure: str) -> Finding:
    if not lacking:
        return ok(check, "yes")
    return fail(
        check, f"{failure}: it lacks {_listed(lacking)}", "have the schema's owner grant it"
    )


def _sends(one: Privilege) -> bool:
    match one.kind:
        case "function":
            return one.name in _SEND_FUNCTIONS
        case "table":
            return one.privilege in _SEND_TABLES.get(one.name, ())
        case _:
            return one.privilege == "USAGE"


def _works(one: Privilege) -> bool:
    match one.kind:
        case "function":
            return True
        case "table":
            return one.privilege in _WORK_TABLES.get(one.name, ())
        case _:
            return one.privilege == "USAGE"


def _keeps(one: Privilege) -> bool:
    owns = one.privilege == "OWNER" and one.name in {"archive", "log"}
    return owns or one.privilege == "CREATE"


def _listed(lacking: list[Privilege]) -> str:
    """`SELECT, INSERT on job; EXECUTE on claim, finish`."""
    by_object: dict[tuple[str, str], list[str]] = {}
    for one in lacking:
        by_object.setdefault((one.kind, one.name), []).append(one.privilege)
    by_words: dict[str, list[str]] = {}
    for (_, name), words in by_object.items():
        by_words.setdefault(", ".join(words), []).append(name)
    return "; ".join(f"{words} on {', '.join(names)}" for words, names in by_words.items())
