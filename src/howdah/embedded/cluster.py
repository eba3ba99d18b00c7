"""One private Postgres in one folder, shared by all processes that ask for it.

Every process that starts it counts as a user. The last one out stops the server. A process that
is killed stops counting at once, but cannot stop anything any more: the server then goes on until
the next user comes and goes.
"""

from __future__ import annotations

import atexit
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType

from howdah.embedded.account import Account
from howdah.embedded.binaries import NEWEST_MAJOR, Programs, find_programs, is_named
from howdah.embedded.folders import (
    check_home,
    check_is_ours,
    check_root,
    prepare_folders,
    remove_home,
)
from howdah.embedded.founding import found
from howdah.embedded.layout import Layout, founded_majors
from howdah.embedded.locks import hold
from howdah.embedded.place import default_root
from howdah.embedded.processes import ServerProcess, find_server
from howdah.embedded.runtime import reachable
from howdah.embedded.server import START_SECONDS, STOP_SECONDS, Server, send
from howdah.embedded.settings import check_settings
from howdah.embedded.sockets import url_of
from howdah.embedded.status import ClusterStatus, size_of
from howdah.embedded.users import Lease, count_users, forget_dead_users, take_lease
from howdah.errors import EmbeddedError

_TURN_SECONDS = START_SECONDS + STOP_SECONDS


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
        self._process: ServerProcess | None = None

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
            programs = self._choose_programs()
            layout = self._layout = Layout(self.root, programs.major)
            account = prepare_folders(layout)
            atexit.register(self.release)
            with self._turn(layout, "start"):
                return self._start(layout, reachable(programs, account, self.root), account, keep)

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
        lease, layout = self._lease, self._layout
        # A forked child shares the descriptor: were it to leave, the parent would be put out.
        if lease is None or layout is None or lease.pid != os.getpid():
            return False
        # A signal handler in the middle of `start` finds its own thread at work here. It must not
        # wait for itself; when it raises, `start` cleans up.
        if self._busy_thread == threading.get_ident():
            return False
        with self._exclusively("release"):
            atexit.unregister(self.release)
            try:
                with self._turn(layout, "release"):
                    return self._leave(layout)
            except FileNotFoundError:
                # The folder was deleted, and with it all data. What runs on is of no use to anyone.
                self._drop_lease()
                return self._abort_orphan()

    def stop(self) -> bool:
        """Stop the server now, whoever uses it. The data stays.

        Returns:
            There was a server to stop.

        Raises:
            EmbeddedError: The server does not stop.
        """
        with self._exclusively("stop"):
            layout = self._existing_layout()
            if layout is None or not layout.home.exists():
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
            layout = self._existing_layout()
            if layout is None or not layout.home.exists():
                return False
            check_is_ours(layout)
            with self._turn(layout, "destroy"):
                self._stop(layout)
                self._drop_lease()
                remove_home(layout)
            self._layout = None
            return True

    def status(self) -> ClusterStatus:
        """Look at the cluster without changing or waiting for anything."""
        with self._exclusively("look at"):
            layout = self._existing_layout() or Layout(self.root, NEWEST_MAJOR)
            answer = Server(layout).answer()
            process = find_server(layout)
            return ClusterStatus(
                running=answer is not None,
                major=layout.major,
                version=answer.version if answer else None,
                pid=process.pid if answer and process else None,
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
        # A forked child finds its parent's lease here and needs one of its own.
        if self._lease is None or self._lease.pid != os.getpid():
            self._lease = take_lease(layout.users)
        server = Server(layout)
        try:
            if not layout.is_founded:
                found(layout, programs, account)
            if server.answer() is None:
                # What is kept is one run of the server; this is a new one.
                layout.keep.unlink(missing_ok=True)
            answer = server.ensure(programs, account, self._settings)
            self._process = find_server(layout)
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

    def _abort_orphan(self) -> bool:
        if self._process is None or not self._process.is_alive:
            return False
        send(self._process, signal.SIGQUIT)
        return True

    def _drop_lease(self) -> None:
        if self._lease is not None:
            self._lease.drop()
            self._lease = None

    def _stop(self, layout: Layout) -> bool:
        layout.keep.unlink(missing_ok=True)
        return Server(layout).stop()

    def _choose_programs(self) -> Programs:
        if self._layout is None and is_named() and self._wanted_major is None:
            return find_programs()
        existing = self._existing_layout()
        if existing is None or not existing.is_founded:
            return find_programs(self._wanted_major)
        return find_programs(existing.major, data=existing.data)

    def _existing_layout(self) -> Layout | None:
        """The cluster that was asked for, if anything is there to be looked at."""
        check_root(self.root)
        if self._layout is not None:
            return self._layout
        majors = [self._wanted_major] if self._wanted_major else founded_majors(self.root)
        return Layout(self.root, majors[0]) if majors else None

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
        check_home(layout)
        return hold(layout.start_lock, timeout_seconds=_TURN_SECONDS, doing=self._asked(verb))

    def _asked(self, verb: str) -> str:
        return f"{verb} the private Postgres below {str(self.root)!r}"
