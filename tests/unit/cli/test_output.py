"""What is printed: durations as people say them, JSON that is JSON, nothing a terminal obeys."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from howdah.cli import output
from howdah.cli.output import ago, print_json, print_table, settings_of, span, whole_span

NOW = datetime(2026, 1, 31, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0004, "0 ms"),
        (0.35, "350 ms"),
        (59, "59 s"),
        (300, "5 min"),
        (10_800, "3 h"),
        (9e5, "10 d"),
    ],
)
def test_a_duration_is_said_in_one_unit(seconds: float, said: str) -> None:
    assert said == span(seconds)


def test_a_moment_is_said_from_now() -> None:
    assert "5 min ago" == ago(NOW - timedelta(minutes=5), now=NOW)
    assert "in 5 min" == ago(NOW + timedelta(minutes=5), now=NOW)
    assert ago(None, now=NOW) is None


@dataclass(frozen=True, slots=True)
class Thing:
    id: UUID
    at: datetime
    took: timedelta


def test_json_holds_what_json_cannot_in_the_usual_forms(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_json([Thing(UUID(int=1), NOW, timedelta(seconds=1.5))])

    assert [
        {
            "id": "00000000-0000-0000-0000-000000000001",
            "at": "2026-01-31T08:00:00+00:00",
            "took": 1.5,
        }
    ] == json.loads(capsys.readouterr().out)


def test_json_is_printed_in_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"said": "\x1b[31m\x9b\u202e\ud800"})

    assert capsys.readouterr().out.replace("\n", "").isprintable()


def test_a_table_prints_markup_as_it_is_and_nothing_a_terminal_obeys(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table(("name",), [("[bold]a[/bold] \x1b[31m\x07b\nc",)])

    assert "[bold]a[/bold] [31mb c" in capsys.readouterr().out


def test_a_narrow_terminal_gets_fewer_columns_and_is_told_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "_WIDE", 40)
    row = ("a" * 20, "mail", "3", "no such mailbox: ann@example.com")

    print_table(("id", "queue", "runs", "why"), [row], spare=("runs", "queue"))

    head, line, said = capsys.readouterr().out.splitlines()
    assert ["id", "queue", "why"] == head.split()
    assert line.startswith(f"{'a' * 20}  mail   no such ma")
    assert "too narrow for: runs" == said


def test_no_column_is_left_out_where_there_is_room(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("id", "queue", "runs"), [("a", "mail", 3)], spare=("runs", "queue"))

    assert ["id", "queue", "runs"] == capsys.readouterr().out.splitlines()[0].split()


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (600, "10 min"),
        (5_400, "1 h 30 min"),
        (0.5, "0.5 s"),
        (90_061, "1 d 1 h 1 min 1 s"),
        (0, "0 s"),
    ],
)
def test_a_whole_duration_is_said_in_all_its_units(seconds: float, said: str) -> None:
    assert said == whole_span(seconds)


def test_settings_read_as_they_are_written_in_code() -> None:
    said = {"policy": "short", "retry": {"limit": 1}, "per": 600.0, "key": None, "by": "Ann B"}

    assert 'policy=short, retry={"limit": 1}, per=600, by="Ann B"' == settings_of(said)
    assert settings_of({"total": None}) is None


def test_yes_and_no_are_words_in_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name", "open"), [("a", True), ("b", False)])

    assert [["a", "yes"], ["b", "no"]] == [
        line.split() for line in capsys.readouterr().out.splitlines()[1:]
    ]
