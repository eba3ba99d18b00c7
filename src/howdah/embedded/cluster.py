"""One private Postgres in one folder, shared by all processes that ask for it.

Every process that starts it counts as a user. The last one out stops the server. A process that
is killed stops counting at once, but cannot stop anything any more: the server then goes on until
the next user comes and goes.
"""

from __future__ import annotations

import atexit
import os
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType

from howdah.embedded.account import Account, choose_account, first_closed_folder
from howdah.embedded.binaries import Programs, find_programs
from howdah.embedded.founding import found
from howdah.embedded.layout import Layout, founded_majors
from howdah.embedded.locks import hold
from howdah.embedded.place import default_root
from howdah.embedded.processes import server_pid
from howdah.embedded.runtime import RUNTIME, reachable
from howdah.embedded.server import START_SECONDS, STOP_SECONDS, Server
from howdah.embedded.settings import check_settings
from howdah.embedded.sockets import url_of
from howdah.embedded.status import ClusterStatus, size_of
from howdah.embedded.users import Lease, count_users, forget_dead_users, take_lease
from howdah.errors import EmbeddedError

_TURN_SECONDS = START_SECONDS + STOP_SECONDS
_IGNORE = "# A private Postgres of Howdah: data of this machine, not of the project.\n*\n"


class Cluster:
    """A private Postgres below a folder.

    Example:
        >>> with Cluster() as url:
        ...     connection = psycopg.connect(url)
    """

    def __init__(
        self,
        root: Path | None = None,
        *,
        major: int | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Name a cluster; nothing is touched yet.

        Args:
            root: The folder it lives below, `default_root()` when not given. It is made if needed.
            major: The major version of PostgreSQL. When not given, the one of the cluster that
                exists, else the newest that is installed.
            settings: Server settings, such as `{"work_mem": "64MB"}`. They take effect when this
                process starts the server, not when it finds it running.

        Raises:
            UsageError: A setting that the cluster itself decides.
        """
        self.root = Path(os.path.realpath(root if root is not None else default_root()))
        self._wanted_major = major
        self._settings = check_settings(settings or {})
        self._mutex = threading.RLock()
        self._busy_thread: int | None = None
        self._lease: Lease | None = None
        self._layout: Layout | None = None

    def start(self, *, keep: bool = False) -> str:
        """Have the server running, and count as its user until `release`.

        A server that runs already is used as it is. The first start makes the cluster. Calling
        it again makes sure that the server still runs.

        Args:
            keep: The server stays when its last user has gone, until `stop`.

        Returns:
            The URL for libpq, psycopg, asyncpg and SQLAlchemy.

        Raises:
            EmbeddedError: It cannot be run; the message says why and what to do.
        """
        with self._exclusively("start"):
            layout = self._choose_layout()
            programs = find_programs(layout.major)
            account = self._prepare(layout)
            with self._turn(layout, "start"):
                url = self._start(layout, reachable(programs, account, self.root), account, keep)
            atexit.register(self.release)
            return url

    def release(self) -> bool:
        """Stop counting as a user; the last one out stops the server.

        It runs by itself at the normal end of the process. A program that ends by a signal must
        call it. Calling it without having started, twice, or after the server or the whole folder
        has gone is fine.

        Returns:
            This call stopped the server.

        Raises:
            EmbeddedError: The server does not stop.
        """
        lease = self._lease
        # A forked child shares the descriptor: were it to leave, the parent would be put out.
        # A signal handler in the middle of `start` finds its own thread at work here; it must not
        # wait for itself, and `start` cleans up when the handler raises.
        if lease is None or lease.pid != os.getpid() or self._busy_thread == threading.get_ident():
            return False
        with self._exclusively("release"):
            atexit.unregister(self.release)
            layout = self._choose_layout()
            try:
                with self._turn(layout, "release"):
                    return self._leave(layout)
            except FileNotFoundError:  # the folder was deleted; its server ends by itself
                self._drop_lease()
                return False

    def stop(self) -> bool:
        """Stop the server now, whoever uses it. The data stays.

        Returns:
            There was a server to stop.

        Raises:
            EmbeddedError: The server does not stop.
        """
        with self._exclusively("stop"):
            layout = self._choose_layout()
            if not layout.home.exists():
                return False
            with self._turn(layout, "stop"):
                return self._stop(layout)

    def destroy(self) -> bool:
        """Stop the server, whoever uses it, and delete the cluster with all its data.

        Only what a cluster made is deleted; other files below the root stay.

        Returns:
            There was a cluster to delete.

        Raises:
            EmbeddedError: The folder was not made by Howdah, or the server does not stop.
        """
        with self._exclusively("destroy"):
            layout = self._choose_layout()
            if not layout.home.exists():
                return False
            if not layout.marker.is_file() or layout.home.is_symlink():
                raise EmbeddedError(
                    f"cannot destroy {str(layout.home)!r}: it was not made by Howdah, for it"
                    f" holds no file {layout.marker.name!r}; delete it by hand if you mean it"
                )
            with self._turn(layout, "destroy"):
                self._stop(layout)
                shutil.rmtree(layout.home)
            self._tidy()
            self._layout = None
            return True

    def status(self) -> ClusterStatus:
        """Look at the cluster without changing or waiting for anything."""
        with self._exclusively("look at"):
            layout = self._choose_layout()
            answer = Server(layout).answer()
            return ClusterStatus(
                running=answer is not None,
                major=layout.major,
                version=answer.version if answer else None,
                pid=server_pid(layout) if answer else None,
                url=url_of(answer.socket) if answer else None,
                users=count_users(layout.users),
                keep=layout.keep.exists(),
                root=self.root,
                data_directory=layout.data,
                socket_folder=answer.socket if answer else None,
                log_file=layout.log,
                size_bytes=size_of(layout.data),
            )

    def __enter__(self) -> str:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def _start(self, layout: Layout, programs: Programs, account: Account, keep: bool) -> str:
        forget_dead_users(layout.users)
        if self._lease is None:
            self._lease = take_lease(layout.users)
        server = Server(layout)
        try:
            if not layout.is_founded:
                found(layout, programs, account)
            if server.answer() is None:
                # What is kept is one run of the server; this is a new one.
                layout.keep.unlink(missing_ok=True)
            answer = server.ensure(programs, account, self._settings)
            if keep:
                layout.keep.touch()
        except BaseException:
            self._leave(layout)
            raise
        return url_of(answer.socket)

    def _leave(self, layout: Layout) -> bool:
        self._drop_lease()
        if layout.keep.exists() or count_users(layout.users):
            return False
        return self._stop(layout)

    def _drop_lease(self) -> None:
        if self._lease is not None:
            self._lease.drop()
            self._lease = None

    def _stop(self, layout: Layout) -> bool:
        layout.keep.unlink(missing_ok=True)
        return Server(layout).stop()

    def _choose_layout(self) -> Layout:
        if self._layout is None:
            self._layout = Layout(self.root, self._wanted_major or self._find_major())
        return self._layout

    def _find_major(self) -> int:
        existing = founded_majors(self.root)
        return existing[0] if existing else find_programs().major

    def _prepare(self, layout: Layout) -> Account:
        """Make the folders, and see that the server's user can reach them."""
        account = choose_account(layout.data, self.root)
        self._make_root(account)
        closed = None if account.is_us else first_closed_folder(account, self.root)
        if closed is not None:
            raise EmbeddedError(
                f"cannot start a private Postgres below {str(self.root)!r}: as root it runs as"
                f" user {account.name!r}, who may not enter {str(closed)!r}; choose another"
                f" `root`, such as a folder below '/var/lib', or run as an ordinary user"
            )
        layout.home.mkdir(mode=0o755, exist_ok=True)
        if not layout.marker.exists():
            if any(layout.home.iterdir()):
                raise EmbeddedError(
                    f"cannot start a private Postgres in {str(layout.home)!r}: the folder is in"
                    " use by something else; choose another `root`"
                )
            layout.home.chmod(0o755)
            layout.marker.write_text("A private Postgres of Howdah; `howdah postgres destroy`\n")
        return account

    def _make_root(self, account: Account) -> None:
        is_new = not self.root.exists()
        self.root.mkdir(mode=0o755, parents=True, exist_ok=True)
        if is_new or not any(self.root.iterdir()):
            # Ours from the start. Another user must be able to pass through, not to look around.
            self.root.chmod(0o700 if account.is_us else 0o711)
            (self.root / ".gitignore").write_text(_IGNORE)

    def _tidy(self) -> None:
        if not founded_majors(self.root):
            shutil.rmtree(self.root / RUNTIME, ignore_errors=True)
        if {".gitignore"} >= {path.name for path in self.root.iterdir()}:
            shutil.rmtree(self.root, ignore_errors=True)

    @contextmanager
    def _exclusively(self, verb: str) -> Iterator[None]:
        """One thread at a time, and failures of the file system with a name."""
        with self._mutex:
            outer, self._busy_thread = self._busy_thread, threading.get_ident()
            try:
                yield
            except OSError as error:
                raise EmbeddedError(
                    f"cannot {self._asked(verb)}: {error}; check who owns the folder, its"
                    " permissions and the free space, or choose another `root`"
                ) from error
            finally:
                self._busy_thread = outer

    def _turn(self, layout: Layout, verb: str) -> AbstractContextManager[None]:
        """One process at a time."""
        return hold(layout.start_lock, timeout_seconds=_TURN_SECONDS, doing=self._asked(verb))

    def _asked(self, verb: str) -> str:
        return f"{verb} the private Postgres below {str(self.root)!r}"
