"""Tasks of which flows are made in tests, and what became of their steps."""

from __future__ import annotations

from typing import Any

from howdah import Finished, Howdah, JobState, Step
from howdah.testing import Testbed


class Tasks:
    """Some tasks, and what ran."""

    def __init__(self, app: Howdah) -> None:
        self.ran: list[str] = []
        self.broken: set[str] = set()

        @app.task(retry=0)
        async def name(said: str) -> str:
            return self.run(said)

        @app.task(retry=0)
        async def join(words: list[str], sign: str = "+") -> str:
            return self.run(sign.join(words))

        @app.task(retry=0)
        async def flatten(rows: list[list[str]]) -> str:
            return self.run("|".join("+".join(row) for row in rows))

        @app.task(retry=0)
        async def wrap(word: str, *, sign: str = "()") -> str:
            return self.run(f"{sign[0]}{word}{sign[1]}")

        @app.task(retry=0)
        async def report(parent: Finished[str]) -> str:
            why = parent.error and parent.error["type"]
            return self.run(f"{parent.task} {parent.state} {parent.result} {why}")

        self.name, self.join, self.flatten = name, join, flatten
        self.wrap, self.report = wrap, report

    def run(self, said: str) -> str:
        if said in self.broken:
            raise ValueError(said)
        self.ran.append(said)
        return said


def state(howdah: Testbed, step: Step[Any]) -> JobState:
    """The state of a step's job."""
    return howdah.app.sync.jobs.get(step.id).state
