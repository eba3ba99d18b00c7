"""A child process of `howdah worker`: as any other, and it writes log lines."""

from __future__ import annotations

import os

from howdah._worker import child
from howdah._worker.tasks import AppLike
from howdah.telemetry import formats, logs

LEVEL_VARIABLE = "HOWDAH_LOG_LEVEL"
FORMAT_VARIABLE = "HOWDAH_LOG_FORMAT"


def write_logs(app: AppLike) -> None:
    """Write what the app says from now on, as the environment asks."""
    formats.configure(
        level=os.environ.get(LEVEL_VARIABLE, "info"),
        log_format=formats.LogFormat(os.environ.get(FORMAT_VARIABLE, "auto")),
    )
    logs.attach(app.signals)


if __name__ == "__main__":
    child.main(prepare=write_logs)
