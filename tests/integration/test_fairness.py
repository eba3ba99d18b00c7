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

SENT = """
    SELECT count(howdah.send('q', 't', '{}', %s::text::jsonb))
    FROM pg_catalog.generate_series(1, %s)
"""
# From before its commit until a worker had it, on the clock of the server.
DELAY = """
    SELECT extract(epoch FROM v.started_at - v.created_at)::float8
    FROM howdah.jobs AS v WHERE v.id = %s::text::uuid
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
def test_one_job_starts_within_a_second_beside_twenty_thousand_of_a_group(
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
        all_claim.wait(PATIENCE)
        sent = desk.value("SELECT howdah.send('q', 't', '{}', %s::text::jsonb)", json.dumps(other))
        while began.get(timeout=PATIENCE) != str(sent):
            pass
        is_over.set()
        for one in running:
            one.result()

    assert desk.value(DELAY, str(sent)) < 1
