"""Each role does its job, and is refused the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from howdah import Howdah, Limit, Retry
from howdah._db.statements import quote_name
from howdah.errors import PrivilegeError
from tests.acceptance.cli.program import Program
from tests.acceptance.harness import until

PREFIX = "acceptance test"
ROLES = ("producer", "worker", "viewer", "operator")
As = Callable[[str], str]
Sql = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def as_role(program: Program, database_url: str) -> Iterator[As]:
    """Makes the roles by the command, and answers with the URL of a member of each."""
    owner = program.environment["HOWDAH_DATABASE_URL"]
    made = program.run("migrate", "--roles", "--prefix", PREFIX)
    assert 0 == made.code, made.err
    with psycopg.connect(database_url, autocommit=True) as connection:
        for role in ROLES:
            granted = f"GRANT {quote_name(f'{PREFIX}_{role}')} TO {_member(role)}"
            connection.execute(f"CREATE ROLE {_member(role)} LOGIN; {granted}".encode())
        yield lambda role: make_conninfo(owner, user=f"member_{role}")
        program.close()
        for role in ROLES:
            for name in (_member(role), quote_name(f"{PREFIX}_{role}")):
                connection.execute(f"DROP OWNED BY {name}; DROP ROLE {name}".encode())


def _member(role: str) -> str:
    return f"member_{role}"


def refused(url: str, schema: str, *statements: str) -> None:
    """Hold that each of these statements is denied."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            text = statement.replace("howdah.", f"{quote_name(schema)}.")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(text.encode())


def test_a_producer_sends_and_reads_results_and_nothing_else(
    as_role: As, schema: str, database_url: str
) -> None:
    app = Howdah(as_role("producer"), schema=schema)
    app.queue("short", policy="short", max_waiting=1, on_full="drop_oldest")
    limited = Limit("few", total=1)

    @app.task
    def work(n: int) -> int:
        return n

    @app.task(queue="short", limits=[limited], retry=Retry(limit=1))
    def strict(n: int) -> int:
        return n

    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"SELECT {quote_name(schema)}.put_queue('default')".encode())
    job = app.sync.send(work, 1)
    again = app.sync.send(work.using(id=job.id), 1)
    keyed = app.sync.send(work.using(key="k", debounce=60), 2)
    many = app.sync.send_many(work, [(3,), (4,)])
    for n in range(2):
        app.sync.send(strict, n)

    assert (job.id, 2) == (again.id, len(many))
    assert "created" == keyed.state() == job.state()
    with pytest.raises(PrivilegeError):
        job.cancel()
    app.sync.close()
    refused(
        as_role("producer"),
        schema,
        "SELECT howdah.claim('{q}', 1, 1, NULL)",
        "SELECT howdah.cancel(howdah.uuid7())",
        "SELECT args FROM howdah.job",
        "DELETE FROM howdah.job",
        "UPDATE howdah.job SET priority = 1",
        "SELECT * FROM howdah.archive",
        "INSERT INTO howdah.lane VALUES ('q', 0)",
        "CREATE TABLE howdah.mine (id int)",
    )


def test_a_worker_works_and_keeps_house(as_role: As, program: Program, sql: Sql) -> None:
    program.environment["HOWDAH_DATABASE_URL"] = as_role("worker")
    worker = program.start("worker", "shop:app", "--processes", "2")
    worker.wait_for("worker.started", times=2)

    program.run("jobs", "send", "welcome", "email=a@example.com", "--app", "shop:app")
    program.run("jobs", "send", "broken", "n=1", "--app", "shop:app")
    worker.wait_for("job.completed")
    worker.wait_for("job.failed")
    until(
        lambda: sql("SELECT 1 FROM howdah.log") != [] and sql("SELECT 1 FROM howdah.sample") != []
    )
    until(lambda: sql("SELECT to_regclass(%s)", f"{_quoted(program)}.archive_endless") != [(None,)])
    until(lambda: len(_partitions(sql)) > 3)

    assert 0 == worker.leave()
    assert [] == worker.log("pass.failed")
    assert [] == worker.log("database.lost")
    assert {"ok"} == {
        one["status"]
        for one in program.run("doctor", "--json").json["findings"]
        if one["check"].startswith("may ")
    }
    refused(
        as_role("worker"),
        program.environment["HOWDAH_SCHEMA"],
        "DROP TABLE howdah.archive_endless",
        "CREATE TABLE howdah.mine (id int)",
        "TRUNCATE howdah.job",
        "DELETE FROM howdah.sample",
        "INSERT INTO howdah.version VALUES (9999, 'x', 'expand')",
        "SELECT howdah.make_partition('log', 'at', '2020-01-01')",
    )


def _quoted(program: Program) -> str:
    return quote_name(program.environment["HOWDAH_SCHEMA"])


def _partitions(sql: Sql) -> list[tuple[Any, ...]]:
    return sql(
        "SELECT c.relname FROM pg_catalog.pg_inherits AS i"
        " JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid"
        " WHERE c.relname ~ '_[0-9]{8}$' AND i.inhparent ="
        " 'howdah.archive'::pg_catalog.regclass"
    )


def test_a_viewer_sees_everything_and_changes_nothing(
    as_role: As, program: Program, sql: Sql
) -> None:
    sql("SELECT howdah.put_queue('mail')")
    (job,) = sql("SELECT howdah.send('mail', 'welcome')::text")[0]
    program.environment["HOWDAH_DATABASE_URL"] = as_role("viewer")

    for command in (
        ("jobs", "list"),
        ("jobs", "show", job),
        ("queues",),
        ("queues", "stats"),
        ("jobs", "explain", job),
        ("stats",),
        ("warnings",),
        ("workers",),
        ("schedules", "list"),
    ):
        looked = program.run(*command)
        assert 0 == looked.code, (command, looked.err)
    assert 1 == program.run("jobs", "cancel", job).code
    assert "created" == program.run("jobs", "show", job, "--json").json["state"]
    refused(
        as_role("viewer"),
        program.environment["HOWDAH_SCHEMA"],
        "SELECT howdah.send('mail', 'welcome')",
        "SELECT howdah.cancel(howdah.uuid7())",
        "UPDATE howdah.job SET priority = 1",
        "DELETE FROM howdah.warning",
        "INSERT INTO howdah.queue (name) VALUES ('x')",
    )


def test_an_operator_acts_on_jobs_and_queues_and_does_not_work(
    as_role: As, program: Program, sql: Sql
) -> None:
    sql("SELECT howdah.put_queue('mail')")
    jobs = [sql("SELECT howdah.send('mail', 'welcome')::text")[0][0] for _ in range(3)]
    program.environment["HOWDAH_DATABASE_URL"] = as_role("operator")

    for command in (
        ("jobs", "cancel", jobs[0]),
        ("jobs", "retry", jobs[0]),
        ("jobs", "cancel", jobs[1]),
        ("jobs", "delete", jobs[1], "--yes"),
        ("jobs", "send", "welcome", "{}", "--queue", "mail"),
        ("warnings", "--clear"),
    ):
        acted = program.run(*command)
        assert 0 == acted.code, (command, acted.err)
    app = Howdah(as_role("operator"), schema=program.environment["HOWDAH_SCHEMA"])
    app.sync.queues.pause("mail", by="ann")
    app.sync.queues.resume("mail")
    app.sync.queues.put("mail", max_waiting=10)
    app.sync.close()
    assert [("retry",)] == sql("SELECT state FROM howdah.jobs WHERE id = %s", jobs[0])
    refused(
        as_role("operator"),
        program.environment["HOWDAH_SCHEMA"],
        "SELECT howdah.claim('{mail}', 1, 1, NULL)",
        "SELECT howdah.make_partitions(3)",
        "TRUNCATE howdah.job",
        "DELETE FROM howdah.version",
        "CREATE TABLE howdah.mine (id int)",
    )


def test_what_somebody_else_has_to_run_is_printed(
    program: Program, database_url: str, schema: str
) -> None:
    name = quote_name(schema)
    program.environment["HOWDAH_DATABASE_URL"] = make_conninfo(database_url, user="humble")
    with psycopg.connect(database_url, autocommit=True) as connection:

        def run(*statements: str) -> None:
            for statement in statements:
                connection.execute(statement.encode())

        run(
            "CREATE ROLE humble LOGIN",
            f"GRANT USAGE ON SCHEMA {name} TO humble",
            f"GRANT SELECT ON {name}.version TO humble",
        )
        tried = program.run("migrate", "--roles", "--prefix", "printed")
        run("DROP OWNED BY humble", "DROP ROLE humble", "DO $roles$" + _after(tried.out))
        made = connection.execute(
            b"SELECT count(*) FROM pg_catalog.pg_roles WHERE rolname LIKE 'printed\\_%'"
        ).fetchone()
        for role in ROLES:
            run(f"DROP OWNED BY printed_{role}", f"DROP ROLE printed_{role}")

    assert 1 == tried.code
    assert "may not create roles" in tried.err
    assert (4,) == made


def _after(out: str) -> str:
    return out.partition("DO $roles$")[2]
