"""What cannot be sent is refused with what is wrong, and nothing is written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from howdah import Howdah, errors
from howdah.task import Task
from tests.integration.desk import Desk

Sql = Callable[..., list[tuple[Any, ...]]]
Work = Task[..., Any, ..., Any]
LIMIT = 200


@pytest.fixture
def work(database_url: str, schema: str) -> Iterator[Work]:
    """A task that takes anything, of an app that allows few bytes."""
    app = Howdah(database_url, schema=schema, payload_limit=LIMIT)

    @app.task(name="t", queue="q")
    def work(value: Any = None) -> None: ...

    yield work
    app.sync.close()


@pytest.fixture(autouse=True)
def _nothing_is_written(desk: Desk) -> Iterator[None]:
    yield
    assert [] == desk.sql("SELECT 1 FROM howdah.job")


def send(work: Work, *args: Any, **options: Any) -> Any:
    return work.app.sync.send(work.using(**options), *args)  # type: ignore[attr-defined]


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


# Options


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("prioritee", "priority"), ("tag", "tags"), ("retries", "retry"), ("expires_in", "expire_in")],
)
def test_an_option_that_does_not_exist_is_answered_with_the_nearest(
    work: Work, wrong: str, right: str
) -> None:
    with pytest.raises(errors.UnknownOptionError, match=f"did you mean '{right}'") as caught:
        send(work, **{wrong: 1})

    assert wrong == caught.value.option


def test_a_moment_without_a_time_zone_is_refused(work: Work) -> None:
    with pytest.raises(errors.NaiveDatetimeError, match="it has no time zone"):
        send(work, start_after=datetime(2030, 1, 1))


@pytest.mark.parametrize(
    "option",
    [
        {"priority": 32_768},
        {"priority": -32_769},
        {"priority": 1.0},
        {"priority": True},
        {"start_after": -1},
        {"start_after": float("nan")},
        {"expire_in": 0},
        {"retention": -1},
        {"retry": -1},
        {"key": ""},
        {"key": "k" * 501},
        {"key": "nul\x00"},
        {"key": "\ud800"},
        {"tags": "word"},
        {"tags": ("",)},
        {"tags": ("a\x00",)},
        {"id": "42"},
    ],
    ids=str,
)
def test_an_option_out_of_range_is_a_usage_error(work: Work, option: dict[str, Any]) -> None:
    (name,) = option
    with pytest.raises(errors.UsageError, match=f"cannot use .*{name[:3]}"):
        send(work, **option)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"prioritee": 1}, "there is no option 'prioritee'.*priority"),
        ({"retry": {"limits": 1}}, "option retry"),
        ({"retry": {"limit": "3"}}, "option retry"),
        ({"retry": 3}, "option retry"),
        ([], "they must be a JSON object"),
        ({"expire_in": -9223372036854}, "option expire_in is -9223372036854"),
        ({"expire_in": 0}, "option expire_in is 0"),
        ({"expire_in": "5"}, "option expire_in"),
        ({"retention": -1}, "option retention"),
        ({"delay": -1}, "option delay"),
        ({"delay": 4e9}, "option delay"),
        ({"retry": {"delay": 1e308}}, "option retry delay"),
        ({"retry": {"limit": -1}}, "option retry limit"),
        ({"retry": {"jitter": 2}}, "option retry jitter"),
        ({"start_after": "infinity"}, "option start_after is infinity"),
        ({"tags": "word"}, "option tags"),
        ({"deadline": -1}, "option deadline"),
        ({"deadline": "infinity"}, "option deadline"),
        ({"deadline": True}, "option deadline"),
        ({"limits": ["api:a", "api:b"]}, "option limits is .*each once"),
    ],
)
def test_a_wrong_option_in_sql_is_hw005(sql: Sql, options: Any, names: str) -> None:
    sql("SELECT howdah.put_queue('q')")

    with pytest.raises(psycopg.Error, match=names) as caught:
        sql("SELECT howdah.send('q', 't', '{}', %s::text::jsonb)", json.dumps(options))

    assert "HW005" == caught.value.sqlstate


@pytest.mark.parametrize("args", ["[]", "1", "null", '"text"', None])
def test_arguments_that_are_no_object_in_sql_are_hw006(sql: Sql, args: str | None) -> None:
    with pytest.raises(psycopg.Error) as caught:
        sql("SELECT howdah.send('q', 't', %s::text::jsonb)", args)

    assert "HW006" == caught.value.sqlstate


# Values


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"a": ["x", "nul\x00"]}, "value.a[1]"),
        ({"a": "\ud800"}, "value.a"),
        ([1, float("nan")], "value[1]"),
        ({"b": float("inf")}, "value.b"),
    ],
    ids=["nul", "surrogate", "nan", "infinity"],
)
def test_a_value_that_cannot_be_stored_is_named_by_its_path(
    work: Work, value: Any, path: str
) -> None:
    with pytest.raises(errors.PayloadValueError) as caught:
        send(work, value)

    assert path == caught.value.path


@pytest.mark.parametrize("depth", [200, 20_000])
def test_a_value_nested_too_deep_is_refused(app: Howdah, depth: int) -> None:
    @app.task
    def work(value: Any) -> None: ...

    with pytest.raises(errors.PayloadValueError):
        app.sync.send(work, nested(depth))


def test_a_value_that_holds_itself_is_refused(work: Work) -> None:
    value: list[Any] = []
    value.append(value)

    with pytest.raises(errors.PayloadValueError):
        send(work, value)


def test_arguments_over_the_limit_say_how_large_they_are(work: Work) -> None:
    frame = len('{"value":""}')
    with pytest.raises(errors.PayloadTooLargeError) as caught:
        send(work, "é" * ((LIMIT - frame) // 2 + 1))

    assert (LIMIT + 2 - (LIMIT - frame) % 2, LIMIT) == (caught.value.size, caught.value.limit)


def test_arguments_as_large_as_the_limit_are_taken(work: Work, desk: Desk) -> None:
    send(work, "x" * (LIMIT - len('{"value":""}')))

    assert 1 == len(desk.sql("DELETE FROM howdah.job RETURNING 1"))


@pytest.mark.parametrize("text", [r'{"a": "\u0000"}', r'{"a": "\ud800"}', '{"a": NaN}'])
def test_sql_refuses_what_json_cannot_hold(sql: Sql, text: str) -> None:
    with pytest.raises(psycopg.Error) as caught:
        sql("SELECT howdah.send('q', 't', %s::text::jsonb)", text)

    assert caught.value.sqlstate in {"22P02", "22P05"}


# Transactions


@pytest.mark.parametrize("isolation", ["REPEATABLE READ", "SERIALIZABLE"])
def test_an_id_is_refused_where_the_archive_of_now_cannot_be_seen(
    work: Work, desk: Desk, isolation: str
) -> None:
    with psycopg.connect(desk.url) as connection:
        connection.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}".encode())

        with pytest.raises(errors.UsageError, match=f"{isolation.lower()} transaction"):
            send(work, id=uuid4(), conn=connection)
        connection.rollback()


def test_a_send_in_a_transaction_that_may_only_read_says_so(work: Work, desk: Desk) -> None:
    with psycopg.connect(desk.url) as connection:
        connection.execute(b"SET TRANSACTION READ ONLY")

        with pytest.raises(errors.DatabaseReadOnlyError, match="accepts no writes"):
            send(work, conn=connection)
        connection.rollback()
