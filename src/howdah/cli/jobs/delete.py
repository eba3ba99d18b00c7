"""`howdah jobs delete`."""

from __future__ import annotations

from howdah._db import bulk
from howdah._model.filter import JobFilter
from howdah.cli.database import opened
from howdah.cli.jobs.bulk import act
from howdah.cli.jobs.filters import Ids, with_filter
from howdah.cli.options import AppOption, AsJson, DryRun, Schema, Url, Yes
from howdah.cli.target import find_target


@with_filter
def delete(
    *,
    ids: Ids = None,
    wanted: JobFilter,
    yes: Yes = False,
    dry_run: DryRun = False,
    url: Url = None,
    schema: Schema = None,
    app: AppOption = None,
    as_json: AsJson = False,
) -> None:
    """Forget jobs that are not running, by id or by filter, with their logs.

    There is no way back. A filter without `--state` takes what waits and what has finished; running
    jobs are left alone: cancel them first.
    """
    with opened(find_target(url=url, schema=schema, app=app)) as database:
        act(
            database, bulk.DELETE, ids=ids, wanted=wanted, yes=yes, dry_run=dry_run, as_json=as_json
        )
