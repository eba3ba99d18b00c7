"""What is to be changed of a job that waits."""

from __future__ import annotations

import json

from howdah._model.limits import NO_DRAWS, Draws
from howdah._model.options import SendOptions, refuse_rules
from howdah._model.window import CHANGEABLE
from howdah.errors import UsageError


def changes_of(
    options: SendOptions,
    *,
    args: str | None = None,
    task: str | None = None,
    draws: Draws = NO_DRAWS,
) -> str:
    """The changes as JSON text for `howdah.update_job`.

    Args:
        options: What to change; of what can be changed.
        args: The new arguments as JSON text.
        task: The task that they are for, to be held against the job's.
        draws: What a job with them draws from.

    Raises:
        UsageError: Nothing is to be changed, or a Retry names exceptions.
    """
    refuse_rules(options)
    said = options.to_mapping()
    if args is None and not said:
        raise UsageError(
            f"cannot update a job without a change: say what to change, {', '.join(CHANGEABLE)}"
        )
    if args is not None and task is not None:
        said["task"] = task
    parts = "".join(f",{json.dumps(name)}:{json.dumps(value)}" for name, value in said.items())
    if args is not None:
        parts += f',"args":{args}{draws.said_more(False)}'
    return "{" + parts[1:] + "}"
