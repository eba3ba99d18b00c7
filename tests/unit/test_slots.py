"""The slots of a worker grow and shrink while they run."""

from __future__ import annotations

import asyncio

from howdah._worker.claimed import ClaimedJob
from howdah._worker.slots import Slots


class Bench:
    """Slots whose jobs wait until they are let go."""

    def __init__(self, count: int) -> None:
        self.gate = asyncio.Event()
        self.running = 0
        self.begun: list[int] = []
        self.slots = Slots(count, self.run)

    async def run(self, job: ClaimedJob, slot: int) -> None:
        self.running += 1
        self.begun.append(slot)
        await self.gate.wait()
        self.running -= 1

    def offer(self, count: int) -> None:
        for _ in range(count):
            self.slots.offer(ClaimedJob(("id", 1, 1, 0, "q", "t", 0, "{}", *[None] * 5), 0.0))

    async def turn(self) -> None:
        """Let everybody act who can."""
        for _ in range(20):
            await asyncio.sleep(0)


async def test_more_slots_take_what_waits() -> None:
    bench = Bench(1)
    bench.slots.start()
    bench.offer(4)
    await bench.turn()
    before = bench.running

    bench.slots.resize(3)
    await bench.turn()

    assert (1, 3) == (before, bench.running)
    bench.gate.set()
    await bench.slots.stop()


async def test_fewer_slots_let_what_runs_finish_and_begin_no_more() -> None:
    bench = Bench(4)
    bench.slots.start()
    bench.offer(10)
    await bench.turn()

    bench.slots.resize(1)
    await bench.turn()
    still = bench.running
    bench.begun.clear()
    bench.gate.set()
    await bench.turn()

    assert 4 == still
    assert (0, 0) == (len(bench.slots.waiting), bench.running)
    assert [0] * 6 == bench.begun
    await bench.slots.stop()


async def test_a_job_handed_to_a_slot_too_many_is_run_by_another() -> None:
    bench = Bench(3)
    bench.slots.start()
    await bench.turn()

    bench.offer(1)
    bench.slots.resize(1)
    await bench.turn()

    assert 1 == bench.running
    bench.gate.set()
    await bench.slots.stop()


async def test_slots_come_and_go_again() -> None:
    bench = Bench(2)
    bench.slots.start()
    for count in (1, 3, 1, 4):
        bench.slots.resize(count)
        await bench.turn()

    bench.offer(9)
    await bench.turn()

    assert 4 == bench.running
    bench.gate.set()
    await bench.slots.stop()
