"""One group with very many jobs holds up no other: two claimers, each on its own connection."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import pytest

from howdah._db import queue as queues
from howdah._db import quota as quotas
from tests.integration.desk import PATIENCE, Desk

CROWD = 20_000
CLAIMERS = 2
# Whatever is under way when it is sent, and a few claims of each claimer.
BEFORE_IT = 100

SEND = "SELECT howdah.send('q', 't', '{}', %s::text::jsonb)"
SENT = """
    SELECT count(howdah.send('q', 't', '{}', %s::text::jsonb))
    FROM pg_catalog.generate_series(1, %s)
"""


@pytest.mark.parametrize(
    ("crowd", "other"),
    [
        ({"group": "big"}, {"group": "small"}),
        ({"group": "big"}, {}),
        ({"limits": ["api:big"]}, {"limits": ["api:small"]}),
    ],
    ids=["of another group", "of no group", "of another key of a limit"],
)
def test_one_job_is_among_the_next_beside_twenty_thousand_of_a_group(
    desk: Desk, open_desk: Callable[[], Desk], crowd: dict[str, object], other: dict[str, object]
) -> None:
    desk.run(queues.register({"q": None}))
    desk.run(quotas.register({"api": {"per_key": 5}}))
    assert CROWD == desk.value(SENT, json.dumps(crowd), CROWD)
    all_claim = threading.Barrier(CLAIMERS + 1)
    is_over = threading.Event()
    began: SimpleQueue[str] = SimpleQueue()

    def work(own: Desk) -> None:
        worker = own.worker()
        own.finish(*own.claim(worker, limit=10))
        all_claim.wait(PATIENCE)
        while not is_over.is_set():
            claims = own.claim(worker, limit=10)
            for claim in claims:
                began.put(claim.id)
            own.finish(*claims)

    with ThreadPoolExecutor(CLAIMERS) as threads:
        running = [threads.submit(work, open_desk()) for _ in range(CLAIMERS)]
        try:
            all_claim.wait(PATIENCE)
            sent = str(desk.value(SEND, json.dumps(other)))
            before = -began.qsize()
            while began.get(timeout=PATIENCE) != sent:
                before += 1
        finally:
            is_over.set()
        for one in running:
            one.result()

    assert before <= BEFORE_IT
