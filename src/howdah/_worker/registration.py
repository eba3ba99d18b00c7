"""Tells the database what the code says of queues, limits and schedules, when a worker starts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.metadata import version

from howdah._db import queue as queues
from howdah._db import quota as quotas
from howdah._db import schedule as schedules
from howdah._db import worker as workers
from howdah._db.fleet import Asked
from howdah._db.query import Query
from howdah._db.steps import Steps
from howdah._model.nearest import nearest
from howdah._model.signals import QueueUnknown, SchedulesStray
from howdah._worker.settings import WorkerSettings
from howdah._worker.tasks import AppLike


def register_worker(
    app: AppLike,
    settings: WorkerSettings,
    *,
    queues: Sequence[str],
    host: str,
    pid: int,
    asked: Asked | None = None,
) -> Query[int]:
    """Announce a process that will work so, with all that decides whether it takes a job."""
    return workers.register(
        lease=settings.lease,
        pid=pid,
        host=host,
        concurrency=settings.concurrency,
        queues=queues,
        version=version("howdah"),
        tasks=app.tasks,
        lowest=settings.min_priority,
        highest=settings.max_priority,
        queue_concurrency=settings.queue_concurrency,
        batches={
            name: task.batching.size
            for name, task in app.tasks.items()
            if task.batching is not None
        },
        asked=asked,
    )


def register_limits(app: AppLike) -> Steps[None]:
    """Store what the code says of its limits. One that no code names any more stays as it is."""
    if definitions := app.limit_definitions:
        yield quotas.register(definitions)


def register_queues(app: AppLike, served: Iterable[str]) -> Query[None]:
    """Make known what the code says of queues, and those that are served.

    Of a queue that is served and not declared nothing is said: another app may declare it.
    """
    return queues.register({**dict.fromkeys(served), **app.queue_definitions})


def look_at_queues(app: AppLike, served: Iterable[str]) -> Steps[None]:
    """Tell of queues that are served and that nobody seems to mean. They may be another app's."""
    foreign = [name for name in served if name not in app.queue_names]
    if not foreign:
        return
    known = {*app.queue_names, *(yield queues.used())}
    for name in foreign:
        if name not in known:
            app.signals.post(QueueUnknown(name, nearest(name, known)))


def register_schedules(app: AppLike) -> Steps[None]:
    """Store the schedules of the code, and tell of those that code once defined and that are left.

    Those are not deleted: they may be another app's, or those of a newer version of this one.
    """
    definitions = app.schedule_definitions
    if definitions:
        moment = yield schedules.now()
        stored = [definition.to_mapping(moment) for definition in definitions]
        yield schedules.put(stored, source="code")
    stray = yield schedules.stray([definition.name for definition in definitions])
    if stray:
        app.signals.post(SchedulesStray(tuple(stray)))
