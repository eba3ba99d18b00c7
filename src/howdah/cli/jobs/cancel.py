"""`howdah jobs cancel`."""

from __future__ import annotations

from typing import Annotated

import typer

from howdah._db import bulk
from howdah._model.filter import JobFilter
from howdah.cli.database import opened
from howdah.cli.jobs.bulk import act
from howdah.cli.jobs.filters import Ids, with_filter
from howdah.cli.options import AppOption, AsJson, DryRun, Schema, Url, Yes
from howdah.cli.target import find_target


@with_filter
def cancel(
    *,
    ids: Ids = None,
    wanted: JobFilter,
    reason: Annotated[str | None, typer.Option("--reason", help="Kept with the jobs.")] = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    url: Url = None,
    schema: Schema = None,
    app: AppOption = None,
    as_json: AsJson = False,
) -> None:
    """Cancel jobs that have not finished, by id or by filter.

    Those that wait are cancelled at once. Running ones are asked to stop, and are cancelled within
    about a second.
    """
    with opened(find_target(url=url, schema=schema, app=app)) as database:
        act(
            database,
            bulk.cancel(reason=reason),
            ids=ids,
            wanted=wanted,
            yes=yes,
            dry_run=dry_run,
            as_json=as_json,
        )
