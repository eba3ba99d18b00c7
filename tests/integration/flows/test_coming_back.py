"""Jobs of flows that are brought back by hand, whatever became of those they wait for."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest

from howdah._db import job as jobs
from howdah._model.outcome import Verdict
from howdah.errors import JobNotFoundError
from howdah.testing import Testbed
from tests.integration.desk import Desk, wait_until_blocked
from tests.integration.flows.tasks import Tasks, state
from tests.integration.kin import blockers, family


def failed_family(desk: Desk) -> tuple[UUID, UUID]:
    """A child that its parent, which has failed, has cancelled; and that parent."""
    child, (parent,) = family(desk, 1, on_failure="cancel")
    desk.finish(parent, verdict=Verdict.FAILED)
    assert "cancelled" == desk.state(child)
    return UUID(child), parent.job_id


def test_a_child_waits_for_a_parent_that_runs_again_already(desk: Desk) -> None:
    child, parent = failed_family(desk)
    desk.run(jobs.retry(parent))
    (again,) = desk.claim()

    desk.run(jobs.retry(child))
    assert 1 == blockers(desk, str(child))
    desk.finish(again)

    assert [str(child)] == [claim.id for claim in desk.claim()]


def test_a_child_that_came_back_is_cancelled_when_its_parent_fails_again(desk: Desk) -> None:
    child, parent = failed_family(desk)
    desk.run(jobs.retry(child))
    assert "retry" == desk.state(child)
    desk.run(jobs.retry(parent))

    desk.finish(*desk.claim(), verdict=Verdict.FAILED)

    assert "cancelled" == desk.state(child)


def test_a_child_whose_parent_was_deleted_is_refused_and_stays(desk: Desk) -> None:
    child, parent = failed_family(desk)
    desk.run(jobs.delete(parent))

    with pytest.raises(
        JobNotFoundError, match=f"its parent {parent}, which has not comp"
    ) as caught:
        desk.run(jobs.retry(child))

    assert parent == caught.value.job_id
    assert "cancelled" == desk.state(child)


def test_a_child_whose_parent_is_over_its_retention_is_refused(desk: Desk) -> None:
    child, parent = failed_family(desk)
    desk.sql("DELETE FROM howdah.archive WHERE id = %s", parent)

    with pytest.raises(JobNotFoundError):
        desk.run(jobs.retry(child))


async def test_a_child_whose_parent_had_completed_and_is_gone_has_its_result(
    howdah: Testbed, tasks: Tasks
) -> None:
    tasks.broken.add("b")
    async with howdah.app.flow(on_failure="cancel") as flow:
        a = flow.add(tasks.name.call("a"))
        b = flow.add(tasks.name.call("b"))
        c = flow.add(tasks.join.call([a.result, b.result]))
    await howdah.drain()
    assert "cancelled" == state(howdah, c)
    await howdah.app.jobs.delete(a.id)
    tasks.broken.clear()

    await flow.job(c).retry()
    await flow.job(b).retry()
    await howdah.drain()

    assert "a+b" == await flow.result(c)


async def test_a_child_keeps_its_arguments_when_its_parent_fails_the_second_time(
    howdah: Testbed, tasks: Tasks
) -> None:
    async with howdah.app.flow(on_failure="cancel") as flow:
        a = flow.add(tasks.name.call("a"))
        b = flow.add(tasks.wrap.call(a.result))
    await howdah.drain()
    tasks.broken.add("a")
    await flow.job(a).retry()
    await howdah.drain()
    assert ["failed", "completed"] == [state(howdah, one) for one in (a, b)]

    await flow.job(b).retry()
    await howdah.drain()

    assert ["a", "(a)", "(a)"] == tasks.ran


async def test_a_child_that_runs_in_any_case_is_told_again_what_it_was_told(
    howdah: Testbed, tasks: Tasks
) -> None:
    tasks.broken.add("a")
    async with howdah.app.flow() as flow:
        a = flow.add(tasks.name.call("a"))
        b = flow.add(tasks.report.call(a.finished), on_failure="run")
    await howdah.drain()
    tasks.broken.clear()
    await flow.job(a).retry()
    await howdah.drain()

    await flow.job(b).retry()
    await howdah.drain()

    told = "name failed None ValueError"
    assert [told, "a", told] == tasks.ran


def test_a_dead_letter_of_a_parent_is_another_job(desk: Desk) -> None:
    child, (parent,) = family(desk, 1)
    desk.sql("UPDATE howdah.job SET dead_letter = 'dead' WHERE id = %s", parent.job_id)
    desk.finish(parent, verdict=Verdict.FAILED)
    desk.sql("SELECT howdah.redrive('dead')")

    desk.finish(*desk.claim())

    assert 1 == blockers(desk, child)
    desk.run(jobs.retry(parent.job_id))
    desk.finish(*desk.claim())
    assert [child] == [claim.id for claim in desk.claim()]


def test_whoever_retries_a_child_waits_for_the_deletion_of_its_parent(
    desk: Desk, open_desk: Callable[[], Desk]
) -> None:
    child, parent = failed_family(desk)
    other = open_desk()
    with other.transaction():
        other.run(jobs.delete(parent))
        retrying = desk.start(jobs.retry(child))
        wait_until_blocked(open_desk(), desk, retrying)

    with pytest.raises(JobNotFoundError):
        retrying.result()
    assert "cancelled" == desk.state(child)
