"""`howdah jobs cancel`."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from howdah._db import bulk
from howdah._db import job as queries
from howdah._db.bulk import Filter
from howdah._model.states import TRANSITIONS
from howdah.cli.database import opened
from howdah.cli.jobs.bulk import check_choice, confirm, on_all, on_these
from howdah.cli.jobs.filters import Ids, Key, Queue, State, TaskName, possible
from howdah.cli.options import AppOption, AsJson, Schema, Url, Yes
from howdah.cli.target import find_target


def cancel(
    ids: Ids = None,
    state: State = None,
    queue: Queue = None,
    task: TaskName = None,
    key: Key = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Kept with the jobs.")] = None,
    yes: Yes = False,
    url: Url = None,
    schema: Schema = None,
    app: AppOption = None,
    as_json: AsJson = False,
) -> None:
    """Cancel jobs that have not finished, by id or by filter.

    Those that wait are cancelled at once. Running ones are asked to stop, and are cancelled within
    about a second.
    """
    check_choice(ids or [], Filter(tuple(state or ()), queue, task, key))
    wanted = Filter(possible("cancel", state, tuple(TRANSITIONS["cancel"])), queue, task, key)
    with opened(find_target(url=url, schema=schema, app=app)) as database:
        if ids:
            report = on_these(database, ids, partial(queries.cancel, reason=reason))
        else:
            if not yes:
                confirm(database, wanted, verb="cancel")
            verb = partial(bulk.cancel, states=wanted.states, reason=reason)
            report = on_all(database, wanted, verb, doing="cancelling", quiet=as_json)
    report.finish("cancel", as_json=as_json)
