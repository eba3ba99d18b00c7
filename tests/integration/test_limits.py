"""Limits: never exceeded, whoever claims; and nobody waits who need not."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from howdah import Howdah, Limit, Rate
from howdah._db import job as jobs
from howdah._db import queue as queues
from howdah._db import quota as quotas
from howdah._db import worker as workers
from howdah._model.outcome import Verdict
from howdah.errors import UnknownLimitError, UsageError
from tests.conftest import Clock
from tests.integration.desk import Claim, Desk

CLAIMERS = 16
HOUR = 3600


@pytest.fixture(autouse=True)
def known_queues(desk: Desk) -> None:
    desk.run(queues.register({"q": None, "other": None}))


def send(desk: Desk, *limits: str, queue: str = "q", group: str | None = None, **more: Any) -> str:
    """Send a job that draws from limits, as SQL does."""
    options: dict[str, Any] = {**more}
    if limits:
        options["limits"] = list(limits)
    if group is not None:
        options["group"] = group
    desk.sql("SELECT howdah.put_queue(%s::text)", queue)
    return str(
        desk.value(
            "SELECT howdah.send(%s::text, 't', '{}', %s::text::jsonb)", queue, json.dumps(options)
        )
    )


def define(desk: Desk, name: str, **settings: Any) -> None:
    desk.run(quotas.register({name: settings}))


def claimed(desk: Desk, worker: int | None = None, *, limit: int = 100) -> list[Claim]:
    return desk.claim(worker, limit=limit)


def test_no_more_run_than_a_limit_allows_in_all(desk: Desk) -> None:
    define(desk, "api", total=3)
    for _ in range(5):
        send(desk, "api")

    assert 3 == len(claimed(desk))
    assert 0 == len(claimed(desk))


def test_a_slot_that_is_freed_is_given_to_the_next(desk: Desk) -> None:
    define(desk, "api", total=1)
    first, second = send(desk, "api"), send(desk, "api")
    (running,) = claimed(desk)

    desk.finish(running)

    assert first == running.id
    assert [second] == [claim.id for claim in claimed(desk)]


@pytest.mark.parametrize(
    "verdict", [Verdict.RETRY, Verdict.SNOOZED, Verdict.RELEASED, Verdict.SUSPENDED]
)
def test_a_job_that_is_put_back_holds_no_slot(desk: Desk, verdict: Verdict) -> None:
    define(desk, "api", total=1)
    send(desk, "api")
    other = send(desk, "api")
    (running,) = claimed(desk)

    desk.put_back(running, verdict=verdict, delay=60)

    assert [other] == [claim.id for claim in claimed(desk)]


def test_a_dead_worker_holds_no_slot(desk: Desk) -> None:
    define(desk, "api", total=1)
    send(desk, "api")
    worker = desk.worker()
    (running,) = claimed(desk, worker)

    desk.run(workers.release(worker, running=[], crash_limit=3))

    assert [running.id] == [claim.id for claim in claimed(desk)]


def test_each_key_has_its_own_share_of_a_limit(desk: Desk) -> None:
    define(desk, "api", total=3, per_key=1)
    ann = [send(desk, "api:ann") for _ in range(3)]
    bob = [send(desk, "api:bob") for _ in range(3)]

    assert {ann[0], bob[0]} == {claim.id for claim in claimed(desk)}


def test_a_tier_has_a_limit_of_its_own_for_each_key(desk: Desk) -> None:
    define(desk, "api", per_key=1, tiers={"pro": 2})
    for _ in range(3):
        send(desk, "api:ann")
        send(desk, "api/pro:bob")

    assert 3 == len(claimed(desk))


def test_a_job_takes_a_slot_of_each_of_its_limits(desk: Desk) -> None:
    define(desk, "api", total=5)
    define(desk, "disk", total=1)
    for _ in range(3):
        send(desk, "api", "disk")

    assert 1 == len(claimed(desk))
    assert [(1, 2), (1, 2)] == [
        (one.running, one.waiting) for one in desk.run(quotas.find()) if one.name in ("api", "disk")
    ]


def test_a_full_limit_holds_up_only_those_who_draw_from_it(desk: Desk) -> None:
    define(desk, "api", total=0)
    define(desk, "disk", total=1)
    send(desk, "api")
    plain, disk = send(desk), send(desk, "disk")

    assert {plain, disk} == {claim.id for claim in claimed(desk)}


def test_a_limit_that_nobody_defined_lets_nothing_by(desk: Desk) -> None:
    send(desk, "unknown")

    assert [] == claimed(desk)


def test_an_operators_word_stands_over_the_codes(desk: Desk) -> None:
    define(desk, "api", total=1)
    desk.run(quotas.put("api", {"total": 3}))
    define(desk, "api", total=2)
    for _ in range(5):
        send(desk, "api")

    assert 3 == len(claimed(desk))


def test_limits_are_shared_by_queues(desk: Desk) -> None:
    define(desk, "api", total=1)
    send(desk, "api", queue="q")
    send(desk, "api", queue="other")

    assert 1 == len(desk.claim(limit=10, queues=["q", "other"]))


def test_no_window_of_a_rate_has_more_than_it_allows(desk: Desk, clock: Clock) -> None:
    define(desk, "mails", rate=10, per=60)
    for _ in range(40):
        send(desk, "mails")
    worker = desk.worker(lease=3600)
    # However the pauses fall, all have begun by then.
    for _ in range(120):
        claimed(desk, worker)
        clock.advance(random.uniform(2, 12))
    begun = [
        moment
        for (moment,) in desk.sql(
            "SELECT extract(epoch FROM started_at)::float8 FROM howdah.job WHERE state = 'active'"
        )
    ]

    assert 40 == len(begun)
    for start in begun:
        assert 10 >= sum(start <= moment < start + 60 for moment in begun)


def test_each_key_has_a_rate_for_itself(desk: Desk) -> None:
    define(desk, "mails", rate=2, per=60)
    for key in ("ann", "bob") * 3:
        send(desk, f"mails:{key}")

    assert 4 == len(claimed(desk))


def test_a_claim_says_when_a_window_opens(desk: Desk) -> None:
    define(desk, "mails", rate=1, per=HOUR)
    send(desk, "mails")
    send(desk, "mails")
    worker = desk.worker()
    claimed(desk, worker)

    rows = desk.run(jobs.claim(queues=["q"], limit=5, worker_id=worker, hints=[]))

    (line,) = [row for row in rows if row[5] == "line"]
    # Rounded up to a 64th, less what has gone by since.
    assert HOUR - 60 < line[10] <= HOUR + HOUR / 64


def test_a_few_jobs_of_one_group_do_not_wait_for_the_many_of_another(desk: Desk) -> None:
    for _ in range(200):
        send(desk, group="large")
    small = send(desk, group="small")

    assert small in [claim.id for claim in claimed(desk, limit=4)]


def test_claims_go_round_the_groups(desk: Desk) -> None:
    groups = {name: [send(desk, group=name) for _ in range(4)] for name in "abcde"}
    of = {job: name for name, sent in groups.items() for job in sent}
    worker, served, got = desk.worker(), None, []

    for _ in range(10):
        rows = desk.run(
            jobs.claim(queues=["q"], limit=2, worker_id=worker, hints=[], served=served)
        )
        got += [of[row[0]] for row in rows if row[0] is not None]
        for row in rows:
            if row[5] == "line":
                served = json.dumps({"q": {"0": row[12]}})

    assert dict.fromkeys("abcde", 4) == Counter(got)
    assert set("abcde") == set(got[:6]) | set(got[4:6])
    assert 1 >= max(Counter(got[:10]).values()) - min(Counter(got[:10]).values())


def test_jobs_of_one_group_are_claimed_in_order(desk: Desk) -> None:
    sent = [send(desk, group="a") for _ in range(5)]

    assert sent == [claimed(desk, limit=1)[0].id for _ in range(5)]


def test_plain_jobs_and_those_in_lines_do_not_starve_each_other(desk: Desk) -> None:
    plain = {send(desk) for _ in range(20)}
    lined = {send(desk, group="a") for _ in range(20)}

    got = {claim.id for claim in claimed(desk, limit=10)}

    assert 5 == len(got & plain)
    assert 5 == len(got & lined)


def test_a_claim_fills_up_with_whatever_there_is(desk: Desk) -> None:
    for _ in range(20):
        send(desk)
    send(desk, group="a")

    assert 10 == len(claimed(desk, limit=10))


def test_sixteen_claimers_on_connections_of_their_own_never_exceed_a_limit(
    desk: Desk, open_desk: Callable[[], Desk]
) -> None:
    define(desk, "api", total=5, per_key=2)
    define(desk, "disk", total=3)
    for number in range(300):
        entries = [f"api:{number % 4}"] + (["disk"] if number % 2 else [])
        send(desk, *entries)
    desks = [open_desk() for _ in range(CLAIMERS)]
    seen: list[tuple[int, int, int]] = []

    def work(own: Desk) -> int:
        worker, done, idle = own.worker(), 0, 0
        chance = random.Random(worker)
        while idle < 400:
            claims = own.claim(worker, limit=chance.randint(1, 8))
            idle = 0 if claims else idle + 1
            if not claims:
                if own.value("SELECT count(*) FROM howdah.job") == 0:
                    break
                continue
            seen.append(tuple(own.sql(RUNNING)[0]))  # type: ignore[arg-type]
            done += own.finish(*claims)
        return done

    with ThreadPoolExecutor(CLAIMERS) as threads:
        done = sum(threads.map(work, desks))

    assert 300 == done
    assert 5 >= max(one[0] for one in seen)
    assert 2 >= max(one[1] for one in seen)
    assert 3 >= max(one[2] for one in seen)
    assert 0 == desk.value("SELECT count(*) FROM howdah.slot")


# Counted from the running jobs themselves, not from the slots.
RUNNING = """
    WITH held AS (
        SELECT e FROM howdah.job AS j, unnest(j.limits) AS e WHERE j.state = 'active')
    SELECT (SELECT count(*) FROM held WHERE e LIKE 'api:%%'),
           (SELECT coalesce(max(n), 0) FROM (
               SELECT count(*) AS n FROM held WHERE e LIKE 'api:%%' GROUP BY e) AS c),
           (SELECT count(*) FROM held WHERE e = 'disk')
"""


async def test_a_key_is_found_in_the_arguments_of_each_job(app: Howdah, desk: Desk) -> None:
    @app.task(limits=[Limit(total=9, per_key=1, key="tenant"), Rate(5, per=60, name="slow")])
    async def crawl(tenant: str, depth: int = 1) -> None: ...

    @app.task(group_by=lambda tenant, month: f"{tenant}-{month}")
    async def report(tenant: str, month: int = 7) -> None: ...

    await crawl.send("ann")
    await crawl.send_many([("bob",), ("ann", 2)])
    await crawl.send_many([crawl.call("eve")])
    await report.send("ann")
    await report.using(group="said").send_many([("bob", 1)])

    assert [
        (["crawl:ann", "slow"], "|crawl:ann|slow"),
        (["crawl:bob", "slow"], "|crawl:bob|slow"),
        (["crawl:ann", "slow"], "|crawl:ann|slow"),
        (["crawl:eve", "slow"], "|crawl:eve|slow"),
        (None, "ann-7"),
        (None, "said"),
    ] == desk.sql("SELECT limits, line FROM howdah.job ORDER BY id")
    assert {
        "crawl": {"total": 9, "per_key": 1},
        "slow": {"rate": 5, "per": 60.0},
    } == app.limit_definitions


@pytest.mark.parametrize("key", ["a\x1fapi", "a\x1eb", "a\x00b", "", "x" * 201])
async def test_a_key_that_many_jobs_could_not_be_sent_with_is_refused(
    app: Howdah, desk: Desk, key: str
) -> None:
    @app.task(limits=Limit(per_key=1, key=lambda n: key))
    async def crawl(n: int) -> None: ...

    @app.task(group_by=lambda n: key)
    async def report(n: int) -> None: ...

    for task in (crawl, report):
        with pytest.raises(UsageError, match="of a limit or group must have 1 to 200"):
            await task.send_many([(1,)])
        with pytest.raises(UsageError, match="of a limit or group must have 1 to 200"):
            await task.send(1)

    assert 0 == desk.value("SELECT count(*) FROM howdah.job")


def test_a_group_that_many_jobs_could_not_be_sent_with_is_refused(app: Howdah) -> None:
    @app.task
    async def report() -> None: ...

    with pytest.raises(UsageError, match="as group: it holds the character RS"):
        report.using(group="a\x1eb")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"limits": "api"}, "by 'api': give a Limit or a Rate"),
        ({"limits": 3}, "by 3: give a Limit or a Rate"),
        ({"limits": [Limit(total=1), "api"]}, "by 'api': give a Limit or a Rate"),
        ({"limits": Limit(per_key=1, key=3)}, "apart by 3: give the name"),  # type: ignore[arg-type]
        ({"group_by": 3}, "apart by 3: give the name"),
    ],
)
def test_what_limits_nothing_is_refused(app: Howdah, wrong: dict[str, Any], words: str) -> None:
    async def work(n: int) -> None: ...

    with pytest.raises(UsageError, match=words):
        app.task(**wrong)(work)


async def test_two_tasks_that_say_different_things_of_one_limit_are_refused(app: Howdah) -> None:
    @app.task(limits=Limit("api", total=1))
    async def one() -> None: ...

    @app.task(limits=Limit("api", total=2))
    async def two() -> None: ...

    with pytest.raises(UsageError, match="cannot limit 'api'"):
        app.limit_definitions  # noqa: B018


async def test_limits_are_read_and_changed(app: Howdah, desk: Desk) -> None:
    define(desk, "api", total=1)

    changed = await app.limits.put("api", total=4, tiers={"pro": 2})

    assert (4, {"pro": 2}, {"total": 1}) == (changed.total, changed.tiers, changed.code)
    assert 1 == app.sync.limits.put("api").total
    assert ["api"] == [one.name for one in await app.limits.list()]
    with pytest.raises(UsageError, match="say per what time"):
        await app.limits.put("api", rate=4)
    with pytest.raises(UnknownLimitError, match="did you mean 'api'"):
        await app.limits.get("apis")
    await app.limits.delete("api")
    with pytest.raises(UnknownLimitError):
        app.sync.limits.delete("api")


async def test_who_holds_the_slots_of_a_limit_is_read(app: Howdah, desk: Desk) -> None:
    desk.run(quotas.register({"openai": {"total": 9, "per_key": 1, "tiers": {"pro": 5}}}))
    first, _ = send(desk, "openai:ann"), send(desk, "openai:ann")
    second = send(desk, "openai/pro:bob")
    desk.claim(limit=3)

    usage = await app.limits.usage("openai")

    assert usage == app.sync.limits.usage("openai")
    assert [(first, "ann"), (second, "bob")] == [(str(one.job), one.key) for one in usage.holders]
    assert [("ann", 1, 1, 1), ("bob", 5, 1, 0)] == [
        (one.key, one.most, one.running, one.waiting) for one in usage.keys
    ]
    assert 1 == len((await app.limits.usage("openai", most=1)).holders)
    with pytest.raises(UnknownLimitError, match="did you mean 'openai'"):
        await app.limits.usage("opnai")


async def test_how_many_have_begun_in_the_window_of_a_rate_is_read(app: Howdah, desk: Desk) -> None:
    desk.run(quotas.register({"mail": {"rate": 1, "per": 64}}))
    for entry in ("mail", "mail", "mail:ann"):
        send(desk, entry)
    desk.claim(limit=3)

    usage = await app.limits.usage("mail")

    assert (1, [("ann", 1)]) == (usage.begun, [(one.key, one.begun) for one in usage.keys])


async def test_the_jobs_of_a_schedule_draw_from_the_limits_of_their_task(app: Howdah) -> None:
    @app.task(limits=Limit("api", total=1, per_key=1, key="tenant"), group_by="tenant")
    async def crawl(tenant: str) -> None: ...

    await app.schedules.put("hourly", crawl, cron="0 * * * *", args={"tenant": "ann"})
    job = await app.schedules.run_now("hourly")

    record = await job.get()
    assert (("api:ann",), "ann|api:ann") == (record.limits, record.line)


async def test_waiting_counts_where_the_queue_says_so(
    app: Howdah, desk: Desk, clock: Clock
) -> None:
    await app.queues.put("q", ageing=10)
    low = str(desk.send(priority=0))
    clock.advance(60)
    desk.send(priority=5)
    high = str(desk.send(priority=7))

    assert [high, low] == [desk.claim(limit=1)[0].id for _ in range(2)]


def test_an_empty_list_of_limits_is_none(desk: Desk) -> None:
    sent = str(desk.value("SELECT howdah.send('q', 't', '{}', '{\"limits\": []}')"))

    assert [sent] == [claim.id for claim in claimed(desk)]


def test_a_group_shares_no_line_with_a_limit_of_its_name(desk: Desk) -> None:
    define(desk, "api", total=0)
    send(desk, "api")
    free = send(desk, group="api")

    assert [free] == [claim.id for claim in claimed(desk)]


def test_a_group_that_no_index_can_hold_is_refused(desk: Desk) -> None:
    with pytest.raises(Exception, match="1500 are allowed"):
        send(desk, group="x" * 1501, delay=60)


@pytest.mark.parametrize(
    ("column", "value"), [("override", '{"total": 1.0}'), ("blocked_until", "infinity")]
)
def test_what_was_written_by_hand_stops_no_claim(desk: Desk, column: str, value: str) -> None:
    define(desk, "api", total=5)
    send(desk, "api")
    plain = send(desk)
    desk.sql(f"UPDATE howdah.quota SET {column} = %s", value)
    desk.sql("UPDATE howdah.job SET deadline = 'infinity', attempt = 2147483647")

    assert plain in [claim.id for claim in claimed(desk)]


def test_a_claim_where_others_cannot_be_seen_is_refused(desk: Desk) -> None:
    worker = desk.worker()
    desk.sql("SET default_transaction_isolation = 'repeatable read'")

    with pytest.raises(UsageError, match="cannot claim in a repeatable read transaction"):
        desk.claim(worker)


def test_a_rate_counts_from_the_claim_and_not_from_its_transaction(desk: Desk) -> None:
    define(desk, "mails", rate=1, per=60)
    send(desk, "mails")
    worker = desk.worker()

    with desk.transaction():
        desk.sql("SELECT pg_catalog.pg_sleep(0.2)")
        began = desk.value("SELECT pg_catalog.clock_timestamp()")
        desk.claim(worker)

    assert 60 <= (desk.value("SELECT counts_until FROM howdah.begun") - began).total_seconds()


def test_claims_by_hand_find_every_line(desk: Desk) -> None:
    define(desk, "api", total=0)
    for number in range(300):
        send(desk, f"api:{number}")
    free = send(desk, group="zzz")

    assert free in [claim.id for _ in range(5) for claim in claimed(desk, limit=1)]


@pytest.mark.standard("a portable schema has no position to look from")
def test_a_job_that_moves_to_another_line_is_found_there(app: Howdah, desk: Desk) -> None:
    moved, other = send(desk, group="a"), send(desk, group="b")
    desk.sql(
        "UPDATE howdah.line"
        " SET pos_xid = pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())"
    )

    desk.value('SELECT howdah.update_job(%s::text::uuid, \'{"group": "b"}\')', moved)

    assert moved in [claim.id for claim in claimed(desk)]
    assert other
