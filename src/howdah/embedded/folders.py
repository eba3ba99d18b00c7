"""The folders of a cluster: made, checked, and taken away, and no others touched."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from howdah.embedded.account import Account, choose_account, first_closed_folder, name_of
from howdah.embedded.layout import Layout, founded_majors
from howdah.embedded.runtime import RUNTIME
from howdah.errors import EmbeddedError

_IGNORE_FILE = ".gitignore"
_IGNORE = "# A private Postgres of Howdah: data of this machine, not of the project.\n*\n"
_MARK = "A private Postgres of Howdah. `howdah postgres destroy` removes it.\n"


def prepare_folders(layout: Layout) -> Account:
    """Make the root and the home, and choose who the server runs as.

    Raises:
        EmbeddedError: They belong to someone else, hold something else, or are out of reach for
            the user that the server runs as.
    """
    check_root(layout.root)
    account = choose_account(layout.data)
    _make_root(layout.root, account)
    check_home(layout)
    if not account.can_enter(layout.root):
        closed = first_closed_folder(account, layout.root)
        raise EmbeddedError(
            f"cannot start a private Postgres below {str(layout.root)!r}: as root it runs as user"
            f" {account.name!r}, who may not enter {str(closed)!r}; choose another `root`, such as"
            " a folder below '/var/lib', or run as an ordinary user"
        )
    layout.home.mkdir(mode=0o755, exist_ok=True)
    if not layout.marker.exists():
        # Whoever else makes this home right now writes the mark before anything else.
        if any(layout.home.iterdir()) and not layout.marker.exists():
            raise EmbeddedError(
                f"cannot start a private Postgres in {str(layout.home)!r}: the folder holds"
                " something else; choose another `root`"
            )
        layout.home.chmod(0o755)
        layout.marker.write_text(_MARK)
    return account


def check_root(root: Path) -> None:
    """Refuse to work below a folder of another user that is not shared with us.

    Root could, but whoever owns the folder could then lead root's hand to any other file.

    Raises:
        EmbeddedError: It is another user's.
    """
    uid = os.geteuid()
    owner = _owner(root)
    is_shared = uid != 0 and os.access(root, os.R_OK | os.W_OK | os.X_OK)
    if owner is not None and owner != uid and not is_shared:
        raise _belongs_to(owner, root)


def check_home(layout: Layout) -> None:
    """Refuse to work in the cluster of another user.

    Raises:
        EmbeddedError: It is another user's.
    """
    check_root(layout.root)
    owner = _owner(layout.home)
    if owner is not None and owner != os.geteuid():
        raise _belongs_to(owner, layout.home)


def remove_home(layout: Layout) -> None:
    """Delete a stopped cluster, and the root when nothing but ours is left in it."""
    shutil.rmtree(layout.home)
    if not founded_majors(layout.root):
        shutil.rmtree(layout.root / RUNTIME, ignore_errors=True)
    if {_IGNORE_FILE} >= {path.name for path in layout.root.iterdir()}:
        shutil.rmtree(layout.root, ignore_errors=True)


def check_is_ours(layout: Layout) -> None:
    """Refuse to delete a folder that no cluster made.

    Raises:
        EmbeddedError: The home does not bear our mark.
    """
    if layout.home.is_symlink() or not layout.marker.is_file():
        raise EmbeddedError(
            f"cannot destroy {str(layout.home)!r}: it was not made by Howdah, for it holds no file"
            f" {layout.marker.name!r}; delete it by hand if you mean it"
        )


def _make_root(root: Path, account: Account) -> None:
    made = [folder for folder in (root, *root.parents) if not folder.exists()]
    root.mkdir(mode=0o755, parents=True, exist_ok=True)
    if not account.is_us:
        # The umask may have closed them. What we have just made is ours to open.
        for folder in made:
            folder.chmod(0o755)
    if not any(root.iterdir()):
        # Ours from the start. Another user must be able to pass through, not to look around.
        root.chmod(0o700 if account.is_us else 0o711)
        (root / _IGNORE_FILE).write_text(_IGNORE)


def _owner(folder: Path) -> int | None:
    try:
        return folder.lstat().st_uid
    except FileNotFoundError:
        return None


def _belongs_to(owner: int, folder: Path) -> EmbeddedError:
    return EmbeddedError(
        f"cannot use a private Postgres in {str(folder)!r} as user {name_of(os.geteuid())!r}: the"
        f" folder belongs to {name_of(owner)!r}; run as that user, or choose another `root`"
    )
