"""What is promised of those who watch: each minute is counted once, and so is what a worker ran."""

from __future__ import annotations

from howdah._db import sample as samples
from howdah._db import warning as warnings
from howdah._db.sample import Count
from howdah._model.notice import Notice, WarningKind
from tests.integration.promises.guard import Guard
from tests.integration.promises.stage import Stage, without_waiting

SAMPLE = "functions/16_sample"
WARN = "functions/20_warn"
BACKLOG = Notice(WarningKind.QUEUE_BACKLOG, "many", "q", "q")


def _take(stage: Stage) -> int:
    return len(stage.desk.run(samples.take(crash_limit=3)))


def a_minute_is_counted_once(stage: Stage) -> None:
    stage.desk.send()

    assert [1, 0] == [_take(stage), _take(stage)]


def two_who_count_a_minute_at_once_do_not_wait_for_each_other(stage: Stage) -> None:
    stage.desk.send()

    with stage.meanwhile() as other:
        assert 1 == len(other.run(samples.take(crash_limit=3)))
        with without_waiting(stage.desk):
            assert 0 == _take(stage)


def counts_that_are_written_twice_count_once(stage: Stage) -> None:
    at = stage.desk.run(samples.now())
    for _ in range(2):
        stage.desk.run(samples.write(at, 1, [Count("q", 2, 0, [], [])]))

    assert 2 == stage.desk.value("SELECT sum(done) FROM howdah.sample")


def what_lasts_is_one_warning(stage: Stage) -> None:
    for _ in range(2):
        stage.desk.run(warnings.warn([BACKLOG]))

    assert [(2,)] == stage.desk.sql("SELECT count FROM howdah.warning")


def a_warning_that_was_over_is_another(stage: Stage) -> None:
    stage.desk.run(warnings.warn([BACKLOG]))
    stage.clock.advance(16 * 60)
    stage.desk.run(warnings.warn([BACKLOG]))

    assert 2 == stage.desk.value("SELECT count(*) FROM howdah.warning")


GUARDS = [
    Guard(
        WARN,
        "o.is_open AND o.last_at < howdah.now() - interval '15 minutes'",
        "false",
        a_warning_that_was_over_is_another,
    ),
    Guard(
        "migrations/0011_warnings",
        "CREATE UNIQUE INDEX warning_open ON howdah.warning (kind, subject) WHERE is_open;",
        "",
        what_lasts_is_one_warning,
        "no unique or exclusion constraint",
    ),
    Guard(
        SAMPLE,
        """        IF EXISTS (SELECT FROM howdah.sample AS s
                   WHERE s.queue = '' AND s.at = v_at AND s.worker_id = 0) THEN
            RETURN;
        END IF;
        INSERT INTO howdah.sample (at, worker_id, queue) VALUES (v_at, 0, '')
        ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            RETURN;
        END IF;""",
        "",
        a_minute_is_counted_once,
    ),
    Guard(
        SAMPLE,
        "    EXCEPTION WHEN lock_not_available THEN\n        RETURN;\n",
        "",
        two_who_count_a_minute_at_once_do_not_wait_for_each_other,
    ),
    Guard(
        "sample/write",
        "ON CONFLICT DO NOTHING",
        "",
        counts_that_are_written_twice_count_once,
        "duplicate key",
    ),
]
