"""Jobs that wait for each other, of which any may fail, be stopped, brought back or deleted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from howdah._db import flow as flows
from howdah._db import job as jobs
from howdah._db import queue as queues
from howdah._db.bulk import DELETE
from howdah._model.outcome import Verdict
from howdah._model.states import JobState
from tests.integration.machines.ground import (
    FINISHES,
    RETURNS,
    Ground,
    delays,
    far_back,
    reach,
    times,
)

WAITING = (JobState.CREATED, JobState.RETRY)
FINAL = ("completed", "failed", "expired", "cancelled")
# Seldom, or there would seldom be much.
EVERY = 20

on_failures = st.sampled_from(["block", "block", "cancel", "run"])
# For each job of a flow, how far back its parents are among all that were ever sent.
families = st.lists(
    st.lists(st.tuples(st.integers(0, 4), on_failures), max_size=3), min_size=1, max_size=4
)


class Member(NamedTuple):
    """A job, live or archived."""

    id: str
    state: str
    held: str | None
    blockers: int | None
    is_ready: bool
    is_live: bool
    start_after: float | None


class Link(NamedTuple):
    """That one waits for another."""

    parent: str
    child: str
    on_failure: str
    settled: bool


class Flows(Ground):
    """Families of jobs in one queue.

    Attributes:
        by_hand: Children that somebody brought back, which wait though a parent has failed.
    """

    said = frozenset(
        {
            "sent",
            "sent after a job that is over",
            "claimed a child",
            "cancelled by a parent",
            "went on without a parent",
            "blocked",
            "brought back",
            "deleted",
            "drained",
        }
    )

    def __init__(self) -> None:
        super().__init__()
        self.desk.run(queues.register({"q": None}))
        self.all: list[str] = []
        self.by_hand: set[str] = set()
        self.steps = 0

    @invariant()
    def all_is_as_it_should_be(self) -> None:
        self.steps += 1
        members, links = self.family()
        for one in members.values():
            if one.is_live:
                self._waits_for_no_more_than_its_parents(one, members, links)

    def _waits_for_no_more_than_its_parents(
        self, one: Member, members: dict[str, Member], links: list[Link]
    ) -> None:
        above = [link for link in links if link.child == one.id]
        unsettled = [link for link in above if not link.settled]
        assert (one.blockers or 0) == len(unsettled)
        assert (one.held == "flow") == bool(unsettled)
        assert not one.is_ready or one.held is None
        if one.held != "flow":
            queued = one.state in ("created", "retry")
            assert not queued or one.is_ready or one.held or one.start_after is not None
            return
        assert one.state in ("created", "retry")
        for link in above:
            parent = members.get(link.parent)
            is_over = parent is None or not parent.is_live
            has_succeeded = parent is not None and parent.state == "completed"
            expected = has_succeeded or (is_over and link.on_failure == "run")
            # A parent that was brought back while the child was over is waited for no more.
            assert link.settled == expected or (link.settled and one.id in self.by_hand)
            if is_over and not has_succeeded and link.on_failure == "cancel":
                assert one.id in self.by_hand

    def family(self) -> tuple[dict[str, Member], list[Link]]:
        """All jobs, and who waits for whom."""
        return {row[0]: Member(*row) for row in self.desk.sql(MEMBERS)}, [
            Link(*row) for row in self.desk.sql(LINKS)
        ]

    # Senders.

    @rule(family=families, group=st.sampled_from([None, None, "g"]))
    def send_flow(self, family: list[list[tuple[int, str]]], group: str | None) -> None:
        members, _ = self.family()
        known, texts, doomed = [one for one in self.all if one in members], [], set()
        for wanted in family:
            job_id = self.new_id()
            after = {reach(known, back): on_failure for back, on_failure in wanted if known}
            texts.append(
                flows.job_text(
                    job_id=job_id,
                    queue="q",
                    task="t",
                    args="{}",
                    options="{}" if group is None else '{"group": "g"}',
                    after=[{"id": one, "on_failure": said} for one, said in after.items()],
                )
            )
            known.append(job_id)
            over = [one for one in after if one in members and not members[one].is_live]
            self.count("sent after a job that is over", happened=over)
            doomed |= (
                {job_id}
                if any(
                    said == "cancel" and (one in doomed or self._has_failed(members.get(one)))
                    for one, said in after.items()
                )
                else set()
            )
        assert len(texts) == self.desk.run(flows.send_flow(str(UUID(int=1)), texts))
        self.all = known
        self.count("sent")
        now, _ = self.family()
        assert all("cancelled" == now[one].state for one in doomed)
        self.count("cancelled by a parent", happened=doomed)

    @staticmethod
    def _has_failed(one: Member | None) -> bool:
        return one is not None and not one.is_live and one.state != "completed"

    # Workers.

    @rule(limit=st.sampled_from([1, 2, 5]))
    def claim(self, limit: int) -> None:
        before, links = self.family()
        ready = [one for one in before.values() if one.is_ready]

        got = self.claim_some(("q",), limit)

        assert bool(got) == bool(ready)
        for claim in got:
            above = [link for link in links if link.child == claim.id]
            assert all(link.settled for link in above)
            self.count("claimed a child", happened=above)
            self.count(
                "went on without a parent",
                happened=any(self._has_failed(before.get(link.parent)) for link in above),
            )

    @precondition(lambda self: self.claims)
    @rule(back=far_back, verdict=st.sampled_from(FINISHES))
    def finish(self, back: int, verdict: Verdict) -> None:
        before, _ = self.family()
        assert self.settle(back, verdict)
        after, _ = self.family()
        ended = [one for one in before if after[one].state == "cancelled" != before[one].state]
        self.count("cancelled by a parent", happened=ended)
        self.count("blocked", happened=any(one.held for one in after.values()))

    @rule(verdict=st.sampled_from(FINISHES))
    def work(self, verdict: Verdict) -> None:
        """What is done most of the time."""
        self.claim(2)
        while self.claims:
            self.finish(0, verdict)

    @precondition(lambda self: self.claims)
    @rule(back=far_back, verdict=st.sampled_from(RETURNS), delay=delays)
    def put_back(self, back: int, verdict: Verdict, delay: float | None) -> None:
        assert self.settle(back, verdict, None if verdict is Verdict.HELD else delay)

    @precondition(lambda self: self.claims)
    @rule(limit=st.sampled_from([1, 3]))
    def crash(self, limit: int) -> None:
        self.crash_worker(limit)

    # Anyone.

    @precondition(lambda self: self.all)
    @rule(back=far_back, verb=st.sampled_from([jobs.cancel, jobs.delete, jobs.resume]))
    def stop_or_resume(self, back: int, verb: Any) -> None:
        done = self.do(verb(UUID(reach(self.all, back))))
        self.count("deleted", happened=done and verb is jobs.delete)

    @precondition(lambda self: self.all)
    @rule(back=far_back)
    def bring_back(self, back: int) -> None:
        members, _ = self.family()
        over = [one for one in self.all if one in members and not members[one].is_live]
        self._bring_back(reach(over or self.all, back))

    def _bring_back(self, one: str) -> None:
        self.by_hand.add(one)
        self.count("brought back", happened=self.do(jobs.retry(UUID(one))))

    @rule()
    def pause_and_resume_the_task(self) -> None:
        """Which holds what waits, and lifts no more than that."""
        self.desk.run(queues.pause_task("t", by=None, reason=None))
        self.desk.run(queues.hold("t", after=None, limit=1000))
        self.all_is_as_it_should_be()
        assert not any(one.is_ready for one in self.family()[0].values())
        self.desk.run(queues.resume_task("t"))
        self.desk.run(queues.lift(limit=1000))

    @rule(seconds=times)
    def let_time_pass(self, seconds: float) -> None:
        self.pass_time(seconds)
        self.promote_all()

    # The end of all waiting.

    @precondition(lambda self: self.steps > EVERY)
    @rule()
    def drain(self) -> None:
        """When each parent succeeds, or fails no more, every child runs."""
        self.steps = 0
        for _ in range(3 * len(self.all) + 3):
            while self.claims:
                assert self.settle(0, Verdict.COMPLETED)
            members, links = self.family()
            live = [one for one in members.values() if one.is_live]
            if not live:
                break
            self._help(live, members, links)
            self.pass_time(1_000)
            self.promote_all()
            self.claim(3)
        assert [] == [one for one in self.family()[0].values() if one.is_live]
        self.count("drained")

    def _help(self, live: Sequence[Member], members: dict[str, Member], links: list[Link]) -> None:
        self.desk.run(queues.lift(limit=1000))
        held = {one.id for one in live if one.held == "flow"}
        for one in live:
            if one.state == "waiting":
                self.do(jobs.resume(UUID(one.id)))
        for link in links:
            if link.child in held and not link.settled:
                if link.parent not in members:
                    # It is waited for in vain, and so would be the child, and its own.
                    self.do(DELETE.each(list(map(UUID, _below(link.child, links))), WAITING))
                elif not members[link.parent].is_live:
                    self._bring_back(link.parent)


def _below(one: str, links: list[Link]) -> set[str]:
    """A job, and all that wait for it to complete, at whatever distance."""
    found = {one}
    while more := {link.child for link in links if link.parent in found} - found:
        found |= more
    return found


MEMBERS = """
SELECT v.id::text, v.state, v.held, v.blockers, v.ready, j.id IS NOT NULL,
       extract(epoch FROM v.start_after - '2100-01-01Z')::float8
FROM howdah.jobs AS v LEFT JOIN howdah.job AS j ON j.id = v.id
"""
LINKS = "SELECT d.parent::text, d.child::text, d.on_failure, d.settled FROM howdah.dependency AS d"
