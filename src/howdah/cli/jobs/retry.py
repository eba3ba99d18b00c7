"""`howdah jobs retry`."""

from __future__ import annotations

from howdah._db import bulk
from howdah._db import job as queries
from howdah._db.bulk import Filter
from howdah._model.states import JobState
from howdah.cli.database import opened
from howdah.cli.jobs.bulk import check_choice, confirm, on_all, on_these
from howdah.cli.jobs.filters import Ids, Key, Queue, State, TaskName, possible
from howdah.cli.options import AppOption, AsJson, Schema, Url, Yes
from howdah.cli.target import find_target

# What a person who says "again" means when they name no state.
UNFORTUNATE = (JobState.FAILED, JobState.EXPIRED)


def retry(
    ids: Ids = None,
    state: State = None,
    queue: Queue = None,
    task: TaskName = None,
    key: Key = None,
    yes: Yes = False,
    url: Url = None,
    schema: Schema = None,
    app: AppOption = None,
    as_json: AsJson = False,
) -> None:
    """Run jobs again, by id or by filter, with fresh attempts.

    A filter without `--state` takes failed and expired jobs. Jobs that wait for their next attempt
    (`--state retry`) run at once.
    """
    check_choice(ids or [], Filter(tuple(state or ()), queue, task, key))
    wanted = Filter(possible("retry", state, UNFORTUNATE), queue, task, key)
    with opened(find_target(url=url, schema=schema, app=app)) as database:
        if ids:
            report = on_these(database, ids, queries.retry)
        else:
            if not yes:
                confirm(database, wanted, verb="retry")
            report = on_all(database, wanted, bulk.retry, doing="retrying", quiet=as_json)
    report.finish("retry", as_json=as_json)
