"""Log lines: which event, which fields, how grave, and how they look."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from howdah._model.signals import (
    DatabaseLost,
    JobEnded,
    JobStarted,
    LimitUnknown,
    QueueUnknown,
    Signal,
    Signals,
    TaskUnknown,
    WorkerDied,
    WorkerStarted,
)
from howdah.errors import UsageError
from howdah.telemetry import formats, logs
from howdah.telemetry.formats import JsonFormatter, LogFormat, PrettyHandler, TextFormatter
from howdah.telemetry.logs import LINES_A_SECOND, LOGGER, Line

ENTRY = json.dumps({"type": "ValueError", "message": "no\nway", "traceback": "Trace\n  back"})


class Kept(logging.Handler):
    """Keeps the records."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def said(self) -> list[tuple[str, str]]:
        return [(record.levelname, record.msg.event) for record in self.records]  # type: ignore[attr-defined]


@pytest.fixture
def kept() -> Iterator[Kept]:
    """What the logger is given."""
    handler = Kept()
    level = LOGGER.level
    LOGGER.setLevel(logging.INFO)
    LOGGER.addHandler(handler)
    yield handler
    LOGGER.removeHandler(handler)
    LOGGER.setLevel(level)


@pytest.fixture
def signals(kept: Kept) -> Signals:
    """A board that is listened to."""
    made = Signals()
    logs.attach(made)
    return made


@contextmanager
def bare_root() -> Iterator[logging.Logger]:
    """The root logger as Python starts with it. No fixture: pytest adds handlers after those."""
    root = logging.getLogger()
    before, level, ours = root.handlers[:], root.level, LOGGER.level
    root.handlers.clear()
    try:
        yield root
    finally:
        root.handlers[:] = before
        root.setLevel(level)
        LOGGER.setLevel(ours)


def ended(verdict: str, **facts: object) -> JobEnded:
    return JobEnded("id", "welcome", "mail", 2, verdict, 0.25, **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("signal", "said"),
    [
        (ended("completed"), ("INFO", "job.completed")),
        (ended("settled", error=ENTRY), ("INFO", "job.completed")),
        (ended("retry", error=ENTRY, retry_in=2.0), ("WARNING", "job.retried")),
        (ended("failed", error=ENTRY), ("ERROR", "job.failed")),
        (ended("expired", error=ENTRY), ("ERROR", "job.expired")),
        (ended("cancelled"), ("INFO", "job.cancelled")),
        (ended("snoozed", retry_in=5.0), ("INFO", "job.snoozed")),
        (WorkerStarted(1, ("mail",), 20), ("INFO", "worker.started")),
        (WorkerDied(1, 2, -9, 3), ("ERROR", "worker.died")),
        (DatabaseLost("claim", "gone"), ("WARNING", "database.lost")),
        (TaskUnknown("id", "resize", "mail"), ("WARNING", "task.unknown")),
        (QueueUnknown("mial", "mail"), ("WARNING", "queue.unknown")),
        (LimitUnknown("id", "mail", "opnai"), ("WARNING", "limit.unknown")),
    ],
)
def test_what_is_retried_is_a_warning_and_what_needs_a_person_an_error(
    signals: Signals, kept: Kept, signal: Signal, said: tuple[str, str]
) -> None:
    signals.post(signal)

    assert [said] == kept.said()


def test_every_signal_but_the_start_of_a_job_writes_a_line(kept: Kept) -> None:
    signals = Signals()

    logs.attach(signals)

    assert [JobStarted] == [kind for kind in Signal.__subclasses__() if not signals.wants(kind)]


def test_the_start_of_a_job_is_told_only_to_those_who_debug(kept: Kept) -> None:
    LOGGER.setLevel(logging.DEBUG)
    signals = Signals()
    logs.attach(signals)

    signals.post(JobStarted("id", "welcome", "mail", 1))

    assert [("DEBUG", "job.started")] == kept.said()


def test_a_failure_names_its_error_and_brings_its_traceback(signals: Signals, kept: Kept) -> None:
    signals.post(ended("failed", error=ENTRY))

    line = kept.records[0].msg
    assert isinstance(line, Line)
    assert ("ValueError: no\nway", "Trace\n  back") == (line.fields["error"], line.detail)


def test_more_successes_than_a_person_can_read_are_counted_instead(
    signals: Signals, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(logs.time, "monotonic", lambda: now)
    for _ in range(LINES_A_SECOND + 7):
        signals.post(ended("completed"))

    now = 101.0
    signals.post(ended("completed"))

    fields = [record.msg.fields for record in kept.records]  # type: ignore[attr-defined]
    assert LINES_A_SECOND + 2 == len(fields)
    assert {"more": 7} == fields[-2]


def test_a_line_is_an_event_and_its_fields() -> None:
    line = Line("job.failed", {"task": "welcome", "error": 'say "no"\x1b', "empty": ""})

    assert 'job.failed task=welcome error="say \\"no\\"" empty=""' == str(line)


def record(message: object, *args: object) -> logging.LogRecord:
    return logging.LogRecord("shop", logging.INFO, "", 0, message, args, None)


def test_json_is_one_object_a_line_with_the_fields_beside_the_event() -> None:
    text = JsonFormatter().format(record(Line("job.failed", {"n": 1}, "Trace\nback")))

    document = json.loads(text)
    assert "\n" not in text
    assert {"event": "job.failed", "n": 1, "level": "info", "traceback": "Trace\nback"} == {
        name: document[name] for name in document if name != "at"
    }


def test_lines_of_other_loggers_are_written_too() -> None:
    theirs = record("hello %s\x1b", "Ann")

    assert "shop: hello Ann" in TextFormatter().format(theirs)
    assert "hello Ann\x1b" == json.loads(JsonFormatter().format(theirs))["message"]


def test_a_traceback_stands_on_lines_of_its_own() -> None:
    text = TextFormatter().format(record(Line("job.failed", {}, "Trace\n  back\n")))

    assert ["Trace", "  back"] == text.splitlines()[1:]


def test_pretty_lines_show_markup_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    PrettyHandler().emit(record(Line("job.failed", {"error": "[red]\x1b[0m"}, "Trace")))

    said = capsys.readouterr().err
    assert "job.failed     error=[red][0m\nTrace" in said
    assert "\x1b" not in said


def test_auto_is_json_where_no_terminal_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", io.StringIO())

    assert LogFormat.JSON is formats.settled(LogFormat.AUTO)


def test_logging_is_set_up_once() -> None:
    with bare_root() as root:
        formats.configure(level="warning", log_format=LogFormat.TEXT)
        formats.configure(level="info", log_format=LogFormat.JSON)

        (handler,) = root.handlers
        assert isinstance(handler.formatter, TextFormatter)
        assert logging.INFO == LOGGER.level


def test_a_level_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UsageError, match="the levels are debug, info"):
        formats.configure(level="loud", log_format=LogFormat.TEXT)
