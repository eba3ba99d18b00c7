"""`howdah jobs explain`."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from howdah._db.explain import explain as why
from howdah._model.reason import Explanation
from howdah.cli.database import opened
from howdah.cli.options import AppOption, AsJson, Schema, Url
from howdah.cli.output import STATE_STYLES, print_json, say
from howdah.cli.target import find_target
from howdah.job import found


def explain(
    job_id: Annotated[UUID, typer.Argument(metavar="ID", help="The job.")],
    url: Url = None,
    schema: Schema = None,
    app: AppOption = None,
    as_json: AsJson = False,
) -> None:
    """Say why a job does not run: all that is in its way now, and when its turn would come."""
    with opened(find_target(url=url, schema=schema, app=app)) as database:
        explanation: Explanation = found(job_id, database.run(why(job_id)))
    if as_json:
        print_json(explanation)
        return
    say(explanation.state, style=f"bold {STATE_STYLES[explanation.state]}")
    for reason in explanation.reasons:
        say(f"- {reason.text}")
