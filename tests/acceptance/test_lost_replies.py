"""The database did what was asked, and the connection broke before it could say so."""

from __future__ import annotations

from howdah import Howdah
from howdah._worker.settings import WorkerSettings
from tests.acceptance.harness import Station
from tests.acceptance.proxy import Proxy


def test_a_claim_whose_reply_is_lost_runs_all_the_same(station: Station, proxy: Proxy) -> None:
    station.work(WorkerSettings(), url=proxy.url)
    sprung = proxy.lose_reply(role="howdah claim", reply=b"tick")

    jobs = [station.send("tick", n=n) for n in range(3)]
    station.until(sprung.is_set)
    station.until_over(seconds=15)

    assert {"completed": 3} == station.counts()
    assert {1: 3} == dict(station.sql("SELECT attempt, count(*) FROM howdah.jobs AS v GROUP BY 1"))
    assert {0} == {station.job(job)["crash_count"] for job in jobs}
    assert {str(job): 1 for job in jobs} == station.ledger.tally("run")


def test_an_outcome_whose_reply_is_lost_is_neither_lost_nor_repeated(
    station: Station, proxy: Proxy
) -> None:
    gate = station.folder / "gate"
    station.work(url=proxy.url)
    job = station.send("wait_for", gate=str(gate))
    station.until_running(job)
    sprung = proxy.lose_reply(role="howdah finish", request=str(job).encode())

    gate.touch()
    station.until(sprung.is_set)
    station.until_over(job)
    station.send("tick", n=1)
    station.until_over()

    assert "completed" == station.state(job)
    assert 1 == station.ledger.tally("run")[str(job)]
    assert [] == station.told("JobLost")


def test_a_retry_whose_reply_is_lost_comes_once(station: Station, proxy: Proxy) -> None:
    station.work(url=proxy.url)
    sprung = proxy.lose_reply(role="howdah finish", request=b"the first attempt fails")

    job = station.send("fail_first")
    station.until(sprung.is_set)
    station.until_over(job)

    assert ("completed", 2) == tuple(station.job(job)[name] for name in ("state", "attempt"))
    assert [1, 2] == [run["attempt"] for run in station.ledger.entries("run")]
    assert 1 == len(station.job(job)["errors"])


def test_a_completion_whose_commit_goes_unanswered_has_its_effect_once(
    station: Station, proxy: Proxy
) -> None:
    station.sql("CREATE TABLE howdah.effect (job uuid, fence bigint)")
    gate = station.folder / "gate"
    station.work(url=proxy.url)
    job = station.send("effect_at_gate", gate=str(gate))
    station.until_running(job)
    sprung = proxy.lose_reply(role="effect", request=b"COMMIT")

    gate.touch()
    station.until(sprung.is_set)
    station.until_over(job)
    station.send("tick", n=1)
    station.until_over()

    assert [(job,)] == station.sql("SELECT job FROM howdah.effect AS e")
    assert ("completed", "gate") == (station.state(job), station.job(job)["result"])
    assert 1 == station.ledger.tally("run")[str(job)]


async def test_a_send_whose_reply_is_lost_is_repeated_and_stored_once(
    station: Station, proxy: Proxy
) -> None:
    app = Howdah(proxy.url, schema=station.schema)

    @app.task(name="tick")
    async def tick(n: int) -> None: ...

    async with app:
        await tick.send(n=1)
        sprung = proxy.lose_reply(role="howdah", request=b"4711")
        job = await tick.send(n=4711)

    assert sprung.is_set()
    assert [(job.id,)] == station.sql(
        "SELECT id FROM howdah.jobs AS v WHERE args = %s", '{"n": 4711}'
    )
    assert job.is_new


def test_a_blocking_send_whose_reply_is_lost_is_repeated_and_stored_once(
    station: Station, proxy: Proxy
) -> None:
    app = Howdah(proxy.url, schema=station.schema)

    @app.task(name="tick")
    async def tick(n: int) -> None: ...

    app.sync.send(tick, n=1)
    sprung = proxy.lose_reply(role="howdah", request=b"4711")
    job = app.sync.send(tick, n=4711)
    app.sync.close()

    assert sprung.is_set()
    assert [(job.id,)] == station.sql(
        "SELECT id FROM howdah.jobs AS v WHERE args = %s", '{"n": 4711}'
    )
    assert job.is_new
