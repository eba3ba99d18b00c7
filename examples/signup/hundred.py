"""Signs up a hundred people, three of them a second time, and compares what came of it.

Each run has people of its own, so that it can be repeated on the same database.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import quantiles
from uuid import uuid4

import httpx
from rich.console import Console
from rich.table import Table
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from examples.signup.inbox import Inbox, Mail
from examples.signup.models import connect, jobs

SIGN_UPS = 100
REPEATED = 3
AT_ONCE = 4
SETTLE_SECONDS = 60
POLL_SECONDS = 0.05
FINAL = {"completed", "failed", "expired", "cancelled"}
NAMES = ("Ann", "Björn", "Chidi", "Daniela", "Emeka", "Farah", "Goran", "Hana", "Inés", "Jun")

Person = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Report:
    """What was asked for, and what is there.

    Attributes:
        people: Address and first name of everyone who should have a user and a mail.
        answers: How often the service answered with which status.
        committing_at: For each address, when its commit began.
        states: How many jobs for these addresses there are, by state.
        mails: What arrived.
    """

    people: Sequence[Person]
    answers: Counter[int]
    committing_at: dict[str, float]
    states: dict[str, int]
    mails: Sequence[Mail]

    def problems(self) -> list[str]:
        """Name everything that is not as it must be."""
        return list(self._problems())

    def print_table(self, console: Console) -> None:
        """Print what happened, in a few lines."""
        table = Table(show_header=False)
        table.add_row("sign-ups posted", str(self.answers.total()))
        table.add_row("saved", str(self.answers[201]))
        table.add_row("rolled back, address taken", str(self.answers[409]))
        for state, count in sorted(self.states.items()):
            table.add_row(f"jobs {state}", str(count))
        table.add_row("mails", str(len(self.mails)))
        table.add_row("commit to handler, p50", f"{self._percentile(50):.1f} ms")
        table.add_row("commit to handler, p99", f"{self._percentile(99):.1f} ms")
        console.print(table)

    def _problems(self) -> Iterator[str]:
        answers = {201: len(self.people), 409: REPEATED}
        if answers != self.answers:
            yield f"the service answered {dict(self.answers)}, not {answers}"
        states = {"completed": len(self.people)}
        if states != self.states:
            yield f"the jobs are {self.states}, not {states}"
        expected = Counter((email, f"Welcome, {name}!") for email, name in self.people)
        arrived = Counter((mail.recipient, mail.subject) for mail in self.mails)
        yield from (f"no mail to {email}: {subject}" for email, subject in expected - arrived)
        yield from (
            f"a mail too many to {email}: {subject}" for email, subject in arrived - expected
        )

    def _percentile(self, percent: int) -> float:
        waits = [
            (mail.started_at - self.committing_at[mail.recipient]) * 1000
            for mail in self.mails
            if mail.recipient in self.committing_at
        ]
        if len(waits) < 2:
            return float("nan")
        return quantiles(waits, n=100, method="inclusive")[percent - 1]


async def sign_up_a_hundred(*, url: str, database_url: str, inbox: Inbox) -> Report:
    """Post the sign-ups, and wait until every job has ended and its mail has arrived."""
    domain = f"{uuid4().hex[:8]}.example"
    people = [
        (f"{number:03}@{domain}", NAMES[number % len(NAMES)])
        for number in range(SIGN_UPS - REPEATED)
    ]
    posts = [*people, *random.sample(people, REPEATED)]
    random.shuffle(posts)
    answers: Counter[int] = Counter()
    committing_at: dict[str, float] = {}
    async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as client:
        turns = asyncio.Semaphore(AT_ONCE)

        async def post(email: str, first_name: str) -> None:
            async with turns:
                body = {"email": email, "first_name": first_name}
                answer = await client.post("/signups", json=body)
            answers[answer.status_code] += 1
            if answer.is_success:
                committing_at[email] = answer.json()["committing_at"]

        async with asyncio.TaskGroup() as group:
            for person in posts:
                group.create_task(post(*person))
    states = await _settled(connect(database_url), domain)
    return Report(people, answers, committing_at, states, tuple(inbox.mails))


async def _settled(engine: AsyncEngine, domain: str) -> dict[str, int]:
    """Wait until every job for this domain has ended, or long enough, and count them by state."""
    deadline = time.monotonic() + SETTLE_SECONDS
    count_by_state = (
        select(jobs.c.state, func.count())
        .where(jobs.c.task == "welcome", jobs.c.args["email"].astext.endswith(domain))
        .group_by(jobs.c.state)
    )
    try:
        while True:
            async with engine.connect() as connection:
                rows = await connection.execute(count_by_state)
                states: dict[str, int] = dict(rows.tuples().all())
            if states.keys() <= FINAL or time.monotonic() > deadline:
                return states
            await asyncio.sleep(POLL_SECONDS)
    finally:
        await engine.dispose()
