"""What is done as it was said, and may have been meant otherwise."""

from __future__ import annotations

from howdah._db import queue as queries
from howdah._db.query import Runner
from howdah._model.nearest import nearest
from howdah.cli.output import warn


def warn_of_unknown_task(task: str, database: Runner) -> None:
    """Say so where no job and no worker knows the task."""
    is_known, names = database.run(queries.knows_task(task))
    if not is_known:
        near = nearest(task, names)
        meant = "" if near is None else f"; did you mean {near!r}?"
        warn(f"no job or worker knows task {task!r} yet{meant}")
