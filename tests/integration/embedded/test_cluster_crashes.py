"""Several processes share a cluster; each of them, and the server, may be killed at any moment."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from howdah.embedded import Cluster
from howdah.embedded.account import choose_account
from tests.integration.embedded.client import MODULES, Client, until

Start = Callable[[Path], Client]

COMING_AND_GOING = """
import random, sys
from pathlib import Path
import psycopg
from howdah.embedded import Cluster

for _ in range(8):
    with Cluster(Path(sys.argv[1])) as url:
        for _ in range(random.randrange(4)):
            psycopg.connect(url).close()
"""


def answers(url: str) -> bool:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT 1").fetchone() == (1,)


def server_of(cluster: Cluster) -> int:
    pid = cluster.status().pid
    assert pid is not None
    return pid


def lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def drafts(root: Path) -> list[Path]:
    """The folders in which an initdb is at work, once it has written something."""
    return [path for path in root.glob("pg*/init-*") if (path / "PG_VERSION").exists()]


@pytest.fixture
def innocent() -> Iterator[subprocess.Popen[bytes]]:
    """A process of the server's user that has nothing to do with us."""
    # Postgres itself overlooks a process of another user.
    process = subprocess.Popen(["sleep", "600"], cwd="/", **choose_account().drop)
    yield process
    process.kill()
    process.wait()


def test_eight_processes_at_once_make_one_cluster_and_the_last_one_out_stops_it(
    client: Start, fresh: Path
) -> None:
    clients = [client(fresh) for _ in range(8)]

    urls = {one.url() for one in clients}

    assert 1 == len(urls)
    assert 8 == Cluster(fresh).status().users
    assert [False] * 7 + [True] == [one.release() for one in clients]
    assert not Cluster(fresh).status().running


def test_processes_leaving_at_once_stop_the_server(client: Start, root: Path) -> None:
    clients = [client(root) for _ in range(4)]
    for one in clients:
        one.url()

    for one in clients:
        one.send(signal.SIGTERM)

    assert {3} == {one.wait() for one in clients}
    assert not Cluster(root).status().running


def test_a_process_that_ends_releases_by_itself(client: Start, root: Path) -> None:
    other = client(root)
    other.url()

    assert 0 == other.leave()
    assert not Cluster(root).status().running


def test_a_forked_child_that_exits_does_not_put_its_parent_out(client: Start, root: Path) -> None:
    other = client(root)
    url = other.url()

    other.fork_a_child_that_exits()

    assert answers(url)
    assert 1 == Cluster(root).status().users


def test_a_killed_process_no_longer_counts_and_the_next_one_takes_its_server_over(
    client: Start, cluster: Cluster, root: Path
) -> None:
    other = client(root)
    url = other.url()
    server = server_of(cluster)
    other.kill()
    assert 0 == cluster.status().users

    assert url == cluster.start()
    assert server == server_of(cluster)
    assert cluster.release()


def test_a_killed_server_is_started_again_with_all_that_was_committed(cluster: Cluster) -> None:
    with psycopg.connect(cluster.start(), autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS kept")
        connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS number")
        os.kill(server_of(cluster), signal.SIGKILL)

    with psycopg.connect(cluster.start()) as connection:
        assert (1000,) == connection.execute("SELECT count(*) FROM kept").fetchone()


def test_a_server_killed_with_all_its_processes_is_started_again(cluster: Cluster) -> None:
    cluster.start()
    server = psutil.Process(server_of(cluster))
    for process in [server, *server.children()]:
        process.kill()

    assert answers(cluster.start())


def test_the_pid_of_a_killed_server_may_belong_to_another_process_by_now(
    cluster: Cluster, root: Path, innocent: subprocess.Popen[bytes]
) -> None:
    cluster.start()
    status = cluster.status()
    os.kill(server_of(cluster), signal.SIGKILL)
    until(lambda: not cluster.status().running)
    give_pid_away(status.data_directory / "postmaster.pid", innocent.pid)
    socket_lock = next((root / "pg18" / "socket").glob(".s.PGSQL.*.lock"))
    give_pid_away(socket_lock, innocent.pid)

    assert answers(cluster.start())
    assert cluster.release()
    assert innocent.poll() is None


def test_stop_does_not_touch_a_process_that_got_the_servers_pid(
    cluster: Cluster, innocent: subprocess.Popen[bytes]
) -> None:
    cluster.start()
    status = cluster.status()
    os.kill(server_of(cluster), signal.SIGKILL)
    until(lambda: not cluster.status().running)
    give_pid_away(status.data_directory / "postmaster.pid", innocent.pid)

    cluster.stop()

    assert innocent.poll() is None


def give_pid_away(file: Path, pid: int) -> None:
    lines = file.read_text().splitlines()
    file.write_text("\n".join([str(pid), *lines[1:]]) + "\n")


def test_a_client_killed_in_the_middle_of_initdb_leaves_nothing_in_the_way(
    client: Start, fresh: Path
) -> None:
    other = client(fresh)
    until(lambda: drafts(fresh))
    other.kill()

    with Cluster(fresh) as url:
        assert answers(url)
        assert [] == drafts(fresh)


def test_an_initdb_that_is_killed_leaves_nothing_in_the_way(client: Start, fresh: Path) -> None:
    other = client(fresh)
    until(lambda: drafts(fresh))
    family = psutil.Process(other.pid).children(recursive=True)
    for process in [psutil.Process(other.pid), *family]:
        process.kill()

    with Cluster(fresh) as url:
        assert answers(url)
        assert [] == drafts(fresh)


def test_a_start_ended_by_sigterm_leaves_no_server_behind(client: Start, fresh: Path) -> None:
    other = client(fresh)
    until(lambda: drafts(fresh))
    other.send(signal.SIGTERM)

    assert 3 == other.wait()
    assert not Cluster(fresh).status().running
    assert 0 == Cluster(fresh).status().users


def test_a_start_interrupted_after_the_launch_stops_the_server_again(
    cluster: Cluster, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("howdah.embedded.cluster.find_server", interrupt)
        with pytest.raises(KeyboardInterrupt):
            cluster.start()

    assert not Cluster(root).status().running
    assert 0 == Cluster(root).status().users


def test_a_process_waits_for_one_that_is_starting_the_server(client: Start, fresh: Path) -> None:
    first = client(fresh)
    until(lambda: drafts(fresh))

    with Cluster(fresh) as url:
        assert first.url() == url


def test_a_socket_that_was_deleted_is_made_anew(cluster: Cluster) -> None:
    cluster.start()
    folder = cluster.status().socket_folder
    assert folder is not None
    shutil.rmtree(folder)

    assert answers(cluster.start())


def test_a_deleted_cluster_is_made_anew_though_its_server_still_runs(fresh: Path) -> None:
    deleted = Cluster(fresh)
    deleted.start()
    server = server_of(deleted)
    shutil.rmtree(fresh)

    with Cluster(fresh) as url:
        assert answers(url)
        assert server != server_of(Cluster(fresh))


def test_a_copy_of_a_running_cluster_is_not_taken_for_its_original(
    cluster: Cluster, place: Path, root: Path
) -> None:
    with psycopg.connect(cluster.start(), autocommit=True) as connection:
        connection.execute("CHECKPOINT")
        copied = shutil.copytree(root, place / "copy", ignore=shutil.ignore_patterns("socket"))
        give_all_to_owner(root, copied)

    with Cluster(copied) as url:
        with psycopg.connect(url) as connection:
            row = connection.execute("SHOW data_directory").fetchone()

        assert (str(copied / "pg18" / "data"),) == row


def give_all_to_owner(original: Path, copied: Path) -> None:
    """copytree keeps modes but not owners."""
    for path in original.rglob("*"):
        twin = copied / path.relative_to(original)
        if twin.exists():
            owner = path.lstat()
            os.chown(twin, owner.st_uid, owner.st_gid)


def test_a_cluster_moved_while_its_server_runs_is_found_in_its_new_place(fresh: Path) -> None:
    moved = fresh.with_name("moved")
    Cluster(fresh).start(keep=True)
    fresh.rename(moved)

    with Cluster(moved) as url:
        assert answers(url)


def test_starts_and_releases_of_four_processes_in_any_order_never_fail(root: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", COMING_AND_GOING, str(root)],
            env={**os.environ, "PYTHONPATH": MODULES},
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]

    assert [""] * 4 == [process.communicate(timeout=120)[1] for process in processes]
    assert not Cluster(root).status().running
