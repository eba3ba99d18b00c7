"""`howdah worker`: runs the jobs of an app until it is told to stop."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Annotated

import typer

from howdah._model.database_url import checked_url
from howdah._worker.settings import WorkerSettings, parse_limits, parse_queues
from howdah._worker.supervisor import Supervisor
from howdah.cli.database import check_schema
from howdah.cli.errors import config_errors
from howdah.cli.options import AppArgument, Url
from howdah.cli.target import URL_VARIABLE, Target, find_app
from howdah.cli.worker_child import FORMAT_VARIABLE, LEVEL_VARIABLE, write_logs
from howdah.telemetry.formats import LogFormat, settled

_DEFAULT = WorkerSettings()


Processes = Annotated[
    int, typer.Option("--processes", "-p", metavar="N", min=1, help="Processes that run jobs.")
]
Concurrency = Annotated[
    int,
    typer.Option("--concurrency", "-c", metavar="N", min=1, help="Jobs at once in each process."),
]
Queues = Annotated[
    str,
    typer.Option(
        "--queues",
        "-q",
        metavar="NAME[=WEIGHT],...",
        help="Which queues, such as `mail=3,default`: three looks at mail for one at default."
        " Else every queue that the app names.",
        show_default=False,
    ),
]
QueueConcurrency = Annotated[
    str,
    typer.Option(
        "--queue-concurrency",
        metavar="NAME=N,...",
        help="At most so many jobs of these queues at once in each process, such as `mail=5`.",
        show_default=False,
    ),
]
MinPriority = Annotated[
    int | None,
    typer.Option(metavar="N", help="Only jobs of this priority or higher.", show_default=False),
]
MaxPriority = Annotated[
    int | None,
    typer.Option(metavar="N", help="Only jobs of this priority or lower.", show_default=False),
]
Grace = Annotated[
    float, typer.Option(metavar="SECONDS", min=0, help="What running jobs have after a stop.")
]
Lease = Annotated[
    float, typer.Option(metavar="SECONDS", min=1, help="Silence that means a worker is dead.")
]
Poll = Annotated[
    float, typer.Option(metavar="SECONDS", min=0.01, help="An idle worker looks so often.")
]
NoNotify = Annotated[
    bool, typer.Option("--no-notify", help="Do not listen for notifications; only poll.")
]
LogLevel = Annotated[
    str, typer.Option(metavar="LEVEL", envvar=LEVEL_VARIABLE, help="debug, info, warning or error.")
]
LogForm = Annotated[
    LogFormat, typer.Option(envvar=FORMAT_VARIABLE, help="auto: pretty on a terminal, else JSON.")
]


def worker(
    app: AppArgument = None,
    processes: Processes = _DEFAULT.processes,
    concurrency: Concurrency = _DEFAULT.concurrency,
    queues: Queues = "",
    queue_concurrency: QueueConcurrency = "",
    min_priority: MinPriority = None,
    max_priority: MaxPriority = None,
    grace: Grace = _DEFAULT.grace,
    lease: Lease = _DEFAULT.lease,
    poll: Poll = _DEFAULT.poll,
    no_notify: NoNotify = False,
    log_level: LogLevel = "info",
    log_format: LogForm = LogFormat.AUTO,
    url: Url = None,
) -> None:
    """Run the jobs of an app until told to stop.

    SIGTERM or Ctrl-C lets running jobs finish for `--grace` seconds; a second one gives them back
    at once. Exit code 0 after an orderly stop, 78 when the app or the options are wrong.
    """
    with config_errors():
        settings = WorkerSettings(
            queues=parse_queues(queues),
            queue_concurrency=parse_limits(queue_concurrency),
            min_priority=min_priority,
            max_priority=max_priority,
            processes=processes,
            concurrency=concurrency,
            grace=grace,
            lease=lease,
            poll=poll,
            notifications=not no_notify,
        )
        reference, found = find_app(app)
        # The children write as we do, and the app in them sends to where it works.
        os.environ[LEVEL_VARIABLE] = log_level
        os.environ[FORMAT_VARIABLE] = settled(log_format)
        write_logs(found)
        target = Target(checked_url(url) if url else found.database_url, found.schema, found)
    os.environ[URL_VARIABLE] = target.url
    check_schema(target)
    supervisor = Supervisor(
        found,
        reference,
        target.url,
        settings,
        loop="uvloop" if find_spec("uvloop") else "asyncio",
        child_module="howdah.cli.worker_child",
    )
    raise typer.Exit(supervisor.run())
