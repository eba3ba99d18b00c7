"""`howdah warnings`: what workers warned of."""

from __future__ import annotations

from typing import Annotated

import typer

from howdah._db import warning as queries
from howdah.cli.database import opened
from howdah.cli.options import AppOption, AsJson, Schema, Url
from howdah.cli.output import ago, print_json, print_table, say
from howdah.cli.target import Target, find_target
from howdah.errors import UsageError

Kind = Annotated[str | None, typer.Option("--kind", help="Only this kind, such as slow_query.")]
Queue = Annotated[str | None, typer.Option("--queue", "-q", help="Only about this queue.")]
Limit = Annotated[int, typer.Option("--limit", min=1, metavar="N", help="At most so many.")]
Backlog = Annotated[
    int | None,
    typer.Option(
        "--backlog", min=0, metavar="N", help="From now on warn of more jobs than this in --queue."
    ),
]
OwnBacklog = Annotated[
    bool, typer.Option("--no-backlog", help="Leave that to the workers of --queue again.")
]
Clear = Annotated[bool, typer.Option("--clear", help="Forget them.")]


def warnings(
    kind: Kind = None,
    queue: Queue = None,
    limit: Limit = 50,
    clear: Clear = False,
    backlog: Backlog = None,
    no_backlog: OwnBacklog = False,
    url: Url = None,
    schema: Schema = None,
    app: AppOption = None,
    as_json: AsJson = False,
) -> None:
    """Show what workers warned of, the latest first.

    One line for each thing while it lasts, however often and by however many it was found.
    """
    if backlog is not None or no_backlog:
        _say_backlog(queue, backlog, find_target(url=url, schema=schema, app=app), as_json=as_json)
        return
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


def _say_backlog(queue: str | None, ready: int | None, target: Target, *, as_json: bool) -> None:
    """Say from how many claimable jobs of a queue on workers warn."""
    if queue is None:
        raise UsageError("cannot say when to warn of a backlog: name the queue, with --queue NAME")
    with opened(target) as database:
        database.run(queries.backlog(queue, ready))
    if as_json:
        print_json({"queue": queue, "backlog": ready})
    elif ready is None:
        say(f"workers warn of a backlog of {queue} as their own settings say")
    else:
        say(f"workers warn of more than {ready} jobs in {queue}")
