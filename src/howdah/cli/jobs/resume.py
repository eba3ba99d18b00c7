"""`howdah jobs resume`."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from howdah._db import job as queries
from howdah.cli.database import opened
from howdah.cli.options import AppOption, AsJson, Schema, Url
from howdah.cli.output import print_json, say
from howdah.cli.target import find_target


def resume(
    job_id: Annotated[UUID, typer.Argument(metavar="ID", help="A job that waits.")],
    url: Url = None,
    schema: Schema = None,
    app: AppOption = None,
    as_json: AsJson = False,
) -> None:
    """Wake a job that was suspended: it runs as soon as a worker is free."""
    with opened(find_target(url=url, schema=schema, app=app)) as database:
        state = database.run(queries.resume(job_id))
    if as_json:
        print_json({"id": job_id, "state": state})
    else:
        say(f"{job_id} runs as soon as a worker is free")
