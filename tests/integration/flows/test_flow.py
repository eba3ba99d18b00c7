"""Flows: children wait for their parents, get their results, and follow them when they fail."""

from __future__ import annotations

from uuid import uuid4

import psycopg
import pytest

from howdah import Context, Howdah, JobFilter, JobState, Step, chain, chord, group
from howdah._db import job as jobs
from howdah.errors import (
    IllegalTransitionError,
    JobAwaitedError,
    JobCancelledError,
    JobNotFoundError,
    KeyTakenError,
    PayloadMismatchError,
    UsageError,
)
from howdah.testing import Testbed
from tests.integration.flows.tasks import Tasks, state


async def test_a_child_runs_after_its_parents_and_gets_their_results(
    howdah: Testbed, tasks: Tasks
) -> None:
    async with howdah.app.flow() as flow:
        a = flow.add(tasks.name.call("a"))
        b = flow.add(tasks.name.call("b"))
        c = flow.add(tasks.join.call([a.result, b.result], sign="-"))

    await howdah.drain()

    assert "a-b" == await flow.result(c)
    assert "a-b" == tasks.ran[-1]


async def test_a_result_fills_one_argument_and_the_others_are_as_given(
    howdah: Testbed, tasks: Tasks
) -> None:
    async with howdah.app.flow() as flow:
        a = flow.add(tasks.name.call("a"))
        flow.add(tasks.wrap.call(sign="[]", word=a.result))

    await howdah.drain()

    assert ["a", "[a]"] == tasks.ran


async def test_nothing_is_stored_before_the_end_of_the_block(howdah: Testbed, tasks: Tasks) -> None:
    async with howdah.app.flow() as flow:
        flow.add(tasks.name.call("a"))
        assert [] == howdah.sent()

    assert 1 == len(howdah.sent())


async def test_nothing_is_stored_when_the_block_raises(howdah: Testbed, tasks: Tasks) -> None:
    async def half_way() -> None:
        async with howdah.app.flow() as flow:
            flow.add(tasks.name.call("a"))
            raise LookupError

    with pytest.raises(LookupError):
        await half_way()

    assert [] == howdah.sent()


async def test_an_empty_flow_is_no_error(howdah: Testbed) -> None:
    async with howdah.app.flow():
        ...

    assert [] == howdah.sent()


async def test_a_flow_belongs_to_the_callers_transaction(howdah: Testbed, tasks: Tasks) -> None:
    connection = await psycopg.AsyncConnection.connect(howdah.database_url)
    async with connection, howdah.app.flow(conn=connection) as flow:
        a = flow.add(tasks.name.call("a"))
        flow.add(tasks.name.call("b"), after=[a])
        await flow.send()
        await connection.rollback()

    assert [] == howdah.sent()


def test_a_flow_can_be_sent_without_await(howdah: Testbed, tasks: Tasks) -> None:
    with howdah.app.sync.flow() as flow:
        a = flow.add(tasks.name.call("a"))
        b = flow.add(tasks.wrap.call(a.result))

    howdah.sync.drain()

    assert "(a)" == flow.result(b)
    assert "(a)" == flow.job(b).result()


async def test_a_child_that_is_to_start_later_waits_for_its_time_as_well(
    howdah: Testbed, tasks: Tasks
) -> None:
    async with howdah.app.flow() as flow:
        a = flow.add(tasks.name.call("a"))
        flow.add(tasks.name.using(start_after=60).call("b"), after=[a])

    await howdah.drain()
    assert ["a"] == tasks.ran
    await howdah.advance(61)
    assert ["a", "b"] == tasks.ran


async def test_a_child_whose_time_comes_first_waits_for_its_parents(
    howdah: Testbed, tasks: Tasks
) -> None:
    async with howdah.app.flow() as flow:
        a = flow.add(tasks.name.using(start_after=60).call("a"))
        flow.add(tasks.name.using(start_after=30).call("b"), after=[a])

    await howdah.advance(45)
    assert [] == tasks.ran
    await howdah.advance(45)
    assert ["a", "b"] == tasks.ran


@pytest.mark.parametrize("finished_first", [False, True])
async def test_a_job_sent_before_can_be_a_parent(
    howdah: Testbed, tasks: Tasks, finished_first: bool
) -> None:
    job = await tasks.name.send("a")
    if finished_first:
        await howdah.drain()

    async with howdah.app.flow() as flow:
        flow.add(tasks.name.call("b"), after=[job])
        flow.add(tasks.name.call("c"), after=[job.id])
    await howdah.drain()

    assert "a" == tasks.ran[0]
    assert {"b", "c"} == set(tasks.ran[1:])


async def test_a_parent_that_has_failed_when_the_child_is_sent_counts_as_failed(
    howdah: Testbed, tasks: Tasks
) -> None:
    tasks.broken.add("a")
    job = await tasks.name.send("a")
    await howdah.drain()

    async with howdah.app.flow() as flow:
        run = flow.add(tasks.name.call("b"), after=[job], on_failure="run")
        cancel = flow.add(tasks.name.call("c"), after=[job], on_failure="cancel")
        block = flow.add(tasks.name.call("d"), after=[job], on_failure="block")
    await howdah.drain()

    assert ["completed", "cancelled", "created"] == [
        state(howdah, step) for step in (run, cancel, block)
    ]


async def test_a_parent_that_does_not_exist_is_refused_and_nothing_is_stored(
    howdah: Testbed, tasks: Tasks
) -> None:
    flow = howdah.app.flow()
    flow.add(tasks.name.call("a"))
    flow.add(tasks.name.call("b"), after=[uuid4()])

    with pytest.raises(JobNotFoundError, match=r"cannot wait for job .*: there is no such job"):
        await flow.send()

    assert [] == howdah.sent()


async def test_a_key_that_is_held_refuses_the_whole_flow(howdah: Testbed, tasks: Tasks) -> None:
    await tasks.name.using(key="k").send("a")

    flow = howdah.app.flow()
    flow.add(tasks.name.call("b"))
    flow.add(tasks.name.using(key="k").call("c"))
    with pytest.raises(KeyTakenError, match="let another job of task name stand for it"):
        await flow.send()

    assert 1 == len(howdah.sent())


# What a parent that fails does.


async def test_a_blocked_child_waits_until_its_parent_is_retried_and_completes(
    howdah: Testbed, tasks: Tasks
) -> None:
    tasks.broken.add("a")
    async with howdah.app.flow() as flow:
        a = flow.add(tasks.name.call("a"))
        b = flow.add(tasks.wrap.call(a.result))
    await howdah.drain()
    assert ["failed", "created"] == [state(howdah, step) for step in (a, b)]

    tasks.broken.clear()
    await flow.job(a).retry()
    await howdah.drain()

    assert "(a)" == await flow.result(b)


async def test_a_blocked_child_can_be_cancelled_by_hand(howdah: Testbed, tasks: Tasks) -> None:
    tasks.broken.add("a")
    async with howdah.app.flow() as flow:
        a = flow.add(tasks.name.call("a"))
        b = flow.add(tasks.wrap.call(a.result))
    await howdah.drain()

    assert JobState.CANCELLED == await flow.job(b).cancel()


async def test_cancel_takes_all_that_come_after_and_names_the_parent(
    howdah: Testbed, tasks: Tasks
) -> None:
    tasks.broken.add("a")
    async with howdah.app.flow(on_failure="cancel") as flow:
        a = flow.add(tasks.name.call("a"))
        b = flow.add(tasks.wrap.call(a.result))
        c = flow.add(tasks.wrap.call(b.result))
    await howdah.drain()

    with pytest.raises(JobCancelledError, match=f"its parent name \\({a.id}\\) has failed"):
        await flow.result(b)
    with pytest.raises(JobCancelledError, match=f"its parent wrap \\({b.id}\\) was cancelled"):
        await flow.result(c)


async def test_a_child_that_was_cancelled_and_is_retried_waits_for_its_parent_again(
    howdah: Testbed, tasks: Tasks
) -> None:
    tasks.broken.add("a")
    async with howdah.app.flow(on_failure="cancel") as flow:
        a = flow.add(tasks.name.call("a"))
        b = flow.add(tasks.wrap.call(a.result))
    await howdah.drain()

    tasks.broken.clear()
    await flow.job(b).retry()
    await howdah.drain()
    assert [] == tasks.ran
    await flow.job(a).retry()
    await howdah.drain()

    assert "(a)" == await flow.result(b)


async def test_a_cancelled_child_gets_what_its_parent_completed_with_since(
    howdah: Testbed, tasks: Tasks
) -> None:
    tasks.broken.add("a")
    async with howdah.app.flow(on_failure="cancel") as flow:
        a = flow.add(tasks.name.call("a"))
        b = flow.add(tasks.wrap.call(a.result))
    await howdah.drain()

    tasks.broken.clear()
    await flow.job(a).retry()
    await howdah.drain()
    assert JobState.CANCELLED == state(howdah, b)
    await flow.job(b).retry()
    await howdah.drain()

    assert "(a)" == await flow.result(b)


async def test_a_child_that_runs_anyway_sees_how_its_parent_failed(
    howdah: Testbed, tasks: Tasks
) -> None:
    tasks.broken.add("a")
    async with howdah.app.flow() as flow:
        a = flow.add(tasks.name.call("a"))
        b = flow.add(tasks.report.call(a.finished), on_failure="run")
    await howdah.drain()

    assert "name failed None ValueError" == await flow.result(b)


async def test_a_child_that_runs_anyway_sees_what_its_parent_completed_with(
    howdah: Testbed, tasks: Tasks
) -> None:
    async with howdah.app.flow() as flow:
        a = flow.add(tasks.name.call("a"))
        b = flow.add(tasks.report.call(a.finished), on_failure="run")
    await howdah.drain()

    assert "name completed a None" == await flow.result(b)


async def test_a_parent_that_is_tried_again_is_not_over(howdah: Testbed, tasks: Tasks) -> None:
    tasks.broken.add("a")
    async with howdah.app.flow(on_failure="cancel") as flow:
        a = flow.add(tasks.name.using(retry=1).call("a"))
        b = flow.add(tasks.wrap.call(a.result))
    await howdah.drain()
    assert ["retry", "created"] == [state(howdah, step) for step in (a, b)]

    tasks.broken.clear()
    await howdah.advance(3600)

    assert "(a)" == await flow.result(b)


async def test_a_waiting_child_waits_for_a_completed_parent_that_runs_again(
    howdah: Testbed, tasks: Tasks
) -> None:
    tasks.broken.add("b")
    async with howdah.app.flow() as flow:
        a = flow.add(tasks.name.call("a"))
        b = flow.add(tasks.name.call("b"))
        c = flow.add(tasks.join.call([a.result, b.result]))
    await howdah.drain()

    await flow.job(a).retry()
    tasks.broken.clear()
    await flow.job(b).retry()
    assert 2 == howdah.app.sync.jobs.get(c.id).blockers
    await howdah.drain()

    assert "a+b" == await flow.result(c)


async def test_a_child_that_ran_stays_as_it_is_when_its_parent_runs_again(
    howdah: Testbed, tasks: Tasks
) -> None:
    async with howdah.app.flow() as flow:
        a = flow.add(tasks.name.call("a"))
        flow.add(tasks.wrap.call(a.result))
    await howdah.drain()

    await flow.job(a).retry()
    await howdah.drain()

    assert ["a", "(a)", "a"] == tasks.ran


async def test_a_chain_of_a_thousand_is_cancelled_at_once(howdah: Testbed, tasks: Tasks) -> None:
    tasks.broken.add("a")
    async with howdah.app.flow(on_failure="cancel") as flow:
        step: Step[str] = flow.add(tasks.name.call("a"))
        for _ in range(1_000):
            step = flow.add(tasks.name.call("b"), after=[step])
    await howdah.drain()

    assert JobState.CANCELLED == state(howdah, step)
    counts = {state: n for _, state, n in howdah.app.sync.jobs.counts()}
    assert {"failed": 1, "cancelled": 1_000} == counts


# Chains, groups and chords.


async def test_a_chain_hands_each_result_on(howdah: Testbed, tasks: Tasks) -> None:
    async with howdah.app.flow() as flow:
        end = flow.add(
            chain(
                tasks.name.call("a"),
                tasks.wrap,
                lambda word: tasks.wrap.call(word, sign="[]"),
            )
        )
    await howdah.drain()

    assert "[(a)]" == await flow.result(end)


async def test_a_call_in_a_chain_only_comes_after(howdah: Testbed, tasks: Tasks) -> None:
    async with howdah.app.flow() as flow:
        flow.add(chain(tasks.name.call("a"), tasks.name.call("b"), tasks.wrap.using(priority=9)))
    await howdah.drain()

    assert ["a", "b", "(b)"] == tasks.ran


async def test_a_group_has_the_list_of_its_results(howdah: Testbed, tasks: Tasks) -> None:
    async with howdah.app.flow() as flow:
        parts = flow.add(group(tasks.name.call("a"), tasks.name.call("b")))
        flow.add(tasks.name.call("c"), after=[parts])
    await howdah.drain()

    assert ["a", "b"] == await flow.result(parts)
    assert "c" == tasks.ran[-1]


async def test_a_chord_calls_back_with_all_results(howdah: Testbed, tasks: Tasks) -> None:
    async with howdah.app.flow() as flow:
        end = flow.add(chord([tasks.name.call(word) for word in "abc"], tasks.join))
    await howdah.drain()

    assert "a+b+c" == await flow.result(end)


async def test_chains_groups_and_chords_nest(howdah: Testbed, tasks: Tasks) -> None:
    pairs = group(
        group(tasks.name.call("a"), chain(tasks.name.call("b"), tasks.wrap)),
        group(chord([tasks.name.call("c"), tasks.name.call("d")], tasks.join)),
    )
    async with howdah.app.flow() as flow:
        end = flow.add(
            chain(
                tasks.name.call("first"),
                pairs,
                tasks.flatten,
                lambda all_: group(tasks.wrap.call(all_), tasks.wrap.call(all_, sign="[]")),
                tasks.join,
            )
        )
    await howdah.drain()

    assert "(a+(b)|c+d)+[a+(b)|c+d]" == await flow.result(end)
    assert "first" == tasks.ran[0]


async def test_an_empty_group_holds_nothing_up(howdah: Testbed, tasks: Tasks) -> None:
    async with howdah.app.flow() as flow:
        flow.add(chain(tasks.name.call("a"), group(), tasks.join))
    await howdah.drain()

    assert ["a", ""] == tasks.ran


# What is refused.


async def test_arguments_are_checked_beside_those_that_parents_fill(tasks: Tasks) -> None:
    a = Step[str](uuid4())
    with pytest.raises(PayloadMismatchError, match="sign: input should be a valid string"):
        tasks.join.call([a.result], sign=7)  # type: ignore[arg-type]
    with pytest.raises(PayloadMismatchError, match="said is missing"):
        tasks.name.call(sad=a.result)  # type: ignore[call-arg]
    with pytest.raises(UsageError, match="a list of nothing but results"):
        tasks.join.call([a.result, "b"])


async def test_what_a_flow_cannot_do_is_refused_with_words(howdah: Testbed, tasks: Tasks) -> None:
    flow = howdah.app.flow()
    a = flow.add(tasks.name.call("a"))

    with pytest.raises(UsageError, match=r"there is none then; take its `\.finished`"):
        flow.add(tasks.wrap.call(a.result), on_failure="run")
    with pytest.raises(UsageError, match="there is no on_failure='stop'"):
        flow.add(tasks.name.call("b"), on_failure="stop")  # type: ignore[call-overload]
    with pytest.raises(UsageError, match="which makes its ids itself"):
        flow.add(tasks.name.using(id=uuid4()).call("b"))
    with pytest.raises(UsageError, match="another job could stand for this one"):
        flow.add(tasks.name.using(throttle=60).call("b"))
    with pytest.raises(UsageError, match=r"with conn to a flow.* app.flow\(conn=...\)"):
        flow.add(tasks.name.using(conn=object()).call("b"))
    with pytest.raises(UsageError, match="cannot read the result of a job that is not over"):
        tasks.name.call(f"{a.result}")
    with pytest.raises(UsageError, match=r"give task.call\(...\), or a chain"):
        flow.add(tasks.name)  # type: ignore[call-overload]
    with pytest.raises(UsageError, match="give a list"):
        flow.add(tasks.name.call("b"), after=a)  # type: ignore[call-overload]
    with pytest.raises(UsageError, match="a task of another app"):
        Howdah().flow().add(tasks.name.call("b"))
    with pytest.raises(UsageError, match=r"add the call to a flow"):
        await tasks.wrap.send_many([tasks.wrap.call(a.result)])
    await flow.send()
    with pytest.raises(UsageError, match="cannot add to a flow that was sent"):
        flow.add(tasks.name.call("b"))
    with pytest.raises(UsageError, match="this flow was sent already"):
        await flow.send()


async def test_a_parent_is_not_deleted_while_a_child_would_wait_for_ever(
    howdah: Testbed, tasks: Tasks
) -> None:
    async with howdah.app.flow() as flow:
        a = flow.add(tasks.name.call("a"))
        b = flow.add(tasks.wrap.call(a.result))
    delete = howdah.app.jobs.delete

    with pytest.raises(JobAwaitedError, match=rf"job {b.id} \(wrap\) waits for it") as caught:
        await delete(a.id)

    assert (a.id, (b.id,)) == (caught.value.job_id, caught.value.children)
    assert JobState.CREATED is state(howdah, a)
    await howdah.app.jobs.cancel(b.id)
    assert JobState.CREATED is await delete(a.id)


async def test_a_failed_parent_is_not_deleted_while_it_blocks_a_child(
    howdah: Testbed, tasks: Tasks
) -> None:
    tasks.broken.add("a")
    async with howdah.app.flow() as flow:
        a = flow.add(tasks.name.call("a"))
        children = [flow.add(tasks.name.call(str(n)), after=[a]) for n in range(2)]
    await howdah.drain()

    report = await howdah.app.jobs.delete_many([a.id])

    first = min(child.id for child in children)
    assert f"2 jobs wait for it to complete, such as {first} (name)" in str(report.refused[a.id])


async def test_parents_are_deleted_together_with_all_who_wait_for_them(
    howdah: Testbed, tasks: Tasks
) -> None:
    async with howdah.app.flow() as flow:
        a = flow.add(tasks.name.call("a"))
        b = flow.add(tasks.wrap.call(a.result))
        c = flow.add(tasks.wrap.call(b.result))

    refused = (await howdah.app.jobs.delete_many([a.id, b.id])).refused
    report = await howdah.app.jobs.delete_many(JobFilter(state="created"))

    assert {a.id, b.id} == refused.keys()
    assert (3, {}) == (report.done, report.refused)
    with pytest.raises(JobNotFoundError):
        state(howdah, c)


async def test_children_of_a_deleted_parent_that_say_so_are_cancelled(
    howdah: Testbed, tasks: Tasks
) -> None:
    tasks.broken.add("a")
    async with howdah.app.flow(on_failure="cancel") as flow:
        a = flow.add(tasks.name.call("a"))
        b = flow.add(tasks.name.call("b"), after=[a])
        c = flow.add(tasks.name.call("c"))
        d = flow.add(tasks.name.call("d"), after=[c])
    await howdah.app.jobs.delete(c.id)
    await howdah.drain()
    await howdah.app.jobs.retry(b.id)

    await howdah.app.jobs.delete(a.id)

    assert [JobState.CANCELLED] * 2 == [state(howdah, b), state(howdah, d)]


async def test_a_blocked_child_says_what_frees_it(howdah: Testbed, tasks: Tasks) -> None:
    tasks.broken.add("a")
    async with howdah.app.flow() as flow:
        a = flow.add(tasks.name.call("a"))
        b = flow.add(tasks.wrap.call(a.result))
    await howdah.drain()

    text = str(await howdah.app.jobs.explain(b.id))

    assert f"run that again with `howdah jobs retry {a.id}`" in text
    assert f"give this one up with `howdah jobs cancel {b.id}`" in text


async def test_a_parent_that_is_deleted_counts_as_cancelled(howdah: Testbed, tasks: Tasks) -> None:
    async with howdah.app.flow() as flow:
        a = flow.add(tasks.name.call("a"))
        b = flow.add(tasks.report.call(a.finished), on_failure="run")
        c = flow.add(tasks.name.call("c"), after=[a], on_failure="cancel")
    await howdah.app.jobs.delete(a.id)
    await howdah.drain()

    assert "name cancelled None Deleted" == await flow.result(b)
    assert JobState.CANCELLED == state(howdah, c)


async def test_a_flow_can_complete_with_the_callers_transaction(howdah: Testbed) -> None:
    ended: list[str] = []

    @howdah.app.task(retry=0)
    async def parent(ctx: Context, *, commits: bool) -> None:
        connection = await psycopg.AsyncConnection.connect(howdah.database_url)
        async with connection:
            await ctx.complete(conn=connection)
            if not commits:
                await connection.rollback()

    @howdah.app.task
    async def child(said: str) -> None:
        ended.append(said)

    async with howdah.app.flow() as flow:
        flow.add(child.call("yes"), after=[flow.add(parent.call(commits=True))])
        flow.add(child.call("no"), after=[flow.add(parent.call(commits=False))])
    await howdah.drain()

    assert ["yes"] == ended


async def test_an_argument_that_was_changed_meanwhile_is_not_filled(
    howdah: Testbed, tasks: Tasks
) -> None:
    async with howdah.app.flow() as flow:
        a = flow.add(tasks.name.call("a"))
        b = flow.add(tasks.wrap.call(a.result))
    howdah.app.sync.run(jobs.update(b.id, '{"args": {"word": "other"}}'))
    await howdah.drain()

    assert "(other)" == await flow.result(b)


async def test_the_key_of_a_limit_cannot_be_a_result(howdah: Testbed, tasks: Tasks) -> None:
    @howdah.app.task(group_by="tenant")
    async def tidy(tenant: str) -> None: ...

    with pytest.raises(UsageError, match="must be known when a job is sent"):
        tidy.call(Step[str](uuid4()).result)


async def test_parents_and_children_can_be_looked_at(howdah: Testbed, tasks: Tasks) -> None:
    tasks.broken.add("a")
    async with howdah.app.flow() as flow:
        a = flow.add(tasks.name.call("a"))
        b = flow.add(tasks.report.call(a.finished), on_failure="run")
        c = flow.add(tasks.name.call("c"), after=[b, a])
    await howdah.drain()

    found = await howdah.app.jobs.dependencies(b.id)
    (parent,), (child,) = found.parents, found.children
    assert (a.id, "name", "failed", "run", True) == (
        parent.id, parent.task, parent.state, parent.on_failure, parent.is_settled,
    )  # fmt: skip
    assert (c.id, "created", "block", True) == (
        child.id, child.state, child.on_failure, child.is_settled,
    )  # fmt: skip
    parents = (await howdah.app.jobs.dependencies(c.id)).parents
    assert {a.id: False, b.id: True} == {one.id: one.is_settled for one in parents}
    job = await howdah.app.jobs.get(c.id)
    assert ("flow", 1, flow.id) == (job.held, job.blockers, job.flow_id)


async def test_a_child_that_is_held_cannot_be_resumed_or_retried(
    howdah: Testbed, tasks: Tasks
) -> None:
    async with howdah.app.flow() as flow:
        a = flow.add(tasks.name.call("a"))
        b = flow.add(tasks.name.call("b"), after=[a])

    with pytest.raises(IllegalTransitionError):
        await flow.job(b).retry()
    with pytest.raises(IllegalTransitionError):
        await flow.job(b).resume()
