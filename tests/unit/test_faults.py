"""Which Howdah error each driver's exception becomes."""

from __future__ import annotations

import json
import socket
from typing import Any
from uuid import UUID

import asyncpg
import django.db
import psycopg
import psycopg_pool
import pytest
from psycopg import errors as pg
from sqlalchemy.exc import DBAPIError, InvalidRequestError

from howdah import errors as howdah
from howdah._db.faults import translate, translated

JOB = UUID("0190a6b0-0000-7000-8000-000000000001")


def answered(sqlstate: str, message: str = "no", **detail: Any) -> asyncpg.PostgresError:
    """What asyncpg raises when Postgres answers with an error."""
    fields = {"S": "ERROR", "C": sqlstate, "M": message, "D": json.dumps(detail)}
    return asyncpg.PostgresError.new(fields)


@pytest.mark.parametrize(
    ("sqlstate", "kind"),
    [
        ("HW001", howdah.JobLostError),
        ("HW003", howdah.JobNotFoundError),
        ("HW004", howdah.KeyTakenError),
    ],
)
def test_an_error_about_a_job_names_it(sqlstate: str, kind: type[howdah.JobError]):
    error = translate(answered(sqlstate, "cannot do that", job_id=str(JOB)), "howdah")

    assert type(error) is kind
    assert ("cannot do that", JOB) == (str(error), error.job_id)


def test_an_illegal_transition_says_verb_and_state():
    fault = answered("HW002", job_id=str(JOB), verb="cancel", state="completed")

    error = translate(fault, "howdah")

    assert isinstance(error, howdah.IllegalTransitionError)
    assert (JOB, "cancel", "completed") == (error.job_id, error.verb, error.state)


@pytest.mark.parametrize("facts", [{}, {"job_id": "17"}, {"job_id": str(JOB)}])
def test_an_answer_without_its_facts_is_a_plain_database_error(facts: dict[str, str]):
    error = translate(answered("HW002", "cannot", **facts), "howdah")

    assert type(error) is howdah.DatabaseError
    assert ("cannot", "HW002") == (str(error), error.sqlstate)


def test_an_unknown_option_is_named():
    error = translate(answered("HW005", option="priorty"), "howdah")

    assert isinstance(error, howdah.UnknownOptionError)
    assert "priorty" == error.option


@pytest.mark.parametrize("facts", [{}, {"option": ""}])
def test_a_wrong_use_without_an_option_is_a_usage_error(facts: dict[str, str]):
    assert type(translate(answered("HW005", **facts), "howdah")) is howdah.UsageError


def test_a_bad_payload_is_refused_with_its_path():
    error = translate(answered("HW006", "too odd", path="user.tags[3]"), "howdah")

    assert isinstance(error, howdah.PayloadValueError)
    assert ("too odd", "user.tags[3]") == (str(error), error.path)


def test_a_payload_over_the_limit_says_both_sizes():
    error = translate(answered("HW006", size=2_000_000, limit=1_048_576), "howdah")

    assert isinstance(error, howdah.PayloadTooLargeError)
    assert (2_000_000, 1_048_576) == (error.size, error.limit)


@pytest.mark.parametrize(
    "fault",
    [
        *map(answered, ("22P05", "22P02", "22021", "22003", "54000", "54001")),
        psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes"),
        asyncpg.DataError("invalid input for query argument $1"),
        UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
    ],
    ids=str,
)
def test_a_value_that_postgres_cannot_hold_is_a_payload_value_error(fault: Exception):
    assert isinstance(translate(fault, "howdah"), howdah.PayloadValueError)


@pytest.mark.parametrize(
    "fault",
    [
        *map(answered, ("08006", "57P01", "57P03", "53300", "3D000", "28P01")),
        psycopg.OperationalError("connection refused"),
        psycopg_pool.PoolTimeout("couldn't get a connection after 30.00 sec"),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.InterfaceError("connection has been released back to the pool"),
        ConnectionRefusedError(111, "Connection refused"),
        socket.gaierror(-2, "Name or service not known"),
        TimeoutError(),
    ],
    ids=str,
)
def test_a_database_that_does_not_answer_is_unreachable(fault: Exception):
    assert isinstance(translate(fault, "howdah"), howdah.DatabaseUnreachableError)


def test_a_missing_privilege_is_a_privilege_error():
    error = translate(answered("42501", "permission denied for schema howdah"), "howdah")

    assert isinstance(error, howdah.PrivilegeError)
    assert "permission denied for schema howdah" in str(error)


def test_a_read_only_database_is_named_so():
    assert isinstance(translate(answered("25006"), "howdah"), howdah.DatabaseReadOnlyError)


@pytest.mark.parametrize(
    ("sqlstate", "message"),
    [
        ("3F000", 'schema "jobs of ann" does not exist'),
        ("42P01", 'relation "jobs of ann.job" does not exist'),
        ("42P01", 'relation "jobs of ann.jobs" does not exist'),
    ],
)
def test_a_schema_that_is_not_there_is_missing(sqlstate: str, message: str):
    error = translate(answered(sqlstate, message), "jobs of ann")

    assert isinstance(error, howdah.SchemaMissingError)
    assert (
        "schema 'jobs of ann' is not in this database: run `howdah migrate --schema 'jobs of ann'`"
        == str(error)
    )


@pytest.mark.parametrize(
    ("sqlstate", "message"),
    [
        ("42P01", 'relation "howdah.slot" does not exist'),
        ("42883", "function howdah.send_receipt(text, text) does not exist"),
        ("42703", 'column "slot" of relation "job" does not exist'),
    ],
)
def test_a_schema_that_lacks_something_new_is_behind(sqlstate: str, message: str):
    error = translate(answered(sqlstate, message), "howdah")

    assert isinstance(error, howdah.SchemaBehindError)
    assert "run `howdah migrate`" in str(error)


def test_something_missing_elsewhere_says_nothing_of_our_schema():
    error = translate(answered("42P01", 'relation "audit.trail" does not exist'), "howdah")

    assert type(error) is howdah.DatabaseError


@pytest.mark.parametrize(
    ("sqlstate", "advice"),
    [
        ("25P02", "roll it back"),
        ("40001", "run the whole transaction again"),
        ("26000", "PgBouncer"),
    ],
)
def test_a_refusal_with_a_known_way_out_says_it(sqlstate: str, advice: str):
    error = translate(answered(sqlstate), "howdah")

    assert (howdah.DatabaseError, sqlstate) == (type(error), error.sqlstate)
    assert advice in str(error)


def test_any_other_answer_keeps_its_sqlstate():
    error = translate(answered("23514", "violates check"), "howdah")

    assert (howdah.DatabaseError, "23514") == (type(error), error.sqlstate)
    assert "the database refused the statement: violates check" == str(error)


def test_a_message_of_several_lines_becomes_one():
    error = translate(pg.SyntaxError("syntax error\nLINE 1: SELEC\n        ^"), "howdah")

    assert "the database refused the statement: syntax error; LINE 1: SELEC; ^" == str(error)


def test_what_sqlalchemy_wraps_is_found():
    wrapped = DBAPIError("SELECT", {}, pg.InsufficientPrivilege("permission denied"))

    assert isinstance(translate(wrapped, "howdah"), howdah.PrivilegeError)


def test_what_django_wraps_is_found():
    wrapped = django.db.ProgrammingError("permission denied")
    wrapped.__cause__ = pg.InsufficientPrivilege("permission denied")

    assert isinstance(translate(wrapped, "howdah"), howdah.PrivilegeError)


def test_a_session_that_must_be_rolled_back_first_is_a_usage_error():
    error = translate(InvalidRequestError("roll back first", code="7s2a"), "howdah")

    assert type(error) is howdah.UsageError
    assert "this connection cannot be used now: roll back first" == str(error)


def test_causes_that_go_in_a_circle_end():
    first, second = psycopg.OperationalError("one"), psycopg.OperationalError("two")
    first.__cause__, second.__cause__ = second, first

    assert isinstance(translate(first, "howdah"), howdah.DatabaseUnreachableError)


def test_translated_chains_the_cause():
    fault = pg.InsufficientPrivilege("permission denied")

    with pytest.raises(howdah.PrivilegeError) as caught, translated("howdah"):
        raise fault

    assert caught.value.__cause__ is fault


def test_translated_leaves_other_exceptions_alone():
    with pytest.raises(KeyError), translated("howdah"):
        raise KeyError("x")
