"""Real workers with a schedule in their code that is due every second."""

from __future__ import annotations

from tests.acceptance.harness import Station

APP = "tests.acceptance.scheduled_handlers:app"
TICKS = "SELECT job_id FROM howdah.tick AS t ORDER BY nominal"


def test_two_workers_send_one_job_each_second_though_one_dies(station: Station) -> None:
    first = station.work(app=APP)
    station.work(app=APP)
    station.until(lambda: len(station.sql(TICKS)) >= 2)
    first.kill()
    before = len(station.sql(TICKS))
    station.until(lambda: len(station.sql(TICKS)) >= before + 2)
    station.sql("UPDATE howdah.schedule SET paused_at = howdah.now()")
    station.until_over()

    ((count, jobs, span),) = station.sql(
        "SELECT count(*), count(DISTINCT job_id),"
        " extract(epoch FROM max(nominal) - min(nominal))::int FROM howdah.tick AS t"
    )
    assert count == jobs == span + 1
    assert {"completed": count} == station.counts()


def test_a_job_is_sent_within_two_seconds_of_its_tick(station: Station) -> None:
    station.work(app=APP)
    station.until(lambda: len(station.sql(TICKS)) >= 3)

    late = station.sql(
        "SELECT extract(epoch FROM j.created_at - t.nominal)::float8"
        " FROM howdah.tick AS t JOIN howdah.jobs AS j ON j.id = t.job_id"
    )

    assert [] == [seconds for (seconds,) in late if not 0 <= seconds < 2]


def test_a_tick_is_not_left_for_the_next_look_of_housekeeping(station: Station) -> None:
    station.work(app=APP)
    station.until(lambda: len(station.sql(TICKS)) >= 6)

    ((soon,),) = station.sql(
        "SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY j.created_at - t.nominal)"
        " < interval '0.5 seconds'"
        " FROM howdah.tick AS t JOIN howdah.jobs AS j ON j.id = t.job_id"
    )

    assert soon
