"""Another process that uses a cluster, led by lines on its standard input.

Run as a program it is that process; imported it is the handle on it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
# What a new process must search, so that it finds the modules that we found.
MODULES = os.pathsep.join([str(Path(__file__).parents[3] / "src"), *filter(None, sys.path)])


class Client:
    """A process that starts the cluster and holds it until it is told otherwise."""

    def __init__(self, root: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": MODULES},
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def url(self) -> str:
        """Wait until it has started the cluster."""
        return self._read("url ")

    def release(self) -> bool:
        """Let it release the cluster, and say whether that stopped the server."""
        self._tell("release")
        return self._read("released ") == "True"

    def fork_a_child_that_exits(self) -> None:
        self._tell("fork")
        self._read("forked")

    def leave(self) -> int:
        """Let it run to its end."""
        self._tell("exit")
        return self._process.wait(timeout=60)

    def send(self, sign: signal.Signals) -> None:
        self._process.send_signal(sign)

    def wait(self) -> int:
        return self._process.wait(timeout=60)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _tell(self, order: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{order}\n")
        self._process.stdin.flush()

    def _read(self, prefix: str) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().rstrip("\n")
        assert line.startswith(prefix), f"expected {prefix!r}, the client said {line!r}"
        return line.removeprefix(prefix)


def until(fact: Callable[[], T], *, seconds: float = 30) -> T:
    """Look again and again until something is the case."""
    deadline = time.monotonic() + seconds
    while not (found := fact()):
        assert time.monotonic() < deadline, f"it did not become true in {seconds} seconds"
        time.sleep(0.002)
    return found


def main() -> None:
    from howdah.embedded import Cluster

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
    cluster = Cluster(Path(sys.argv[1]))
    print("url", cluster.start(), flush=True)
    for line in sys.stdin:
        if line == "release\n":
            print("released", cluster.release(), flush=True)
        elif line == "fork\n":
            if (child := os.fork()) == 0:
                cluster.release()
                sys.exit(0)
            os.waitpid(child, 0)
            print("forked", flush=True)
        else:
            return


if __name__ == "__main__":
    main()
