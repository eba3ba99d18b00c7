"""`howdah queues`: what stands in each queue, and who serves it."""

from __future__ import annotations

import dataclasses

from howdah._db import fleet
from howdah._db import queue as queries
from howdah.cli.database import opened
from howdah.cli.options import AppOption, AsJson, Schema, Url
from howdah.cli.output import print_json, print_table, say, span
from howdah.cli.target import find_target


def queues(
    url: Url = None, schema: Schema = None, app: AppOption = None, as_json: AsJson = False
) -> None:
    """Show what stands in each queue, and how many workers serve it.

    `ready` can be claimed now, `delayed` waits for its time, `active` runs, `waiting` is suspended.
    """
    with opened(find_target(url=url, schema=schema, app=app)) as database:
        found = database.run(queries.find())
        alive = [one for one in database.run(fleet.workers()) if one.is_alive]
    serving = {
        queue.name: sum(1 for worker in alive if queue.name in worker.queues) for queue in found
    }
    if as_json:
        print_json([{**dataclasses.asdict(one), "workers": serving[one.name]} for one in found])
        return
    if not found:
        say("no queues yet: a queue is known after its first job or worker")
        return
    print_table(
        ("queue", "ready", "delayed", "active", "waiting", "oldest ready", "workers"),
        [
            (
                one.name,
                one.ready,
                one.delayed,
                one.active,
                one.waiting,
                None if one.oldest is None else span(one.oldest),
                serving[one.name],
            )
            for one in found
        ],
    )
