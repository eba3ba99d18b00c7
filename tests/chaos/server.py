"""A private Postgres that can be killed as a whole."""

from __future__ import annotations

import psutil

from howdah.embedded import Cluster


class Server:
    """A running server and how to end it without mercy."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.url = cluster.start()

    def kill(self) -> None:
        """Kill the postmaster and all its children, all with SIGKILL."""
        pid = self.cluster.status().pid
        assert pid is not None
        postmaster = psutil.Process(pid)
        family = [postmaster, *postmaster.children(recursive=True)]
        for process in family:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(family, timeout=10)

    def keep_commits_in_memory(self) -> None:
        """Stop what writes commits to disk that nobody waits for."""
        pid = self.cluster.status().pid
        assert pid is not None
        (writer,) = (
            child
            for child in psutil.Process(pid).children()
            if any("walwriter" in word for word in child.cmdline())
        )
        writer.suspend()

    def start(self) -> None:
        """Start it again, at the same address."""
        url = self.cluster.start()
        assert url == self.url
