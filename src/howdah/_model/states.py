"""The states of a job, and the one table of what each verb may do to it.

The SQL of each verb enforces its row in its WHERE; Python never reads a state and then writes one.
`tests/integration/test_transitions.py` puts a job in every state, runs every verb's real statement
and compares with this table; the picture in docs/states.md is drawn from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class JobState(StrEnum):
    """Where a job is in its life."""

    CREATED = "created"
    RETRY = "retry"
    ACTIVE = "active"
    WAITING = "waiting"
    COMPLETED = "completed"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether the job is over and stands in the archive."""
        return self in FINAL


CREATED, RETRY, ACTIVE, WAITING = (
    JobState.CREATED,
    JobState.RETRY,
    JobState.ACTIVE,
    JobState.WAITING,
)
COMPLETED, FAILED, EXPIRED, CANCELLED = (
    JobState.COMPLETED,
    JobState.FAILED,
    JobState.EXPIRED,
    JobState.CANCELLED,
)

LIVE = frozenset({CREATED, RETRY, ACTIVE, WAITING})
FINAL = frozenset({COMPLETED, FAILED, EXPIRED, CANCELLED})

#: What becomes of a job that is deleted.
GONE = None

_Row = Mapping[JobState, frozenset[JobState | None]]


def _row(**targets: set[JobState] | set[None]) -> _Row:
    return MappingProxyType({JobState(name): frozenset(to) for name, to in targets.items()})


#: verb -> {from: where it may lead}. A state that is absent refuses the verb.
TRANSITIONS: Mapping[str, _Row] = MappingProxyType(
    {
        # Said by the worker that holds the claim.
        "claim": _row(created={ACTIVE}, retry={ACTIVE}),
        "complete": _row(active={COMPLETED}),
        "fail": _row(active={FAILED}),
        # The worker says retry when attempts are left; a person may say it of what is over.
        "reattempt": _row(active={RETRY}),
        "snooze": _row(active={RETRY}),
        "suspend": _row(active={WAITING}),
        "release": _row(active={RETRY, FAILED}),
        # Said by anyone.
        "cancel": _row(
            created={CANCELLED}, retry={CANCELLED}, waiting={CANCELLED}, active={ACTIVE}
        ),
        "resume": _row(waiting={RETRY}),
        "update": _row(created={CREATED}, retry={RETRY}),
        "retry": _row(
            retry={RETRY},
            completed={RETRY},
            failed={RETRY},
            expired={RETRY},
            cancelled={RETRY},
        ),
        "delete": _row(
            created={GONE},
            retry={GONE},
            waiting={GONE},
            completed={GONE},
            failed={GONE},
            expired={GONE},
            cancelled={GONE},
        ),
        # Said by time.
        "promote": _row(created={CREATED}, retry={RETRY}, waiting={RETRY}),
        # While it runs because of its time limit, else because of its deadline.
        "expire": _row(
            created={EXPIRED}, retry={EXPIRED}, waiting={EXPIRED}, active={RETRY, EXPIRED}
        ),
    }
)


def allows(verb: str, state: JobState) -> bool:
    """Whether the verb may be said of a job in that state."""
    return state in TRANSITIONS[verb]
