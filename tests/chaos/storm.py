"""What is common to storms: how many of what, and what must be true afterwards."""

from __future__ import annotations

from dataclasses import dataclass

from tests.acceptance.harness import Station


@dataclass(frozen=True)
class Tally:
    """What a storm left behind.

    Attributes:
        acked: Sends that were acknowledged.
        lost: Acknowledged jobs that did not complete.
        unasked: Jobs that nobody sent.
        doubled: Jobs beyond one for each send.
        repeated: Effects beyond one for each job.
        missing: Completed jobs without their effect.
        stale: Effects of another claim than the one that completed the job.
        runs: Handlers begun.
    """

    acked: int
    lost: int
    unasked: int
    doubled: int
    repeated: int
    missing: int
    stale: int
    runs: int


def tally(station: Station) -> Tally:
    """Compare the ledger with what is in the database."""
    acked = {entry["job"]: entry["n"] for entry in station.ledger.entries("acked")}
    asked = {entry["n"] for entry in station.ledger.entries("asked")}
    jobs = station.sql("SELECT id::text, state, fence, (args ->> 'n')::int FROM howdah.jobs AS v")
    completed = {job: fence for job, state, fence, _ in jobs if state == "completed"}
    effects = station.sql("SELECT job::text, fence FROM howdah.effect AS e")
    numbers = [n for *_, n in jobs]
    return Tally(
        acked=len(acked),
        lost=len(acked.keys() - completed.keys()),
        unasked=len(set(numbers) - asked),
        doubled=len(numbers) - len(set(numbers)),
        repeated=len(effects) - len({job for job, _ in effects}),
        missing=len(completed.keys() - {job for job, _ in effects}),
        stale=sum(completed.get(job) != fence for job, fence in effects),
        runs=station.ledger.count("run"),
    )
