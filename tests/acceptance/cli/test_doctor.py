"""`howdah doctor`: each thing that can be wrong is found, and told from what is well."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from howdah._db.roles import grants
from howdah._db.statements import quote_name
from tests.acceptance.cli.program import Program
from tests.conftest import Clock

Sql = Callable[..., list[tuple[Any, ...]]]
DAY = 86_400
POOR = "howdah_test_poor"


def findings(program: Program, *words: str) -> dict[str, dict[str, Any]]:
    """What the doctor says, by check."""
    found = program.run("doctor", "--json", *words).json["findings"]
    return {finding["check"]: finding for finding in found}


@pytest.fixture
def poor(database_url: str, schema: str, program: Program) -> Iterator[Callable[[str], None]]:
    """The program as a role that may only use the schema, and what grants it more."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {POOR} LOGIN".encode())

        def grant(what: str) -> None:
            statement = f"GRANT {what} TO {POOR}".replace("howdah.", f"{quote_name(schema)}.")
            connection.execute(statement.encode())

        grant(f"USAGE ON SCHEMA {quote_name(schema)}")
        grant("SELECT ON howdah.version")
        program.environment["HOWDAH_DATABASE_URL"] = database_url.replace(
            "//postgres@", f"//{POOR}@"
        )
        yield grant
        connection.execute(f"DROP OWNED BY {POOR}".encode())
        connection.execute(f"DROP ROLE {POOR}".encode())


def test_a_sound_database_with_a_worker_is_found_sound(program: Program) -> None:
    program.start("worker", "shop:app").wait_for("worker.started")

    # The worker makes the partitions of the days to come when it has started, not before.
    for _ in range(20):
        examined = program.run("doctor", "shop:app", "--json")
        ailing = [one for one in examined.json["findings"] if one["status"] != "ok"]
        if not ailing:
            break

    assert [] == ailing
    assert 0 == examined.code


def test_each_finding_that_is_not_well_says_what_to_do(program: Program) -> None:
    text = program.run("doctor").out

    assert "warn workers        none is alive\n" in text
    assert "start one: `howdah worker module:app`" in text


def test_an_unreachable_database_fails_and_ends_the_examination(program: Program) -> None:
    program.environment["HOWDAH_DATABASE_URL"] = "postgresql://nobody@127.0.0.1:1/none"

    examined = program.run("doctor", "--json", "--schema", "howdah")

    assert 1 == examined.code
    assert [("database", "fail")] == [
        (finding["check"], finding["status"]) for finding in examined.json["findings"]
    ]


def test_a_read_only_database_fails(program: Program) -> None:
    program.environment["PGOPTIONS"] = "-c default_transaction_read_only=on"

    assert "read-only" in findings(program)["database"]["says"]


def test_a_schema_that_is_not_there_fails_with_the_command(program: Program) -> None:
    found = findings(program, "--schema", "not there")["schema"]

    assert ("fail", "run `howdah migrate --schema 'not there'`") == (
        found["status"],
        found["advice"],
    )


def test_a_schema_of_a_newer_version_fails(program: Program, sql: Sql) -> None:
    sql("INSERT INTO howdah.version (migration, name, kind) VALUES (9999, 'later', 'contract')")

    assert "9999" in findings(program)["schema"]["says"]


def test_what_a_role_lacks_is_listed(program: Program, poor: Callable[[str], None]) -> None:
    found = findings(program)

    assert ("fail", "fail") == (found["may send"]["status"], found["may work"]["status"])
    assert "EXECUTE on" in found["may send"]["says"]


def test_a_role_that_has_just_what_a_send_needs_can_send(
    program: Program, poor: Callable[[str], None]
) -> None:
    for (kind, name, privilege), roles in grants().items():
        if "producer" in roles and kind == "function":
            poor(f"{privilege} ON FUNCTION howdah.{name}")
    poor("SELECT ON howdah.jobs")
    poor("INSERT (id), SELECT (line) ON howdah.job")

    sent = program.run("jobs", "send", "welcome", "email=a@x.org", "--priority", "1")
    found = findings(program)

    assert 0 == sent.code, sent.err
    assert ("ok", "fail") == (found["may send"]["status"], found["may work"]["status"])


def test_a_role_that_owns_nothing_may_work(
    program: Program, poor: Callable[[str], None], schema: str
) -> None:
    poor(f"ALL ON ALL TABLES IN SCHEMA {quote_name(schema)}")
    poor(f"EXECUTE ON ALL FUNCTIONS IN SCHEMA {quote_name(schema)}")

    assert "ok" == findings(program)["may work"]["status"]


def test_a_queue_that_nobody_serves_fails(program: Program, sql: Sql, clock: Clock) -> None:
    sql("SELECT howdah.put_queue('lonely'), howdah.send('lonely', 'welcome')")
    clock.advance(600)

    found = findings(program)["queues"]

    assert "fail" == found["status"]
    assert "lonely: 1 job is ready, the oldest for 10 min" in found["says"]


def test_a_job_that_has_just_been_sent_is_not_stuck(program: Program, sql: Sql) -> None:
    sql("SELECT howdah.put_queue('lonely'), howdah.send('lonely', 'welcome')")

    assert "ok" == findings(program)["queues"]["status"]


def test_a_queue_whose_workers_do_not_keep_up_is_a_warning(
    program: Program, sql: Sql, clock: Clock
) -> None:
    sql("SELECT howdah.put_queue('busy'), howdah.send('busy', 'welcome')")
    clock.advance(600)
    sql("""INSERT INTO howdah.worker (lease, pid, host, concurrency, queues, version)
           VALUES ('30 s', 1, 'elsewhere', 1, '{busy}', '0')""")

    assert "warn" == findings(program)["queues"]["status"]


def test_a_queue_of_dead_letters_is_a_warning_that_does_not_ask_for_a_worker(
    program: Program, sql: Sql, clock: Clock
) -> None:
    sql("SELECT howdah.put_queue('mail-dead'), howdah.send('mail-dead', 'welcome')")
    sql("""UPDATE howdah.job SET source = '{"queue": "mail"}'""")
    clock.advance(600)

    found = findings(program)["queues"]

    assert "warn" == found["status"]
    assert "`howdah jobs redrive mail-dead`" in found["advice"]


@pytest.mark.parametrize("named_by", ["a queue", "a job"])
def test_a_queue_that_is_named_for_dead_letters_is_one(
    program: Program, sql: Sql, clock: Clock, named_by: str
) -> None:
    sql("SELECT howdah.put_queue('dead'), howdah.send('dead', 'welcome')")
    if named_by == "a queue":
        sql("""SELECT howdah.put_queue('mail', '{"dead_letter": "dead"}')""")
    else:
        sql("SELECT howdah.put_queue('mail'), howdah.send('mail', 'welcome')")
        sql("UPDATE howdah.job SET dead_letter = 'dead' WHERE queue = 'mail'")
        sql("UPDATE howdah.job SET created_at = howdah.now() + '1 h' WHERE queue = 'mail'")
    clock.advance(600)

    assert "redrive dead" in findings(program)["queues"]["advice"]


def test_a_paused_queue_is_reported_as_paused_and_not_as_a_backlog(
    program: Program, sql: Sql, clock: Clock
) -> None:
    sql("SELECT howdah.put_queue('mail'), howdah.send('mail', 'welcome')")
    assert 0 == program.run("queues", "pause", "mail", "--by", "ann").code
    clock.advance(600)

    found = findings(program)["queues"]

    assert ("warn", True) == (found["status"], found["says"].startswith("mail is paused by ann"))
    assert "`howdah queues resume mail`" in found["advice"]


def test_a_queue_that_was_told_to_come_later_is_no_backlog(
    program: Program, sql: Sql, clock: Clock
) -> None:
    sql("SELECT howdah.put_queue('mail'), howdah.send('mail', 'welcome')")
    clock.advance(600)
    sql("UPDATE howdah.queue SET blocked_until = howdah.now() + '1 min'")

    assert "ok" == findings(program)["queues"]["status"]


def test_a_blocked_key_is_a_warning_and_what_waits_behind_it_no_backlog(
    program: Program, sql: Sql, clock: Clock
) -> None:
    sql("""SELECT howdah.put_queue('mail', '{"policy": "key_strict_fifo"}')""")
    sql("""SELECT howdah.send('mail', 'welcome', '{}', '{"key": "ann"}')""")
    sql("""INSERT INTO howdah.blocked_key (queue, line, job_id)
           SELECT queue, line, id FROM howdah.job""")
    clock.advance(600)

    found = findings(program)["queues"]

    assert ("warn", True) == (found["status"], "1 key is blocked" in found["says"])
    assert "`howdah queues show mail`" in found["advice"]


def test_jobs_that_all_stand_in_lines_are_not_answered_with_more_workers(
    program: Program, sql: Sql, clock: Clock
) -> None:
    sql("""SELECT howdah.put_queue('mail'),
                  howdah.send('mail', 'welcome', '{}', '{"group": "ann"}')""")
    clock.advance(600)
    sql("""INSERT INTO howdah.worker (lease, pid, host, concurrency, queues, version)
           VALUES ('30 s', 1, 'elsewhere', 1, '{mail}', '0')""")
    ((first,),) = sql("SELECT id::text FROM howdah.job")

    assert f"`howdah jobs explain {first}`" in findings(program)["queues"]["advice"]


def test_jobs_whose_priority_no_worker_of_their_queue_takes_fail(
    program: Program, sql: Sql, clock: Clock
) -> None:
    sql("SELECT howdah.put_queue('mail'), howdah.send('mail', 'welcome')")
    clock.advance(600)
    sql("""INSERT INTO howdah.worker (lease, pid, host, concurrency, queues, version, lowest)
           VALUES ('30 s', 1, 'elsewhere', 1, '{mail}', '0', 5)""")

    found = findings(program)["queues"]

    assert "fail" == found["status"]
    assert "the live workers of this queue take only other priorities" in found["says"]

    sql("UPDATE howdah.worker SET lowest = -5")
    assert "its workers do not keep up" in findings(program)["queues"]["advice"]


@pytest.mark.parametrize("settled", [True, False])
def test_a_queue_that_is_claimed_by_hand_is_at_most_a_warning(
    program: Program, sql: Sql, clock: Clock, settled: bool
) -> None:
    sql("""SELECT howdah.put_queue('mail'), howdah.send('mail', 'welcome'),
                  howdah.send('mail', 'welcome')""")
    clock.advance(600)
    sql("SELECT FROM howdah.claim_jobs('mail')")
    if settled:
        sql("SELECT howdah.complete_job(id, fence) FROM howdah.job WHERE state = 'active'")

    found = findings(program)["queues"]

    assert ("warn", True) == (found["status"], "claimed by hand" in found["says"])


def test_a_job_held_by_a_dead_worker_fails_where_nobody_can_give_it_back(
    program: Program, sql: Sql
) -> None:
    sql("SELECT howdah.put_queue('mail'), howdah.send('mail', 'welcome')")
    sql("UPDATE howdah.job SET state = 'active', worker_id = 999, ready_xid = NULL")

    found = findings(program)["active jobs"]

    assert ("fail", True) == (found["status"], found["says"].startswith("1 job is held"))


def test_a_delayed_job_that_nobody_makes_ready_fails(
    program: Program, sql: Sql, clock: Clock
) -> None:
    sql(
        """SELECT howdah.put_queue('mail'), howdah.send('mail', 'welcome', '{}', '{"delay": 60}')"""
    )
    clock.advance(600)

    found = findings(program)["delayed jobs"]

    assert "fail" == found["status"]
    assert "9 min ago" in found["says"]


def test_tasks_that_the_app_does_not_have_are_named(program: Program, sql: Sql) -> None:
    sql("SELECT howdah.put_queue('mail'), howdah.send('mail', 'forgotten')")

    found = findings(program, "shop:app")["tasks"]

    assert "warn" == found["status"]
    assert "forgotten (1)" in found["says"]


def test_days_without_a_partition_are_a_warning(program: Program, clock: Clock) -> None:
    program.start("worker", "shop:app").wait_for("worker.started")
    clock.advance(40 * DAY)

    assert "warn" == findings(program)["partitions"]["status"]


def test_rows_in_a_default_partition_are_a_warning(program: Program, sql: Sql) -> None:
    sql("SELECT howdah.put_queue('mail'), howdah.send('mail', 'welcome')")
    sql("SELECT howdah.cancel(id) FROM howdah.job")

    said = program.run("doctor").out

    assert "1 rows stand in archive_default" in said


def test_a_transaction_that_holds_vacuum_up_is_named(program: Program, database_url: str) -> None:
    with psycopg.connect(database_url, application_name="forgetful") as connection:
        connection.execute("SELECT pg_current_xact_id()")
        pid = connection.info.backend_pid

        found = findings(program, "--old-transaction", "0")["transactions"]

    assert "warn" == found["status"]
    assert f"transaction 'forgetful' (pid {pid})" in found["says"]


def test_autovacuum_that_is_off_for_the_jobs_is_a_warning(program: Program, sql: Sql) -> None:
    sql("ALTER TABLE howdah.job SET (autovacuum_enabled = false)")

    assert "autovacuum is off" in findings(program)["vacuum"]["says"]


def test_a_schema_that_has_not_drifted_is_said_to_be_well(program: Program) -> None:
    looked = program.run("doctor", "--drift")

    assert 0 == looked.code
    assert "is as the migrations make it" in looked.out


def test_a_drift_is_printed_as_sql_that_mends_it_and_fails(
    program: Program, database_url: str, sql: Sql
) -> None:
    sql("DROP INDEX howdah.job_due")

    looked = program.run("doctor", "--drift")
    told = program.run("doctor", "--drift", "--json")
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(looked.out.encode())

    assert (1, 1) == (looked.code, told.code)
    assert ["job_due"] == [one["name"] for one in told.json["drift"]]
    assert 0 == program.run("doctor", "--drift").code
