"""Why jobs do not run: each question is one statement, so that the answer is one picture."""

from __future__ import annotations

import json
from collections.abc import Sequence
from uuid import UUID

from howdah._db import wire
from howdah._db.query import Query, Row
from howdah._model.reason import Explanation, Reason, brief, read_reason
from howdah._model.states import JobState


def explain(job_id: UUID) -> Query[Explanation | None]:
    """Why a job does not run; None when there is no such job."""
    return Query(
        "job/explain", {"id": wire.job_id(job_id)}, lambda rows: _explanation(job_id, rows)
    )


def why(job_ids: Sequence[UUID]) -> Query[dict[UUID, Reason]]:
    """The nearest reason for which each of several jobs does not run, in a few words.

    A job that runs or is over has none.
    """
    return Query("job/why", {"ids": wire.array(job_ids)}, _reasons)


def _reasons(rows: Sequence[Row]) -> dict[UUID, Reason]:
    return {UUID(job_id): brief(kind, json.loads(facts)) for job_id, kind, facts in rows}


def _explanation(job_id: UUID, rows: Sequence[Row]) -> Explanation | None:
    state = rows[0][0]
    if state is None:
        return None
    reasons = [read_reason(kind, json.loads(facts)) for _, kind, facts in rows if kind is not None]
    return Explanation(job_id, JobState(state), tuple(reasons))
