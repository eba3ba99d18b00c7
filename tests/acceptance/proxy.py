"""Stands between Howdah and Postgres, and loses a reply: what was asked is done, nobody is told.

The most productive fault there is, and no kill can be aimed at it.
"""

from __future__ import annotations

import select
import socket
import threading
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from psycopg.conninfo import conninfo_to_dict

PORT = 5432


@dataclass(frozen=True)
class _Trap:
    role: bytes
    request: bytes
    reply: bytes
    sprung: threading.Event


class Proxy:
    """Passes everything on, until a trap is set.

    Args:
        url: The database, on a Unix socket.
        folder: Where its own socket is made.
    """

    def __init__(self, url: str, folder: Path) -> None:
        facts = conninfo_to_dict(url)
        self._target = f"{facts['host']}/.s.PGSQL.{facts['port']}"
        self._trap: _Trap | None = None
        self._lock = threading.Lock()
        self._passes = threading.Event()
        self._passes.set()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / f".s.PGSQL.{PORT}"))
        self._listener.listen(64)
        self.url = (
            f"postgresql://{facts['user']}@/{facts['dbname']}?host={quote(str(folder))}&port={PORT}"
        )
        threading.Thread(target=self._accept, daemon=True).start()

    def lose_reply(self, *, role: str, request: bytes = b"", reply: bytes = b"") -> threading.Event:
        """Close a connection instead of passing on one reply, and say when that has happened.

        Args:
            role: The application name of the connection.
            request: What the question holds.
            reply: What the answer holds.
        """
        trap = _Trap(role.encode(), request, reply, threading.Event())
        with self._lock:
            self._trap = trap
        return trap.sprung

    def freeze(self) -> None:
        """Pass nothing on, and keep every connection open, as a pooler that hangs does."""
        self._passes.clear()

    def thaw(self) -> None:
        """Go on where it froze."""
        self._passes.set()

    def close(self) -> None:
        """Accept nobody any more."""
        self.thaw()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server:
            server.connect(self._target)
            try:
                self._pass_on(client, server)
            except OSError:
                return

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        startup = client.recv(65536)
        self._passes.wait()
        server.sendall(startup)
        role = startup.partition(b"application_name\0")[2].partition(b"\0")[0]
        asked = b""
        while True:
            ready, _, _ = select.select([client, server], [], [])
            self._passes.wait()
            if client in ready:
                asked = client.recv(1 << 20)
                if not asked:
                    return
                server.sendall(asked)
            if server in ready:
                answer = server.recv(1 << 20)
                if not answer or self._is_lost(role, asked, answer):
                    return
                client.sendall(answer)

    def _is_lost(self, role: bytes, asked: bytes, answer: bytes) -> bool:
        with self._lock:
            trap = self._trap
            if trap is None or trap.role != role:
                return False
            if trap.request not in asked or trap.reply not in answer:
                return False
            self._trap = None
        trap.sprung.set()
        return True
