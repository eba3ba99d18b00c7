"""Why a job does not run: asked in one statement, so that the answer is one picture."""

from __future__ import annotations

import json
from collections.abc import Sequence
from uuid import UUID

from howdah._db.query import Query, Row
from howdah._model.reason import Explanation, read_reason
from howdah._model.states import JobState


def explain(job_id: UUID) -> Query[Explanation | None]:
    """Why a job does not run; None when there is no such job."""
    return Query("job/explain", {"id": str(job_id)}, lambda rows: _explanation(job_id, rows))


def _explanation(job_id: UUID, rows: Sequence[Row]) -> Explanation | None:
    state = rows[0][0]
    if state is None:
        return None
    reasons = [read_reason(kind, json.loads(facts)) for _, kind, facts in rows if kind is not None]
    return Explanation(job_id, JobState(state), tuple(reasons))
