"""What holds the jobs of a benchmark up: nothing, a limit, a rate, or that they have many keys."""

from __future__ import annotations

from howdah.bench.ground import Ground
from howdah.bench.plan import Plan
from howdah.bench.tasks import ARGUMENTS, LIMIT, RATE
from howdah.task import Task

# The rate is so many within so long.
RATE_SECONDS = 1.0


async def restrain(ground: Ground, plan: Plan) -> None:
    """Set the limit or the rate that the plan asks for."""
    limits = ground.tasks.app.limits
    if plan.limit is not None:
        await limits.put(LIMIT, total=plan.limit)
    if plan.rate is not None:
        await limits.put(RATE, rate=plan.rate, per=RATE_SECONDS)


def task_of(ground: Ground, plan: Plan) -> Task[[int, str], None]:
    """The task whose jobs are held up as the plan asks for."""
    if plan.limit is not None:
        return ground.tasks.limited
    if plan.rate is not None:
        return ground.tasks.rated
    return ground.tasks.noop if plan.keys is None else ground.tasks.keyed


def items(plan: Plan, n: int) -> list[tuple[int, str]]:
    """The arguments of so many jobs; the first is the key, where there are keys."""
    if plan.keys is None:
        return [ARGUMENTS] * n
    return [(number % plan.keys, ARGUMENTS[1]) for number in range(n)]
