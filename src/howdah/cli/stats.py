"""`howdah stats`: what queues were like."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import groupby
from typing import Annotated, Any

import typer

from howdah._db import queueing, sample
from howdah._db.sample import QueueStats
from howdah._db.steps import walk
from howdah._model.histogram import Histogram
from howdah.cli.database import opened
from howdah.cli.options import AppOption, AsJson, Schema, Url
from howdah.cli.output import console, print_json, print_table, say, span
from howdah.cli.target import find_target
from howdah.cli.words import duration

BARS = "▁▂▃▄▅▆▇█"
MOST_BARS = 40
FEWEST_BARS = 10
# What the numbers take, with a queue of an ordinary name.
BESIDE = 100

Queue = Annotated[
    str | None,
    typer.Argument(metavar="QUEUE", help="One queue; else all that were not empty."),
]
Since = Annotated[str, typer.Option("--since", metavar="TIME", help="How far back: 30m, 1h, 7d.")]
Bucket = Annotated[
    str | None,
    typer.Option(
        "--bucket", metavar="TIME", help="Of whole minutes, as 5m. Else 60 buckets or fewer."
    ),
]


def stats(
    queue: Queue = None,
    since: Since = "1h",
    bucket: Bucket = None,
    url: Url = None,
    schema: Schema = None,
    app: AppOption = None,
    as_json: AsJson = False,
) -> None:
    """Show what queues were like: what stood in them, what was done, how long it took.

    `ready` and `oldest` are the highest of the time shown, and its last bar is now.
    """
    back = duration(since)
    size = _default_bucket(back) if bucket is None else duration(bucket)
    with opened(find_target(url=url, schema=schema, app=app)) as database:
        found = walk(sample.stats(queue, since=back, bucket=size), database.run)
        # What was counted of a queue outlives it, and is still to be seen.
        if queue is not None and not any(map(_has_something, found)):
            walk(queueing.check_known(queue), database.run)
    if as_json:
        print_json([_plain(one) for one in found])
        return
    if not found:
        say("nothing was counted in that time: a worker counts once a minute")
        return
    print_table(
        (
            "queue",
            "done",
            "failed",
            "expired",
            "cancelled",
            "retried",
            "ready",
            "oldest",
            "latency p50/p95",
            "run p50/p95",
            "done over time",
        ),
        [_row(list(series)) for _, series in groupby(found, key=lambda one: one.queue)],
        spare=("done over time", "run p50/p95", "latency p50/p95"),
    )


def sparkline(values: Sequence[float]) -> str:
    """Values as bars of one line; the highest is a full one, and nothing is a dot."""
    top = max(values, default=0)
    return "".join(
        BARS[min(int(value / top * len(BARS)), len(BARS) - 1)] if value else "·" for value in values
    )


def _has_something(one: QueueStats) -> bool:
    looks = (one.ready, one.delayed, one.active, one.waiting)
    return any(looks) or any((one.done, one.failed, one.expired, one.cancelled, one.retried))


def _row(series: list[QueueStats]) -> tuple[Any, ...]:
    latency = sum((one.latency for one in series), Histogram())
    run_time = sum((one.run_time for one in series), Histogram())
    looks = [one.ready for one in series if one.ready is not None]
    ages = [one.oldest for one in series if one.oldest is not None]
    return (
        series[0].queue,
        sum(one.done for one in series),
        sum(one.failed for one in series),
        sum(one.expired for one in series),
        sum(one.cancelled for one in series),
        sum(one.retried for one in series),
        max(looks) if looks else None,
        span(max(ages)) if ages else None,
        _percentiles(latency),
        _percentiles(run_time),
        sparkline([one.done for one in series][-_bars() :]),
    )


def _percentiles(times: Histogram) -> str | None:
    if times.p50 is None or times.p95 is None:
        return None
    return f"{span(times.p50)} / {span(times.p95)}"


def _bars() -> int:
    """How many bars fit beside the numbers: the last ones are those that count."""
    return max(FEWEST_BARS, min(MOST_BARS, console().width - BESIDE))


def _default_bucket(back: timedelta) -> timedelta:
    minutes = -(-back // timedelta(minutes=MOST_BARS))
    return timedelta(minutes=max(1, minutes))


def _plain(one: QueueStats) -> dict[str, Any]:
    return dict(_fields(one))


def _fields(one: QueueStats) -> Iterator[tuple[str, Any]]:
    for field in dataclasses.fields(one):
        value = getattr(one, field.name)
        if isinstance(value, Histogram):
            value = {"count": value.count, "p50": value.p50, "p95": value.p95}
        yield field.name, value
