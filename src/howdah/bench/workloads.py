"""The workloads by name, and what runs one from its first connection to its last."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from howdah.bench import bloat, bulk, claims, drain, latency, schedules, send
from howdah.bench.ground import Ground, database, new_ground
from howdah.bench.plan import Plan, Progress
from howdah.bench.report import LOOP, Report


@dataclass(frozen=True, slots=True)
class Workload:
    """Something to measure.

    Attributes:
        measures: What, in a few words.
        run: Measures it.
        n: How many jobs when nobody says.
        rounds: How many laps of either side.
    """

    measures: str
    run: Callable[[Ground, Plan, Progress], Awaitable[Report]]
    n: int
    rounds: int


WORKLOADS = {
    "send": Workload("send one by one, durable", send.run, send.N, send.ROUNDS),
    "bulk": Workload("send_many, 1,000 a call", bulk.run, bulk.N, bulk.ROUNDS),
    "drain": Workload("a worker empties a full queue", drain.run, drain.N, drain.ROUNDS),
    "latency": Workload(
        "from send to handler, idle worker", latency.run, latency.N, latency.ROUNDS
    ),
    "bloat": Workload("drain under an old snapshot", bloat.run, bloat.N, bloat.ROUNDS),
    "claims": Workload("claims from a long queue, and memory", claims.run, claims.N, claims.ROUNDS),
    "schedules": Workload(
        "from tick to handler, all due in one second", schedules.run, schedules.N, schedules.ROUNDS
    ),
}


def measure(workload: Workload, plan: Plan, progress: Progress, *, url: str | None) -> Report:
    """Run a workload on an event loop of its own, and leave the database as it was.

    Raises:
        HowdahError: The database cannot be used, or what was measured went wrong.
        KeyboardInterrupt: It was interrupted; everything has been cleared away.
    """
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_measure(workload, plan, progress, url))


async def _measure(workload: Workload, plan: Plan, progress: Progress, url: str | None) -> Report:
    _clean_up_when_terminated()
    async with database(url) as found, new_ground(found) as ground:
        return await workload.run(ground, plan, progress)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The event loop that `howdah worker` chooses here."""
    if LOOP == "asyncio":
        return None
    from uvloop import new_event_loop

    return new_event_loop


def _clean_up_when_terminated() -> None:
    """Have SIGTERM end the run in order, as Ctrl-C does."""
    task = asyncio.current_task()
    assert task is not None
    try:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    except NotImplementedError:
        # Windows has no such signal.
        return
