"""The worker that `howdah dev` runs: a process of its own, which does not outlive it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

# In development nobody wants to wait long for a handler that hangs.
GRACE = 5.0
PATIENCE = GRACE + 15.0


class DevWorker:
    """One `howdah worker` after another."""

    def __init__(self, reference: str, options: list[str]) -> None:
        self._command = [sys.executable, "-m", __name__, "worker", reference]
        self._command += ["--grace", str(GRACE), *options]
        self._process: subprocess.Popen[bytes] | None = None
        self.was_started = False

    def start(self) -> None:
        """Start it. A terminal's Ctrl-C is for us alone: we pass it on."""
        self.was_started = True
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, start_new_session=True
        )

    def has_gone(self) -> int | None:
        """The exit code of a worker that has ended by itself, once."""
        if self._process is None or self._process.poll() is None:
            return None
        code = self._process.returncode
        self._process = None
        return code

    def stop(self) -> None:
        """Let its jobs finish for a moment, and wait until it has gone."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _follow_parent() -> None:
    """Stop when the pipe closes: `howdah dev` was killed."""
    # Not through sys.stdin, whose lock the end of the interpreter would find taken.
    while os.read(0, 1024):
        continue
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    from howdah.cli.main import main

    threading.Thread(target=_follow_parent, daemon=True).start()
    main()
