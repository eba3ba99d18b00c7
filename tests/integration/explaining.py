"""What is said of a job that does not run, as tests read it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from howdah import Explanation
from howdah._db.explain import explain
from howdah._db.explain import why as why_each
from tests.integration.desk import Desk


def why(desk: Desk, job_id: UUID) -> dict[str, str]:
    """The sentences, by the kind of reason."""
    return {reason.kind: reason.text for reason in explained(desk, job_id).reasons}


def explained(desk: Desk, job_id: UUID) -> Explanation:
    explanation = desk.run(explain(job_id))
    assert explanation is not None
    # What a list says of a job is the first of all that is said of it.
    brief = desk.run(why_each([job_id])).get(job_id)
    assert nearest(explanation) == (None if brief is None else brief.kind)
    return explanation


def nearest(explanation: Explanation) -> str | None:
    """The kind of reason that a list shows of it."""
    if explanation.state not in ("created", "retry", "waiting"):
        return None
    return explanation.reasons[0].kind


def facts(desk: Desk, job_id: UUID, kind: str) -> Any:
    (found,) = [r.facts for r in explained(desk, job_id).reasons if r.kind == kind]
    return found
