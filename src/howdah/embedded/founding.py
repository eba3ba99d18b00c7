"""Makes a new cluster, whole or not at all."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from howdah.embedded.account import Account
from howdah.embedded.binaries import Programs
from howdah.embedded.layout import FOUNDING_PREFIX, Layout
from howdah.errors import EmbeddedError

_BUILTIN_LOCALES_SINCE = 17


def found(layout: Layout, programs: Programs, account: Account) -> None:
    """Make the cluster's data.

    initdb works in a folder of its own that gets its final name at the end, so a kill in the
    middle leaves nothing that a later start could take for a cluster.

    Raises:
        EmbeddedError: initdb failed; it says with what.
    """
    sweep(layout)
    said = ""
    for locale in _locales(programs.major):
        draft = Path(tempfile.mkdtemp(prefix=FOUNDING_PREFIX, dir=layout.home))
        account.own(draft)
        done = _initdb(draft, programs, account, locale)
        if done.returncode == 0:
            _publish(draft, layout.data)
            return
        shutil.rmtree(draft, ignore_errors=True)
        said = said or done.stdout.strip()
    raise EmbeddedError(
        f"cannot make a private Postgres in {str(layout.home)!r}: initdb failed with:\n{said}"
    )


def sweep(layout: Layout) -> None:
    """Remove what was left by a founding that was killed. Only under the start lock."""
    for draft in layout.home.glob(f"{FOUNDING_PREFIX}*"):
        shutil.rmtree(draft, ignore_errors=True)


def clean_environment() -> dict[str, str]:
    """Return what PostgreSQL's programs need of this environment, and nothing they could obey.

    The server outlives this process and may run as another user, so it gets no secrets either.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in {"PATH", "TMPDIR"} or name.startswith(("LD_", "DYLD_"))
    }
    return {**kept, "LC_ALL": "C"}


def _locales(major: int) -> list[list[str]]:
    """Say which locales to try, the best first.

    Sort order must not depend on the machine's C library, or an index made here is wrong
    elsewhere. The built-in provider gives that with full Unicode. Before it existed, `C.UTF-8`
    is the nearest, where the machine has it.
    """
    if major >= _BUILTIN_LOCALES_SINCE:
        return [["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]]
    plain = ["--locale-provider=libc", "--locale=C"]
    if sys.platform == "linux":
        return [["--locale-provider=libc", "--locale=C.UTF-8"], plain]
    return [plain]


def _initdb(
    draft: Path, programs: Programs, account: Account, locale: list[str]
) -> subprocess.CompletedProcess[str]:
    command = [
        str(programs["initdb"]),
        f"--pgdata={draft}",
        "--username=postgres",
        "--encoding=UTF8",
        *locale,
        # Who reaches the socket is decided by the folder it lies in; nobody comes by TCP.
        "--auth-local=trust",
        "--auth-host=reject",
        "--no-instructions",
    ]
    return subprocess.run(
        command,
        cwd="/",
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
        **account.drop,
    )


def _publish(draft: Path, data: Path) -> None:
    with (draft / "postgresql.conf").open("a") as file:
        # Not `include_if_exists`: without our file the server would listen in a public folder.
        file.write("\ninclude = '../howdah.conf'\n")
        file.flush()
        os.fsync(file.fileno())
    draft.rename(data)
    # initdb has synced the files; the new name is in the folder above them.
    home = os.open(data.parent, os.O_RDONLY)
    try:
        os.fsync(home)
    finally:
        os.close(home)
