"""`howdah jobs retry`."""

from __future__ import annotations

from howdah._db import bulk
from howdah._model.filter import JobFilter
from howdah.cli.database import opened
from howdah.cli.jobs.bulk import act
from howdah.cli.jobs.filters import Ids, with_filter
from howdah.cli.options import AppOption, AsJson, DryRun, Schema, Url, Yes
from howdah.cli.target import find_target


@with_filter
def retry(
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
    """Run jobs again, by id or by filter, with fresh attempts.

    A filter without `--state` takes failed and expired jobs. Jobs that wait for their next attempt
    (`--state retry`) run at once.
    """
    with opened(find_target(url=url, schema=schema, app=app)) as database:
        act(database, bulk.RETRY, ids=ids, wanted=wanted, yes=yes, dry_run=dry_run, as_json=as_json)
