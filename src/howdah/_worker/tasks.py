"""All that a worker needs of a task and of an app, as the layers above provide it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal, Protocol

from howdah._model.batch import Batching
from howdah._model.retry import Retry
from howdah._model.schedule import Definition
from howdah._model.signals import Signals

Executor = Literal["loop", "thread", "process"]


class SignatureLike(Protocol):
    """How a task's arguments and result are read and written."""

    @property
    def context(self) -> str | None: ...
    def decode(self, text: str | bytes, /) -> dict[str, Any]: ...
    def encode_result(self, value: Any, /) -> str | None: ...


class TaskLike(Protocol):
    """A registered task."""

    @property
    def name(self) -> str: ...
    @property
    def queue(self) -> str: ...
    @property
    def batching(self) -> Batching | None: ...
    @property
    def fn(self) -> Callable[..., Any]: ...
    @property
    def signature(self) -> SignatureLike: ...
    @property
    def executor(self) -> Executor: ...
    @property
    def retry(self) -> Retry | None: ...
    @property
    def expire_in(self) -> timedelta | float | None: ...


class AppLike(Protocol):
    """An app: its tasks and where its database is."""

    @property
    def schema(self) -> str: ...
    @property
    def signals(self) -> Signals: ...
    @property
    def tasks(self) -> Mapping[str, TaskLike]: ...
    @property
    def queue_names(self) -> tuple[str, ...]: ...
    @property
    def limit_definitions(self) -> Mapping[str, Mapping[str, Any]]: ...
    @property
    def queue_definitions(self) -> Mapping[str, Mapping[str, Any]]: ...
    @property
    def schedule_definitions(self) -> Sequence[Definition]: ...
