"""Which jobs a command is about, as its options say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import typer

from howdah._model.states import TRANSITIONS, JobState, allows
from howdah.errors import UsageError

State = Annotated[
    list[JobState] | None,
    typer.Option("--state", "-s", help="Only in this state; may be given several times."),
]
Queue = Annotated[str | None, typer.Option("--queue", "-q", help="Only of this queue.")]
TaskName = Annotated[str | None, typer.Option("--task", "-t", help="Only of this task.")]
Key = Annotated[str | None, typer.Option("--key", "-k", help="Only with this key.")]
Before = Annotated[
    UUID | None, typer.Option("--before", help="Only older than this job: the next page.")
]
Ids = Annotated[list[UUID] | None, typer.Argument(metavar="ID", help="Jobs by their ids.")]


def possible(
    verb: str, states: Sequence[JobState] | None, usual: tuple[JobState, ...]
) -> tuple[JobState, ...]:
    """The states to filter by: those asked for, else the usual ones.

    Raises:
        UsageError: The verb cannot be said of jobs in such a state.
    """
    for state in states or ():
        if not allows(verb, state):
            fitting = ", ".join(TRANSITIONS[verb])
            raise UsageError(f"cannot {verb} jobs that are {state}: choose among {fitting}")
    return tuple(states) if states else usual
