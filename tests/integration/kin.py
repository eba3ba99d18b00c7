"""Jobs that wait for each other, as tests send and look at them."""

from __future__ import annotations

from howdah._db import flow as flows
from howdah._model.identity import uuid7s
from tests.integration.desk import Claim, Desk


def send(desk: Desk, jobs_after: dict[str, list[str]], *, on_failure: str = "block") -> None:
    """Send jobs of a flow: their ids, each with those of its parents."""
    texts = [
        flows.job_text(
            job_id=job_id,
            queue="q",
            task="t",
            args="{}",
            options="{}",
            after=[{"id": parent, "on_failure": on_failure} for parent in parents],
        )
        for job_id, parents in jobs_after.items()
    ]
    desk.run(flows.send_flow(uuid7s(1)[0], texts))


def blockers(desk: Desk, job_id: str) -> int | None:
    """How many parents a job waits for."""
    count: int | None = desk.row(job_id).get("blockers")
    return count


def family(desk: Desk, parents: int, *, on_failure: str = "block") -> tuple[str, list[Claim]]:
    """A child, and its claimed parents."""
    ids = uuid7s(parents + 1)
    send(desk, {**{one: [] for one in ids[:-1]}, ids[-1]: ids[:-1]}, on_failure=on_failure)
    return ids[-1], sorted(desk.claim(limit=10), key=lambda claim: claim.id)
