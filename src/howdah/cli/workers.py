"""`howdah workers`: the processes that run jobs."""

from __future__ import annotations

import dataclasses

from howdah._db import worker as queries
from howdah.cli.database import opened
from howdah.cli.options import AppOption, AsJson, Schema, Url
from howdah.cli.output import ago, print_json, print_table, say, span
from howdah.cli.target import find_target


def workers(
    url: Url = None, schema: Schema = None, app: AppOption = None, as_json: AsJson = False
) -> None:
    """Show which workers are alive, and what they serve.

    A worker that has not beaten for its lease is dead; its jobs are given back by the others.
    """
    with opened(find_target(url=url, schema=schema, app=app)) as database:
        found = database.run(queries.workers())
    if as_json:
        print_json(
            [{**dataclasses.asdict(one), "is_alive": one.beat_ago <= one.lease} for one in found]
        )
        return
    if not found:
        say("no workers: start one with `howdah worker module:app`")
        return
    print_table(
        ("id", "host", "pid", "queues", "concurrency", "version", "started", "last beat", "alive"),
        [
            (
                one.id,
                one.host,
                one.pid,
                ", ".join(one.queues),
                one.concurrency,
                one.version,
                ago(one.started_at),
                f"{span(max(one.beat_ago, 0))} ago",
                "yes" if one.beat_ago <= one.lease else "no",
            )
            for one in found
        ],
    )
