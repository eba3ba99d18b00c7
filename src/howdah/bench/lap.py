"""Laps: one side's turn, what it cost, and how two sides compare."""

from __future__ import annotations

import math
import os
import statistics
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from howdah.bench import queries
from howdah.bench.ground import Ground
from howdah.bench.plan import Progress
from howdah.bench.processes import cpu_seconds


@dataclass(frozen=True, slots=True)
class Gauge:
    """Counters that only rise; two readings make a cost. None where one cannot be read.

    Attributes:
        wal: Bytes of log, of the whole cluster.
        client: Processor seconds of the processes that do the work.
        server: Processor seconds of the server processes that serve them.
    """

    wal: float | None
    client: float | None
    server: float | None

    def since(self, earlier: Gauge) -> Gauge:
        """What was used in between."""
        return Gauge(
            _minus(self.wal, earlier.wal),
            _minus(self.client, earlier.client),
            _minus(self.server, earlier.server),
        )


@dataclass(frozen=True, slots=True)
class Lap:
    """One turn of one side.

    Attributes:
        jobs: How many jobs it did.
        seconds: In which time.
        cost: What that used.
        delays: Milliseconds of each job, where jobs were timed one by one.
    """

    jobs: int
    seconds: float
    cost: Gauge
    delays: tuple[float, ...] = ()

    @property
    def rate(self) -> float:
        """Jobs a second."""
        return self.jobs / self.seconds


@dataclass(frozen=True, slots=True)
class Side:
    """All laps of one side."""

    laps: tuple[Lap, ...]

    @property
    def jobs_per_s(self) -> float:
        """The median of the laps."""
        return statistics.median(self.rates)

    @property
    def rates(self) -> list[float]:
        """Of each lap."""
        return [lap.rate for lap in self.laps]

    @property
    def delays(self) -> list[float]:
        """Of all jobs of all laps."""
        return [delay for lap in self.laps for delay in lap.delays]

    @property
    def per_job(self) -> dict[str, float | None]:
        """What a job cost on the average: bytes of log, microseconds of processor time."""
        return {
            "wal_bytes": self._per_job(lambda cost: cost.wal, 1),
            "client_cpu_us": self._per_job(lambda cost: cost.client, 1e6),
            "server_cpu_us": self._per_job(lambda cost: cost.server, 1e6),
        }

    def _per_job(self, read: Callable[[Gauge], float | None], unit: float) -> float | None:
        values = [read(lap.cost) for lap in self.laps]
        known = [value for value in values if value is not None]
        if len(known) < len(values):
            return None
        return round(unit * sum(known) / sum(lap.jobs for lap in self.laps), 2)


@dataclass(frozen=True, slots=True)
class Match:
    """Howdah and the bare driver, lap by lap in turns."""

    ours: Side
    bare: Side

    @property
    def ratio(self) -> float:
        """Our speed as a share of the bare driver's."""
        return self.ours.jobs_per_s / self.bare.jobs_per_s


async def in_turns(
    rounds: int,
    ours: Callable[[], Awaitable[Lap]],
    bare: Callable[[], Awaitable[Lap]],
    progress: Progress,
) -> Match:
    """Let two sides run laps in turns: A B A B..."""
    progress.begin("measuring", 2 * rounds)
    laps: tuple[list[Lap], list[Lap]] = ([], [])
    for _ in range(rounds):
        for side, run in zip(laps, (ours, bare), strict=True):
            side.append(await run())
            progress.advance()
    return Match(Side(tuple(laps[0])), Side(tuple(laps[1])))


async def gauge(
    ground: Ground, *, processes: Iterable[int] | None = None, backends: Sequence[str] = ()
) -> Gauge:
    """Read the counters.

    Args:
        ground: Where.
        processes: Those that do the work; this one, when not given.
        backends: By which names their connections are known to the server.
    """
    pids = await ground.ask(queries.backends(backends)) if backends else []
    wal = await ground.ask(queries.wal())
    return Gauge(
        wal=wal,
        client=cpu_seconds([os.getpid()] if processes is None else processes),
        server=cpu_seconds(pids, named="postgres"),
    )


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that so large a share of all does not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def _minus(later: float | None, earlier: float | None) -> float | None:
    return None if later is None or earlier is None else later - earlier
