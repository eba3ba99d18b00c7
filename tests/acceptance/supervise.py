"""A worker with settings that the command line does not offer, which writes down what it tells.

Takes the app's reference, the database and the settings as JSON. Supervisor and children write
their signals into the ledger, except those of each single job.
"""

from __future__ import annotations

import dataclasses
import sys

from howdah._model.signals import JobEnded, JobStarted, Signal
from howdah._worker.child import main as child_main
from howdah._worker.loading import load_app
from howdah._worker.settings import WorkerSettings
from howdah._worker.supervisor import Supervisor
from howdah._worker.tasks import AppLike
from tests.acceptance.ledger import note


def listen(app: AppLike) -> None:
    """Write down what the app's worker tells."""
    app.signals.on(Signal, _told)


def _told(signal: Signal) -> None:
    if not isinstance(signal, JobStarted | JobEnded):
        note("signal", name=type(signal).__name__, **dataclasses.asdict(signal))


def main() -> int:
    """Supervise until told to stop."""
    reference, url, settings = sys.argv[1:]
    app = load_app(reference)
    listen(app)
    supervisor = Supervisor(
        app,
        reference,
        url,
        WorkerSettings.from_json(settings),
        loop="uvloop",
        child_module="tests.acceptance.supervise",
    )
    return supervisor.run()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(main())
    child_main(listen)
