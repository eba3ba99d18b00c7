"""What a benchmark found, as one value: a JSON document, or facts for a table."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import psycopg

from howdah._worker.settings import WorkerSettings
from howdah.bench import queries
from howdah.bench.ground import Ground
from howdah.bench.lap import Match
from howdah.bench.plan import Plan
from howdah.bench.tasks import ARGUMENTS

#: The event loop of senders, and the one that `howdah worker` chooses.
LOOP = "uvloop" if find_spec("uvloop") else "asyncio"


@dataclass(frozen=True, slots=True)
class Report:
    """What a benchmark found. What a workload does not measure is None.

    Attributes:
        workload: Which.
        n: Jobs; each workload says what is counted.
        jobs_per_s: Howdah's median.
        p50_ms, p99_ms: Of single jobs, or single claims.
        raw_jobs_per_s: The bare driver's median.
        ratio: 1 is as good as what it is compared with, and more is better.
        first_jobs_per_s, last_jobs_per_s: Of the first and the last cycle.
        settings: The conditions, and further readings taken on the way.
        rss_mb: The most that a process that executes jobs held in memory.
    """

    workload: str
    n: int
    jobs_per_s: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    raw_jobs_per_s: float | None = None
    ratio: float | None = None
    first_jobs_per_s: float | None = None
    last_jobs_per_s: float | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    rss_mb: float | None = None

    def to_json(self) -> str:
        """As one JSON document."""
        return json.dumps({name: _rounded(value) for name, value in asdict(self).items()}, indent=2)


async def conditions(ground: Ground, plan: Plan) -> dict[str, Any]:
    """Under what conditions a benchmark runs here."""
    server = await ground.ask(queries.server())
    worker = WorkerSettings()
    return {
        "howdah": version("howdah"),
        **asdict(server),
        "durable": server.is_durable,
        "history": "kept",
        "start_up": "not counted",
        "cpus": os.cpu_count(),
        "machine": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "psycopg": f"{psycopg.__version__} ({psycopg.pq.__impl__})",
        "loop": LOOP,
        "processes": plan.processes,
        "concurrency": worker.concurrency,
        "prefetch_max": worker.prefetch_max,
        "poll_s": worker.poll,
        "notifications": plan.notifications,
        "payload_bytes": len(ground.tasks.noop.signature.encode(ARGUMENTS, {})),
        "rounds": plan.rounds,
        "limit": plan.limit,
        "rate": plan.rate,
        "keys": plan.keys,
    }


def readings(match: Match) -> dict[str, Any]:
    """What the laps of both sides showed beside their medians."""
    return {
        "laps_jobs_per_s": match.ours.rates,
        "raw_laps_jobs_per_s": match.bare.rates,
        "per_job": match.ours.per_job,
        "raw_per_job": match.bare.per_job,
    }


def _rounded(value: Any) -> Any:
    """Without digits that mean nothing."""
    match value:
        case float():
            return round(value, 1) if abs(value) >= 100 else round(value, 3)
        case dict():
            return {key: _rounded(each) for key, each in value.items()}
        case list() | tuple():
            return [_rounded(each) for each in value]
        case _:
            return value
