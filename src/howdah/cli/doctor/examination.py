"""The checks in their order. What cannot be asked without an answer before is not asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from howdah._db import doctor as questions
from howdah._db import faults, migrate, session
from howdah._db.runners.psycopg import PsycopgRunner
from howdah.cli.doctor import backlog, connection, privileges, upkeep
from howdah.cli.doctor.finding import Finding, fail, ok, warn
from howdah.cli.target import Target
from howdah.errors import HowdahError, PrivilegeError


def examine(target: Target, *, patience: float, old_transaction: float) -> Iterator[Finding]:
    """Run every check that can be run.

    Args:
        target: The database, the schema, and the app where it is known.
        patience: A job that is ready for more seconds than that is taken for stuck.
        old_transaction: A transaction that is open for more seconds than that holds vacuum up.
    """
    try:
        opened, found = session.connect_blocking(target.url, target.schema, name="howdah doctor")
    except HowdahError as error:
        yield _refused("database", error)
        return
    with opened:
        runner = PsycopgRunner(opened, target.schema, prepare=False if found.is_pooled else None)
        server = runner.run(questions.server())
        yield ok("database", f"PostgreSQL {server.version}, {server.database}, as {server.role}")
        yield from connection.check_durability(runner)
        yield connection.check_clock(runner)
        try:
            with faults.translated(target.schema):
                number = migrate.found_migration(opened, target.schema)
            migrate.check_found(number, target.schema)
        except HowdahError as error:
            yield _refused("schema", error)
            return
        yield ok("schema", f"{target.schema!r} is at migration {number}, as this version needs")
        held = runner.run(questions.privileges(target.schema))
        yield from privileges.check(held, server.role)
        yield from _where_allowed(
            "notifications",
            lambda: [connection.check_notifications(opened, runner, is_pooled=found.is_pooled)],
        )
        yield from _of_the_tables(runner, target, patience, old_transaction)


def _of_the_tables(
    runner: PsycopgRunner, target: Target, patience: float, old_transaction: float
) -> Iterator[Finding]:
    schema = target.schema
    yield from _where_allowed("partitions", lambda: upkeep.check_partitions(runner, schema))
    yield from _where_allowed("jobs", lambda: backlog.check(runner, target.app, patience=patience))
    yield from _where_allowed("warnings", lambda: backlog.check_warnings(runner))
    yield from _where_allowed("vacuum", lambda: [upkeep.check_vacuum(runner, schema)])
    yield from _where_allowed("transactions", lambda: upkeep.check_horizon(runner, old_transaction))


def _where_allowed(name: str, check: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """A check that the role may not make says so, and does not hold up the others."""
    try:
        yield from check()
    except PrivilegeError:
        yield warn(name, "this role may not look", "ask again as the owner of the schema")


def _refused(check: str, error: HowdahError) -> Finding:
    """An error of ours says what is the case, and behind the last mark what to do."""
    mark = "; " if "; " in str(error) else ": "
    says, _, advice = str(error).rpartition(mark)
    return fail(check, says or advice, advice)
