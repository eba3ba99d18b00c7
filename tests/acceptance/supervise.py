"""A worker as `howdah worker` makes it, with settings that the command line does not offer."""

from __future__ import annotations

import sys

from howdah._worker.loading import load_app
from howdah._worker.settings import WorkerSettings
from howdah._worker.supervisor import Supervisor


def main() -> int:
    """Supervise until told to stop. Takes the app, the database and the settings as JSON."""
    reference, url, settings = sys.argv[1:]
    app = load_app(reference)
    return Supervisor(app, reference, url, WorkerSettings.from_json(settings), loop="uvloop").run()


if __name__ == "__main__":
    sys.exit(main())
