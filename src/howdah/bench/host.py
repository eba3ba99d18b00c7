"""The process of a benchmark's worker: `howdah worker` as the shell would run it.

It is told its command line on standard input, and is stopped in order when that is closed: a
benchmark that is killed takes its worker with it.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import sys
import threading


def main() -> None:
    """Run the program `howdah` until standard input is closed."""
    sys.argv = ["howdah", *json.loads(sys.stdin.readline())]
    threading.Thread(target=_stop_at_the_end, daemon=True, name="howdah bench end").start()
    runpy.run_module("howdah", run_name="__main__", alter_sys=True)


def _stop_at_the_end() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
