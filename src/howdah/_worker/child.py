"""A child process of a worker: imports the app and executes jobs until its supervisor says stop.

The supervisor talks over the child's standard input: first one line of configuration, then `stop`
(finish and leave) or `now` (give back and leave). When the pipe closes, the supervisor is dead,
nobody beats for this process any more, and it leaves at once.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from howdah._worker.loading import load_app
from howdah._worker.notices import Notices
from howdah._worker.settings import WorkerSettings
from howdah._worker.tasks import AppLike
from howdah._worker.worker import Worker
from howdah.errors import HowdahError

#: The app could not be imported or is set up wrongly: starting again cannot help.
EXIT_CONFIG = 78
#: The lease was lost; a new child with a new id takes over.
EXIT_LEASE_LOST = 75
#: Somebody asked this worker to leave while it ran; no new child takes over.
EXIT_ASKED = 76
#: A part of the worker failed, or its supervisor died and it could not leave in order.
EXIT_FAILED = 1
# So long an orphan may take to give back and leave.
LAST_WORD = 10.0


def main(prepare: Callable[[AppLike], None] | None = None) -> None:
    """Run one child to its end."""
    # Signals are the supervisor's business. A terminal sends them to the whole group.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # What a handler runs inherits the standard input, and must not read what is meant for us.
    orders = os.fdopen(os.dup(0))
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    said = orders.readline()
    if not said:
        # The supervisor died before it could say what to do.
        os._exit(0)
    config: dict[str, Any] = json.loads(said)
    sys.path[:0] = [path for path in config["sys_path"] if path not in sys.path]
    try:
        app = load_app(config["app"])
    except HowdahError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.stderr.flush()
        os._exit(EXIT_CONFIG)
    if prepare is not None:
        prepare(app)
    if config["loop"] == "uvloop":
        import uvloop

        uvloop.run(_work(app, config, orders))
    else:
        asyncio.run(_work(app, config, orders))


async def _work(app: AppLike, config: dict[str, Any], orders: TextIO) -> None:
    settings = WorkerSettings.from_json(config["settings"])
    worker = Worker(
        app,
        config["url"],
        settings,
        worker_id=config["worker_id"],
        marks=config["marks"],
        notices=Notices(app.signals, slow=settings.slow_query),
    )
    loop = asyncio.get_running_loop()

    def obey() -> None:
        for line in orders:
            word = line.strip()
            loop.call_soon_threadsafe(lambda now: worker.stop(now=now), word == "now")
        loop.call_soon_threadsafe(lambda: worker.stop(now=True))
        # The loop may be held up by a handler, and others run the jobs before it lets go.
        time.sleep(LAST_WORD)
        os._exit(EXIT_FAILED)

    threading.Thread(target=obey, daemon=True, name="howdah orders").start()
    try:
        await worker.run()
        code = EXIT_LEASE_LOST if worker.lease_lost else EXIT_ASKED if worker.asked_to_leave else 0
    except BaseException:
        # A defect of ours. The supervisor gives back what is held, and starts another.
        traceback.print_exc()
        code = EXIT_FAILED
    sys.stdout.flush()
    sys.stderr.flush()
    # From within the loop, which would wait for its tasks and threads when it ends: neither a
    # handler that hangs in a thread nor one that catches its cancellation may keep the process.
    os._exit(code)


if __name__ == "__main__":
    main()
