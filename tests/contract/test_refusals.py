"""What the database refuses: the same error on every kind of connection."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import UUID, uuid4

import psycopg
import pytest

from howdah import errors
from howdah._db import job
from howdah._db.query import Query
from howdah._db.statements import quote_name
from tests.contract.drivers import Driver

Connect = Callable[..., Awaitable[Driver]]


def send(*, args: str = "{}", options: str = "{}", task: str = "welcome") -> Query[job.Receipt]:
    return job.send(queue="mail", task=task, args=args, options=options)


UNSTORABLE = {
    "an array": send(args="[1]"),
    "an escaped NUL": send(args='{"name": "\\u0000"}'),
    "an escaped surrogate": send(args='{"name": "\\ud800"}'),
    "NaN": send(args='{"n": NaN}'),
    "a NUL": send(args='{"name": "a\0b"}'),
    "a surrogate": send(args='{"name": "\ud800"}'),
    "20,000 levels": send(args="[" * 20_000 + "]" * 20_000),
    "a NUL in a name": send(task="wel\0come"),
    "an id that is no UUID": send(options='{"id": "17"}'),
    "a priority over the range": send(options='{"priority": 1000000000}'),
    "a key too long to index": send(
        options=json.dumps({"key": "".join(map(chr, range(256, 20_000)))})
    ),
}


async def refused(driver: Driver, query: Query[object]) -> errors.HowdahError:
    """The error of a query that must fail."""
    with pytest.raises(errors.HowdahError) as caught:
        await driver.run(query)
    assert caught.value.__cause__ is not None
    return caught.value


async def test_an_option_that_does_not_exist_is_named(driver: Driver):
    error = await refused(driver, send(options='{"priorty": 1}'))

    assert isinstance(error, errors.UnknownOptionError)
    assert "priorty" == error.option


async def test_cancelling_a_job_that_is_not_there_says_so(driver: Driver):
    job_id = uuid4()

    error = await refused(driver, job.cancel(job_id))

    assert isinstance(error, errors.JobNotFoundError)
    assert job_id == error.job_id


async def test_cancelling_a_finished_job_says_its_state(driver: Driver):
    receipt = await driver.run(send())
    await driver.run(job.cancel(receipt.id))

    error = await refused(driver, job.cancel(receipt.id))

    assert isinstance(error, errors.IllegalTransitionError)
    assert (receipt.id, "cancel", "cancelled") == (error.job_id, error.verb, error.state)


async def test_completing_a_job_that_is_not_ours_says_it_is_lost(driver: Driver):
    receipt = await driver.run(send())

    error = await refused(driver, job.complete(str(receipt.id), 7, None))

    assert isinstance(error, errors.JobLostError)
    assert receipt.id == error.job_id


async def test_a_value_that_cannot_be_stored_is_a_payload_value_error(driver: Driver):
    stored = []

    for name, query in UNSTORABLE.items():
        with suppress(errors.PayloadValueError):
            async with driver.transaction():
                await driver.run(query)
                stored.append(name)

    assert [] == stored


async def test_after_a_refusal_the_transaction_asks_to_be_rolled_back(driver: Driver):
    async with driver.transaction():
        await driver.run(send())

    with pytest.raises(errors.HowdahError) as second:  # noqa: PT012
        async with driver.transaction():
            await refused(driver, send(options='{"priorty": 1}'))
            await driver.run(send())

    assert "roll" in str(second.value)


async def test_a_refusal_inside_a_savepoint_leaves_the_rest(driver: Driver):
    async with driver.transaction():
        first = await driver.run(send())
        with pytest.raises(errors.UnknownOptionError):
            async with driver.transaction():
                await driver.run(send(options='{"priorty": 1}'))
        found = await driver.run(job.get(first.id))

    assert found is not None


@pytest.mark.parametrize("query", [send(), job.get(UUID(int=1)), job.cancel(UUID(int=1))])
async def test_a_schema_that_was_never_migrated_is_missing(connect: Connect, query: Query[object]):
    driver = await connect(schema="nobody's 50% :schema")

    error = await refused(driver, query)

    assert isinstance(error, errors.SchemaMissingError)
    assert (
        'schema "nobody\'s 50% :schema" is not in this database:'
        """ run `howdah migrate --schema 'nobody'"'"'s 50% :schema'`"""
    ) == str(error)


async def test_a_schema_without_a_newer_function_is_behind(driver: Driver, schema: str):
    async with driver.transaction():
        await driver.fetch(f"DROP FUNCTION {quote_name(schema)}.cancel")
        error = await refused(driver, job.cancel(uuid4()))

    assert isinstance(error, errors.SchemaBehindError)


async def test_a_role_without_privileges_is_told_which_it_lacks(
    driver: Driver, watch: psycopg.Connection, schema: str
):
    role = quote_name(f"stranger to {schema}")
    watch.execute(f"CREATE ROLE {role}".encode())

    try:
        async with driver.transaction():
            await driver.fetch(f"SET LOCAL ROLE {role}")
            error = await refused(driver, send())
    finally:
        watch.execute(f"DROP ROLE {role}".encode())

    assert isinstance(error, errors.PrivilegeError)
    assert f"permission denied for schema {schema}" in str(error)


async def test_a_read_only_transaction_is_named_so(driver: Driver):
    async with driver.transaction():
        await driver.fetch("SET TRANSACTION READ ONLY")
        error = await refused(driver, send())

    assert isinstance(error, errors.DatabaseReadOnlyError)


async def test_a_connection_that_breaks_is_unreachable(driver: Driver, watch: psycopg.Connection):
    [(pid,)] = await driver.fetch("SELECT pg_backend_pid()")
    watch.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])

    error = await refused(driver, send())

    assert isinstance(error, errors.DatabaseUnreachableError)


# Sessions and Django open another connection when theirs was closed.
@pytest.mark.parametrize(
    "kind",
    [
        "psycopg",
        "psycopg-async",
        "asyncpg",
        "asyncpg-pool",
        "sqlalchemy-connection",
        "sqlalchemy-async-psycopg",
    ],
)
async def test_a_connection_that_was_closed_is_unreachable_or_unusable(driver: Driver):
    await driver.close()

    error = await refused(driver, send())

    assert isinstance(error, (errors.DatabaseUnreachableError, errors.UsageError))
