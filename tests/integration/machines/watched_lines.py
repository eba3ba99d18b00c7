"""What always holds of jobs that stand in lines, and what must hold of each claim."""

from __future__ import annotations

from collections import Counter

from hypothesis.stateful import invariant

from tests.integration.desk import Claim
from tests.integration.machines.ground import Ground
from tests.integration.machines.picture import (
    ALONE,
    ORDERED,
    Begun,
    Picture,
    Row,
    count_begun,
    look,
)


class WatchedLines(Ground):
    """A machine whose invariants are read from the rows after each rule.

    Attributes:
        was: What there was after the rule before.
        begun: What began so far, of what has limits.
        steps: How many rules were carried out since it was last drained.
        by_hand: Jobs that somebody brought back: their places were given away meanwhile.
    """

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0
        self.was = look(self.desk)
        self.begun: list[Begun] = []
        self.by_hand: set[str] = set()

    @invariant()
    def all_is_as_it_should_be(self) -> None:
        self.steps += 1
        self.was = now = look(self.desk)
        self._no_more_stand_in_a_place_than_may(now)
        self._slots_are_what_runs(now)
        for row in now.jobs.values():
            is_queued = row.state in ("created", "retry")
            assert row.ready is None or (is_queued and row.held is None)
            assert not is_queued or row.ready or row.held or row.start_after is not None

    def _no_more_stand_in_a_place_than_may(self, now: Picture) -> None:
        keys = [(row.task, row.key) for row in now.jobs.values() if row.policy is None and row.key]
        assert len(set(keys)) == len(keys)
        alone = [(row.queue, row.line) for row in now.active() if row.policy in ALONE]
        assert len(set(alone)) == len(alone)
        places = Counter((row.place, row.state) for row in now.jobs.values())
        for (place, state), count in places.items():
            assert count == 1 or place[1] != "exclusive"
            assert count == 1 or place[1] not in ("short", "stately") or state != "created"
            assert count == 1 or place[1] != "stately" or state != "active"
        exclusive = [row.place for row in now.jobs.values() if row.policy == "exclusive"]
        assert len(set(exclusive)) == len(exclusive)
        # One that was brought back by hand may wait beside another.
        tried = [
            row.place
            for row in now.jobs.values()
            if row.policy == "stately" and row.state == "retry" and row.id not in self.by_hand
        ]
        assert len(set(tried)) == len(tried)

    def _slots_are_what_runs(self, now: Picture) -> None:
        assert now.slots == {
            (row.id, name, key) for row in now.active() for name, _, key in row.entries
        }

    # Of a claim.

    def watch_claim(self, got: list[Claim], queues: tuple[str, ...], limit: int) -> None:
        """Compare what a claim took with what there was before it."""
        before, after = self.was, look(self.desk)
        expected = before.may_begin(queues, self.begun, self.now)
        rows = [before.jobs[claim.id] for claim in got]

        assert len(rows) <= limit
        assert got or not expected, expected
        for row in rows:
            assert row.ready
            assert row.queue in queues
            assert row.queue not in before.closed
        self._is_in_order(rows, before)
        self._is_within_limits(rows, before, after)
        self.begun += [Begun(name, key, self.now) for row in rows for name, _, key in row.entries]
        self._is_within_rates(rows)

    def _is_in_order(self, rows: list[Row], before: Picture) -> None:
        """Of each line the first ones, of ordered policies the one that was sent first."""
        taken = {row.id for row in rows}
        for row in rows:
            line = [
                other
                for other in before.jobs.values()
                if (other.queue, other.line) == (row.queue, row.line)
            ]
            if row.policy in ORDERED:
                assert row.id == min(other.id for other in line if other.policy in ORDERED)
            elif row.line is not None:
                ahead = [
                    other.id
                    for other in line
                    if other.priority == row.priority
                    and other.ready
                    and (other.ready, other.id) < (row.ready, row.id)
                ]
                assert taken.issuperset(ahead)
            if row.policy == "key_strict_fifo":
                assert (row.queue, row.line) not in before.blocked

    def _is_within_limits(self, rows: list[Row], before: Picture, after: Picture) -> None:
        was, now = before.running(), after.running()
        entries = {entry for row in rows for entry in row.entries}
        for name, _, key in entries:
            said = before.quotas[name]
            assert not said["blocked"]
            assert said.get("total") is None or now[name, None] <= said["total"]
            mosts = [before.most_of_key(one) for one in entries if one[::2] == (name, key)]
            known = [most for most in mosts if most is not None]
            assert len(known) < len(mosts) or now[name, key] <= max(was[name, key], *known)

    def _is_within_rates(self, rows: list[Row]) -> None:
        for name, _, key in {entry for row in rows for entry in row.entries}:
            said = self.was.quotas[name]
            if said.get("rate") is not None:
                assert count_begun(self.begun, name, key, self.now - said["per"]) <= said["rate"]
