"""What is said of where the database is: understood, or refused with words."""

from __future__ import annotations

import pytest

from howdah import Howdah
from howdah._model.database_url import checked_url, without_password
from howdah.errors import ConfigError


@pytest.mark.parametrize(
    "said",
    [
        "postgresql://me:secret@db:5432/shop?sslmode=require",
        "postgres://db/shop",
        "postgresql:///shop?host=/run/postgresql",
        "host=db dbname=shop password='a://b'",
    ],
)
def test_what_libpq_reads_is_left_as_it_is(said: str) -> None:
    assert said == checked_url(said)


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg", "psycopg2"])
def test_the_driver_of_an_sqlalchemy_url_is_dropped(driver: str) -> None:
    assert "postgresql://me:a+b@db/shop" == checked_url(f"postgresql+{driver}://me:a+b@db/shop")


@pytest.mark.parametrize("said", ["mysql://me:secret@db/shop", "sqlite:///jobs.db", "db/shop"])
def test_what_is_no_postgres_is_refused_with_what_is_expected(said: str) -> None:
    with pytest.raises(ConfigError, match=r"cannot use '.*postgresql://user:password@host") as told:
        checked_url(said)

    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("mysql://me:s@c/r:et@db/shop", "mysql://me:***@db/shop"),
        ("mysql://me@db/shop?password=secret&a=b", "mysql://me@db/shop?password=***&a=b"),
        ("me:secret@db/shop", "me:***@db/shop"),
        ("mysql://db:3306/shop", "mysql://db:3306/shop"),
    ],
)
def test_passwords_are_not_shown(said: str, shown: str) -> None:
    assert shown == without_password(said)


def test_an_app_refuses_the_url_when_it_is_made() -> None:
    with pytest.raises(ConfigError, match="mysql"):
        Howdah("mysql://db/shop")


def test_an_app_refuses_the_url_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOWDAH_DATABASE_URL", "mysql://db/shop")

    with pytest.raises(ConfigError, match="mysql"):
        _ = Howdah().database_url


def test_an_app_takes_the_url_of_sqlalchemy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOWDAH_DATABASE_URL", "postgresql+psycopg://db/shop")

    assert "postgresql://db/shop" == Howdah().database_url
    assert "postgresql://db/other" == Howdah("postgresql+asyncpg://db/other").database_url
