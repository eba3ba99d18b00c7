"""What is promised of lines: no limit is exceeded, no rate, and nobody is passed over for ever."""

from __future__ import annotations

import json
from typing import Any

from howdah._db import queue as queues
from howdah._db import quota as quotas
from howdah._db import worker as workers
from tests.integration.desk import Claim, Desk
from tests.integration.promises.guard import Guard
from tests.integration.promises.stage import Stage, without_waiting


def two_claimers_at_once_do_not_exceed_a_limit(stage: Stage) -> None:
    _define(stage.desk, "api", total=1)
    _send(stage.desk, "api")
    _send(stage.desk, "api")

    with stage.meanwhile() as other:
        assert 1 == len(_claim(other))
        assert [] == _claim(stage.desk)
    assert [] == _claim(stage.desk)


def a_limit_counts_what_runs(stage: Stage) -> None:
    _define(stage.desk, "api", total=1)
    _send(stage.desk, "api")
    _send(stage.desk, "api")

    assert 1 == len(_claim(stage.desk))
    assert [] == _claim(stage.desk)


def lines_that_share_a_limit_share_what_is_left(stage: Stage) -> None:
    _define(stage.desk, "api", total=3)
    for key in "abcde":
        _send(stage.desk, f"api:{key}")

    assert 3 == len(_claim(stage.desk))


def a_key_has_no_more_than_its_share(stage: Stage) -> None:
    _define(stage.desk, "api", per_key=1)
    _send(stage.desk, "api:ann")
    _send(stage.desk, "api:ann")

    assert 1 == len(_claim(stage.desk))
    assert [] == _claim(stage.desk)


def a_rate_counts_what_began(stage: Stage) -> None:
    _define(stage.desk, "mails", rate=1, per=60)
    _send(stage.desk, "mails")
    _send(stage.desk, "mails")

    stage.desk.finish(*_claim(stage.desk))

    assert [] == _claim(stage.desk)


def claims_of_one_moment_add_up(stage: Stage) -> None:
    _define(stage.desk, "mails", rate=2, per=86_400)
    for _ in range(3):
        _send(stage.desk, "mails")

    assert [1, 1, 0] == [len(stage.desk.claim(limit=1)) for _ in range(3)]


def a_window_of_a_rate_ends(stage: Stage) -> None:
    _define(stage.desk, "mails", rate=1, per=60)
    _send(stage.desk, "mails")
    _send(stage.desk, "mails")
    stage.desk.finish(*_claim(stage.desk))

    stage.clock.advance(62)

    assert 1 == len(_claim(stage.desk))


def an_unknown_limit_lets_nothing_by(stage: Stage) -> None:
    _send(stage.desk, "unknown")

    assert [] == _claim(stage.desk)


def a_blocked_limit_lets_nothing_by(stage: Stage) -> None:
    _define(stage.desk, "api", total=5)
    _send(stage.desk, "api")
    stage.desk.run(quotas.block(60, queue="q", name="api"))

    assert [] == _claim(stage.desk)


def a_blocked_queue_is_left_out(stage: Stage) -> None:
    stage.desk.send()
    stage.desk.run(quotas.block(60, queue="q", name=None))

    assert [] == stage.desk.claim()


def a_paused_queue_is_left_out(stage: Stage) -> None:
    stage.desk.send()
    stage.desk.run(queues.register({"q": None}))
    stage.desk.run(queues.pause("q", by=None, reason=None))

    assert [] == stage.desk.claim()


def what_ends_frees_its_slots(stage: Stage) -> None:
    _define(stage.desk, "api", total=1)
    _send(stage.desk, "api")

    stage.desk.finish(*_claim(stage.desk))

    assert 0 == stage.desk.value("SELECT count(*) FROM howdah.slot")


def what_is_put_back_frees_its_slots(stage: Stage) -> None:
    _define(stage.desk, "api", total=1)
    _send(stage.desk, "api")

    stage.desk.put_back(*_claim(stage.desk), delay=60)

    assert 0 == stage.desk.value("SELECT count(*) FROM howdah.slot")


def what_a_dead_worker_held_frees_its_slots(stage: Stage) -> None:
    _define(stage.desk, "api", total=1)
    _send(stage.desk, "api")
    (claim,) = _claim(stage.desk)

    stage.desk.run(workers.release(claim.worker, running=[], crash_limit=3))

    assert 0 == stage.desk.value("SELECT count(*) FROM howdah.slot")


def a_claimer_that_sees_another_first_does_not_run_two_of_a_singleton(stage: Stage) -> None:
    stage.desk.run(queues.put("q", {"policy": "singleton"}))

    with stage.meanwhile() as claimer:
        with stage.meanwhile() as sender:
            sender.send()
            stage.desk.send()
            assert 1 == len(_claim(claimer))
        with without_waiting(stage.desk):
            assert [] == _claim(stage.desk)


def a_key_that_failed_is_blocked(stage: Stage) -> None:
    stage.desk.run(queues.put("q", {"policy": "key_strict_fifo"}))
    stage.desk.send(key="a")
    stage.desk.sql("INSERT INTO howdah.blocked_key VALUES ('q', 'a', pg_catalog.gen_random_uuid())")

    assert [] == _claim(stage.desk)


def a_number_that_is_none_is_not_kept(stage: Stage) -> None:
    try:
        stage.desk.run(quotas.put("api", {"total": "many"}))
    except Exception:
        return
    raise AssertionError("a claim would fail on it")


def _define(desk: Desk, name: str, **settings: Any) -> None:
    desk.run(quotas.register({name: settings}))


def _send(desk: Desk, *limits: str) -> None:
    desk.run(queues.register({"q": None}))
    desk.sql("SELECT howdah.send('q', 't', '{}', %s::text::jsonb)", json.dumps({"limits": limits}))


def _claim(desk: Desk) -> list[Claim]:
    return desk.claim(limit=50)


LINE = "functions/16_claim_line"
CLAIM = "functions/04_claim"

GUARDS = [
    Guard(
        LINE,
        "ORDER BY q.name\n                  FOR NO KEY UPDATE SKIP LOCKED",
        "ORDER BY q.name",
        two_claimers_at_once_do_not_exceed_a_limit,
    ),
    Guard(
        LINE,
        "WHEN 'total' THEN (SELECT coalesce(sum(s.n), 0) FROM held AS s",
        "WHEN 'total' THEN (SELECT 0 * coalesce(sum(s.n), 0) FROM held AS s",
        a_limit_counts_what_runs,
    ),
    Guard(
        LINE,
        "SELECT x.place, min(greatest(x.free - x.taken, 0)) AS n",
        "SELECT x.place, min(greatest(x.free, 0)) AS n",
        lines_that_share_a_limit_share_what_is_left,
    ),
    Guard(
        LINE,
        "WHERE s.name = d.name AND s.key = d.key)",
        "WHERE false)",
        a_key_has_no_more_than_its_share,
    ),
    Guard(
        LINE,
        "WHEN 'rate' THEN (SELECT coalesce(sum(b.jobs), 0)",
        "WHEN 'rate' THEN (SELECT 0 * coalesce(sum(b.jobs), 0)",
        a_rate_counts_what_began,
    ),
    Guard(
        LINE,
        "SET jobs = b.jobs + EXCLUDED.jobs)",
        "SET jobs = b.jobs)",
        claims_of_one_moment_add_up,
    ),
    Guard(
        LINE,
        "WHERE b.name = d.name AND b.key = d.key\n"
        "                                           AND b.counts_until > howdah.now())",
        "WHERE b.name = d.name AND b.key = d.key)",
        a_window_of_a_rate_ends,
    ),
    Guard(
        LINE,
        "CASE WHEN q.name IS NULL OR q.blocked > 0 THEN 0 END",
        "CASE WHEN q.blocked > 0 THEN 0 END",
        an_unknown_limit_lets_nothing_by,
    ),
    Guard(
        LINE,
        "CASE WHEN q.name IS NULL OR q.blocked > 0 THEN 0 END",
        "CASE WHEN q.name IS NULL THEN 0 END",
        a_blocked_limit_lets_nothing_by,
    ),
    Guard(
        CLAIM,
        "AND coalesce(s.blocked_until <= howdah.now(), true)",
        "",
        a_blocked_queue_is_left_out,
    ),
    Guard(CLAIM, "WHERE s.paused_at IS NULL", "WHERE true", a_paused_queue_is_left_out),
    Guard(
        "functions/05_finish",
        "WHERE g.limits IS NOT NULL AND s.job_id = g.id",
        "WHERE false",
        what_ends_frees_its_slots,
    ),
    Guard(
        "functions/06_put_back",
        "WHERE b.limits IS NOT NULL AND s.job_id = b.id",
        "WHERE false",
        what_is_put_back_frees_its_slots,
    ),
    Guard(
        "functions/10_sweep",
        "AND s.job_id = j.id\n        RETURNING s.name)",
        "AND false\n        RETURNING s.name)",
        what_a_dead_worker_held_frees_its_slots,
    ),
    Guard(
        LINE,
        "WHERE q.name = p_queue FOR NO KEY UPDATE SKIP LOCKED",
        "WHERE q.name = p_queue",
        a_claimer_that_sees_another_first_does_not_run_two_of_a_singleton,
    ),
    Guard(
        "functions/15_line",
        "OR p_policy = 'key_strict_fifo' AND EXISTS (",
        "OR false AND EXISTS (",
        a_key_that_failed_is_blocked,
    ),
    Guard(
        "migrations/0007_limits",
        "CHECK (howdah.is_quota(code) AND howdah.is_quota(override))",
        "CHECK (true)",
        a_number_that_is_none_is_not_kept,
    ),
]
