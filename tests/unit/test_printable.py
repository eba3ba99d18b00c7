"""Text from anywhere, made safe for a terminal."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from howdah.telemetry.printable import lines, one_line


def test_escapes_are_taken_out_and_the_rest_stays() -> None:
    assert "a[31mb" == one_line("a\x1b[31mb\x07\x9b")


def test_what_turns_the_direction_of_writing_is_taken_out() -> None:
    assert "exe.txt" == one_line("exe\u202e.txt\u2066")


def test_letters_of_all_scripts_and_joined_emoji_stay() -> None:
    text = "é ß 漢字 شكرا 👩\u200d💻"

    assert text == one_line(text)


def test_one_line_is_one_line_and_says_when_it_was_cut() -> None:
    assert "a b c" == one_line("a\r\n  b\tc\n")
    assert "abc…" == one_line("abcdefgh", limit=4)


def test_lines_keep_their_indentation() -> None:
    assert "def f():\n    return 1" == lines("def f():\r\n\treturn 1")


def test_a_carriage_return_cannot_hide_what_stands_before_it() -> None:
    assert "rm -rfok" == lines("rm -rf\rok")


@given(st.text())
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    left = {unicodedata.category(char) for char in lines(text).replace("\n", "")}

    assert not left & {"Cc", "Cs"}
    assert "\n" not in one_line(text)
