"""`howdah warnings`: what workers warned of."""

from __future__ import annotations

from typing import Annotated

import typer

from howdah._db import warning as queries
from howdah.cli.database import opened
from howdah.cli.options import AppOption, AsJson, Schema, Url
from howdah.cli.output import ago, print_json, print_table, say
from howdah.cli.target import find_target

Kind = Annotated[str | None, typer.Option("--kind", help="Only this kind, such as slow_query.")]
Queue = Annotated[str | None, typer.Option("--queue", "-q", help="Only about this queue.")]
Limit = Annotated[int, typer.Option("--limit", min=1, metavar="N", help="At most so many.")]
Clear = Annotated[bool, typer.Option("--clear", help="Forget them.")]


def warnings(
    kind: Kind = None,
    queue: Queue = None,
    limit: Limit = 50,
    clear: Clear = False,
    url: Url = None,
    schema: Schema = None,
    app: AppOption = None,
    as_json: AsJson = False,
) -> None:
    """Show what workers warned of, the latest first.

    One line for each thing while it lasts, however often and by however many it was found.
    """
    with opened(find_target(url=url, schema=schema, app=app)) as database:
        if clear:
            count = database.run(queries.clear(kind=kind, queue=queue))
            if as_json:
                print_json({"cleared": count})
            else:
                say(f"forgot {count} warnings")
            return
        found = database.run(queries.find(kind=kind, queue=queue, limit=limit))
    if as_json:
        print_json(found)
        return
    if not found:
        say("nobody has warned of anything")
        return
    print_table(
        ("kind", "last", "lasts", "count", "what"),
        [
            (one.kind, ago(one.last_at), "yes" if one.is_open else "no", one.count, one.text)
            for one in found
        ],
    )
