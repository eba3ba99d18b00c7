"""The process that answers in the bare half of `latency`: it listens, and deletes what it is told.

Started with the URL and the schema on standard input; says `ready`, and at the word `end` writes
the milliseconds it took as one line of JSON.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time

import psycopg

from howdah._db import session
from howdah.bench import bare, queries

READY = "ready"
END = "end"


def main() -> None:
    """Answer notifications until the word is `end`, or standard input is closed."""
    url, schema = json.loads(sys.stdin.readline())
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    take = queries.text("bench/bare_take", schema)
    delays = []
    with (
        psycopg.connect(url, **session.options(bare.NAME)) as listening,
        psycopg.connect(url, **session.options(bare.NAME)) as working,
    ):
        listening.execute(queries.script("bench/bare_listen", schema))
        sys.stdout.write(READY + "\n")
        sys.stdout.flush()
        for told in listening.notifies():
            if told.payload == END:
                break
            row = working.execute(take, {"id": told.payload}, prepare=True).fetchone()
            if row is not None:
                delays.append((time.monotonic_ns() - row[0]) / 1e6)
    sys.stdout.write(json.dumps(delays) + "\n")
    sys.stdout.flush()


def _leave_with_parent() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
