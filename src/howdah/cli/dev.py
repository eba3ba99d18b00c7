"""`howdah dev`: database, tables and worker in one command, and a new worker on every save."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from psycopg.conninfo import conninfo_to_dict

from howdah._db import migrate
from howdah.cli.dev_process import DevWorker
from howdah.cli.errors import show
from howdah.cli.options import AppArgument, Url
from howdah.cli.output import print_pairs, say
from howdah.cli.target import URL_VARIABLE, load_app, named_app
from howdah.client import Howdah
from howdah.errors import HowdahError, MissingExtraError

try:
    from watchfiles import PythonFilter, watch
except ImportError as _error:
    raise MissingExtraError(
        "cannot watch for changes: watchfiles is not installed; run pip install 'howdah[dev]', or"
        " use `howdah worker` without reloading",
        extra="dev",
    ) from _error

IGNORED = {*PythonFilter.ignore_dirs, ".howdah"}

Watch = Annotated[
    list[Path] | None,
    typer.Option("--watch", "-w", exists=True, help="Folders to watch; else this one."),
]
WorkerOptions = Annotated[
    list[str] | None,
    typer.Argument(metavar="[-- OPTIONS]", help="Options of `howdah worker`, after `--`."),
]


def dev(
    app: AppArgument = None,
    options: WorkerOptions = None,
    watched: Watch = None,
    url: Url = None,
) -> None:
    """Run everything that development needs, and reload on save.

    Without a database it makes and starts a private one in ./.howdah. The tables are created or
    updated, and a worker runs. Ctrl-C stops all of it; the data stays.

    Example: howdah dev myapp.jobs:app -- --concurrency 5 --log-level debug
    """
    if url:
        os.environ[URL_VARIABLE] = url
    reference = named_app(app)
    folders = [path.resolve() for path in watched or [Path.cwd()]]
    with _stop_signals() as stop:
        loaded = _prepared(reference)
        worker = DevWorker(reference, options or [])
        if loaded is not None:
            worker.start()
        try:
            _watch(worker, folders, stop)
        finally:
            worker.stop()
            if loaded is not None:
                _release(loaded)


def _prepared(reference: str) -> Howdah | None:
    """Have a database with all its tables. None when the app cannot be imported as it is."""
    try:
        app = load_app(reference)
        url = app.database_url
        applied = migrate.migrate(url, schema=app.schema)
    except HowdahError as error:
        show(error)
        return None
    # The worker is a process of its own, and the database is ours to keep running.
    os.environ[URL_VARIABLE] = url
    tasks = sorted(f"{task.name} ({task.queue})" for task in app.tasks.values())
    print_pairs(
        [
            ("app", reference),
            ("database", _place(url)),
            ("schema", f"{app.schema}, {', '.join(applied) or 'up to date'}"),
            ("tasks", ", ".join(tasks) or "none yet"),
        ]
    )
    say("Ctrl-C stops everything.\n", style="dim")
    return app


def _watch(worker: DevWorker, folders: list[Path], stop: threading.Event) -> None:
    """Start the worker anew whenever a file was saved, until told to stop."""
    while not stop.is_set():
        changed = _next_change(worker, folders, stop)
        if changed and not stop.is_set():
            say(f"\nchanged: {', '.join(sorted(changed))}", style="bold")
            if not worker.was_started:
                # Only a new process imports everything anew.
                os.execv(sys.executable, [sys.executable, "-m", "howdah", *sys.argv[1:]])
            worker.stop()
            worker.start()


def _next_change(worker: DevWorker, folders: list[Path], stop: threading.Event) -> set[str]:
    """Wait until something is saved, and say when the worker has gone by itself."""
    changes = watch(
        *_below(folders),
        watch_filter=PythonFilter(),
        stop_event=stop,
        debounce=300,
        rust_timeout=500,
        yield_on_timeout=True,
        recursive=False,
        raise_interrupt=False,
    )
    for batch in changes:
        if batch:
            return {_short(path) for _, path in batch}
        if (code := worker.has_gone()) is not None:
            say(f"the worker ended with exit code {code}; it starts again on the next save")
    return set()


def _below(folders: list[Path]) -> list[Path]:
    """Each folder to watch. A private Postgres writes too much to be watched as well."""
    found: list[Path] = []
    for top in folders:
        for folder, names, _ in os.walk(top):
            names[:] = [name for name in names if name not in IGNORED]
            found.append(Path(folder))
    return found


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """An event that is set by Ctrl-C, SIGTERM, or a terminal that closes."""
    stop = threading.Event()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    previous = {number: signal.signal(number, lambda *_: stop.set()) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _release(app: Howdah) -> None:
    import asyncio

    asyncio.run(app.close())


def _place(url: str) -> str:
    """Where the database is, without its password."""
    parts: dict[str, Any] = conninfo_to_dict(url)
    return f"{parts.get('dbname') or ''} on {parts.get('host') or 'localhost'}"


def _short(path: str) -> str:
    found = Path(path)
    return str(found.relative_to(Path.cwd())) if found.is_relative_to(Path.cwd()) else path
