"""Which jobs a command is about, as its options say."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from howdah._model.states import JobState

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
