"""A cluster from its first start to its end, seen by one process."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import asyncpg
import psycopg
import pytest
import sqlalchemy
from sqlalchemy.ext.asyncio import create_async_engine

from howdah.embedded import Cluster, ClusterStatus
from howdah.errors import EmbeddedError, UsageError
from tests.integration.embedded.client import until


def ask(url: str, question: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(question.encode()).fetchone()
    return row[0] if row else None


def tell(url: str, order: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(order.encode())


def test_start_returns_a_url_for_psycopg(cluster: Cluster) -> None:
    assert 1 == ask(cluster.start(), "SELECT 1")


async def test_start_returns_a_url_for_asyncpg(cluster: Cluster) -> None:
    connection = await asyncpg.connect(cluster.start())

    assert 1 == await connection.fetchval("SELECT 1")
    await connection.close()


def test_start_returns_a_url_for_sqlalchemy_with_psycopg(cluster: Cluster) -> None:
    url = cluster.start().replace("postgresql://", "postgresql+psycopg://")
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)

    with engine.connect() as connection:
        assert 1 == connection.scalar(sqlalchemy.text("SELECT 1"))


async def test_start_returns_a_url_for_sqlalchemy_with_asyncpg(cluster: Cluster) -> None:
    url = cluster.start().replace("postgresql://", "postgresql+asyncpg://")
    engine = create_async_engine(url, poolclass=sqlalchemy.NullPool)

    async with engine.connect() as connection:
        assert 1 == await connection.scalar(sqlalchemy.text("SELECT 1"))


def test_the_url_holds_in_an_environment_that_means_another_server(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PGPORT": "6432", "PGHOST": "db.example", "PGUSER": "ann"}.items():
        monkeypatch.setenv(name, value)

    assert "postgres" == ask(cluster.start(), "SELECT current_user")


def test_what_was_committed_is_there_after_a_stop_and_a_start(cluster: Cluster) -> None:
    tell(cluster.start(), "CREATE TABLE note AS SELECT 7 AS number")
    cluster.release()

    url = cluster.start()

    assert 7 == ask(url, "SELECT number FROM note")


def test_the_server_is_durable_private_and_the_same_on_every_machine(cluster: Cluster) -> None:
    url = cluster.start()

    settings = ("fsync", "synchronous_commit", "listen_addresses", "server_encoding", "TimeZone")
    assert ["on", "on", "", "UTF8", "UTC"] == [ask(url, f"SHOW {name}") for name in settings]


def test_text_sorts_by_code_point_and_still_knows_its_letters(cluster: Cluster) -> None:
    assert "ÄB" == ask(cluster.start(), "SELECT upper('äb') WHERE 'B' < 'a'")


def test_only_the_owner_can_reach_the_socket(cluster: Cluster) -> None:
    cluster.start()

    folder = cluster.status().socket_folder

    assert folder is not None
    assert 0o700 == folder.stat().st_mode & 0o777


def test_a_normal_release_shuts_the_server_down_in_order(cluster: Cluster) -> None:
    cluster.start()
    log = cluster.status().log_file

    assert cluster.release()
    assert log.read_text().rstrip().endswith("database system is shut down")


def test_release_stops_nothing_when_nothing_was_started(cluster: Cluster) -> None:
    assert not cluster.release()


def test_a_second_release_does_nothing(cluster: Cluster) -> None:
    cluster.start()

    assert [True, False] == [cluster.release(), cluster.release()]


def test_release_accepts_that_the_server_was_killed(cluster: Cluster) -> None:
    cluster.start()
    kill_server(cluster)

    assert not cluster.release()


def test_release_accepts_that_the_folder_was_deleted_and_ends_its_server(fresh: Path) -> None:
    cluster = Cluster(fresh)
    cluster.start()
    pid = server_of(cluster)
    shutil.rmtree(fresh)

    assert cluster.release()
    until(lambda: not is_alive(pid))


def test_a_with_block_stops_the_server_at_its_end(root: Path) -> None:
    with Cluster(root) as url:
        ask(url, "SELECT 1")

    assert not Cluster(root).status().running


def test_a_with_block_stops_the_server_when_it_raises(root: Path) -> None:
    with pytest.raises(ZeroDivisionError), Cluster(root):
        raise ZeroDivisionError

    assert not Cluster(root).status().running


def test_the_last_of_two_users_stops_the_server(cluster: Cluster, root: Path) -> None:
    other = Cluster(root)
    cluster.start()
    other.start()

    assert [False, True] == [cluster.release(), other.release()]


def test_a_kept_server_outlives_its_users_until_it_is_stopped(cluster: Cluster) -> None:
    cluster.start(keep=True)

    assert not cluster.release()
    assert cluster.status().running
    assert cluster.stop()
    assert not cluster.status().running


def test_a_running_server_can_be_kept_later(cluster: Cluster) -> None:
    cluster.start()

    cluster.start(keep=True)

    assert not cluster.release()
    assert cluster.status().running


def test_keeping_ends_with_the_server_that_was_kept(cluster: Cluster) -> None:
    cluster.start(keep=True)
    kill_server(cluster)

    cluster.start()

    assert cluster.release()


def test_start_brings_back_a_server_that_someone_stopped(cluster: Cluster, root: Path) -> None:
    cluster.start()
    Cluster(root).stop()

    assert 1 == ask(cluster.start(), "SELECT 1")


def test_stop_says_whether_there_was_a_server(cluster: Cluster) -> None:
    cluster.start()

    assert [True, False] == [cluster.stop(), cluster.stop()]


def test_settings_reach_the_server(root: Path) -> None:
    with Cluster(root, settings={"work_mem": "7MB", "app.motto": "it's a \\ 'job'"}) as url:
        assert "7MB" == ask(url, "SHOW work_mem")
        assert "it's a \\ 'job'" == ask(url, "SHOW app.motto")


@pytest.mark.parametrize("name", ["port", "Listen_Addresses", "unix_socket_directories"])
def test_a_setting_that_would_lose_or_open_the_cluster_is_refused(root: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot set"):
        Cluster(root, settings={name: "1"})


@pytest.mark.parametrize(
    ("name", "value"), [("work mem", "1"), ("", "1"), ("work_mem", "1\nfsync = off")]
)
def test_a_setting_of_several_words_or_lines_is_refused(root: Path, name: str, value: str) -> None:
    with pytest.raises(UsageError, match="one line"):
        Cluster(root, settings={name: value})


def test_a_setting_that_postgres_refuses_is_reported_with_its_words(root: Path) -> None:
    cluster = Cluster(root, settings={"work_mem": "plenty"})

    with pytest.raises(EmbeddedError, match='invalid value for parameter "work_mem"'):
        cluster.start()


def test_a_start_after_a_failed_one_succeeds(cluster: Cluster, root: Path) -> None:
    with pytest.raises(EmbeddedError):
        Cluster(root, settings={"work_mem": "plenty"}).start()

    assert 1 == ask(cluster.start(), "SELECT 1")


def test_status_of_a_cluster_that_was_never_made(fresh: Path) -> None:
    status = Cluster(fresh).status()

    assert (False, None, None, 0, 0) == facts(status)
    assert not fresh.exists()


def test_status_of_a_running_cluster(cluster: Cluster, root: Path) -> None:
    url = cluster.start()

    status = cluster.status()

    assert (True, url, server_of(cluster), 1) == facts(status)[:4]
    assert str(status.data_directory) == ask(url, "SHOW data_directory")
    assert str(status.version) == ask(url, "SHOW server_version")
    assert 10_000_000 < status.size_bytes < 200_000_000


def test_status_of_a_stopped_cluster(cluster: Cluster) -> None:
    cluster.start()
    cluster.release()

    assert (False, None, None, 0) == facts(cluster.status())[:4]


def test_destroy_stops_the_server_and_leaves_no_trace(fresh: Path) -> None:
    cluster = Cluster(fresh)
    cluster.start()
    pid = server_of(cluster)

    assert cluster.destroy()
    assert not fresh.exists()
    assert not is_alive(pid)


def test_destroy_says_when_there_is_nothing(fresh: Path) -> None:
    cluster = Cluster(fresh)
    assert not cluster.destroy()


def test_destroy_leaves_what_a_cluster_did_not_make(fresh: Path) -> None:
    cluster = Cluster(fresh)
    cluster.start()
    (fresh / "notes.txt").write_text("mine")

    cluster.destroy()

    assert "mine" == (fresh / "notes.txt").read_text()


def test_destroy_refuses_a_folder_that_is_not_ours(fresh: Path) -> None:
    (fresh / "pg18").mkdir(parents=True)
    (fresh / "pg18" / "thesis.tex").write_text("mine")

    with pytest.raises(EmbeddedError, match="not made by Howdah"):
        Cluster(fresh, major=18).destroy()
    assert (fresh / "pg18" / "thesis.tex").exists()


def test_start_refuses_a_folder_that_holds_something_else(fresh: Path) -> None:
    (fresh / "pg18").mkdir(parents=True)
    (fresh / "pg18" / "thesis.tex").write_text("mine")

    with pytest.raises(EmbeddedError, match="holds something else"):
        Cluster(fresh, major=18).start()


def test_a_cluster_works_in_a_folder_with_an_odd_name(place: Path) -> None:
    with Cluster(place / "o'dd \"$HOME` 50% ünï\n") as url:
        assert 1 == ask(url, "SELECT 1")


def test_a_path_too_long_for_a_socket_gets_a_short_one_that_goes_with_the_server(
    place: Path,
) -> None:
    cluster = Cluster(place / ("long" * 30))
    cluster.start()
    folder = cluster.status().socket_folder
    assert folder is not None
    assert 0o700 == folder.stat().st_mode & 0o777

    cluster.release()

    assert not folder.exists()


def test_a_temporary_directory_too_long_for_a_socket_is_passed_over(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (far := place / ("far" * 30)).mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(far))

    with Cluster(place / ("long" * 30)) as url:
        assert 1 == ask(url, "SELECT 1")


def server_of(cluster: Cluster) -> int:
    pid = cluster.status().pid
    assert pid is not None
    return pid


def kill_server(cluster: Cluster) -> None:
    pid = server_of(cluster)
    os.kill(pid, signal.SIGKILL)
    until(lambda: not cluster.status().running)


def is_alive(pid: int) -> bool:
    """A zombie whose parent has not looked yet has no command line any more."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    except FileNotFoundError:
        return False


def facts(status: ClusterStatus) -> tuple[bool, str | None, int | None, int, int]:
    return status.running, status.url, status.pid, status.users, status.size_bytes
