"""Draws the picture in docs/states.md from the table of transitions, for scripts/docs-states."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from howdah._model.states import FINAL, GONE, LIVE, TRANSITIONS, JobState

PAGE = Path(__file__).parents[2] / "docs" / "states.md"
BEGIN = "<!-- drawn from src/howdah/_model/states.py by scripts/docs-states -->"
END = "<!-- until here -->"


def picture() -> str:
    """The table as a diagram and as a grid, in Markdown."""
    return "\n".join(["```mermaid", *_diagram(), "```", "", *_grid()])


def redrawn(page: str) -> str:
    """The page with today's picture in the place of the one that it holds."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{picture()}\n\n{END}{after}"


def _diagram() -> Iterator[str]:
    yield "stateDiagram-v2"
    yield "    [*] --> created: send"
    steps = [
        (start, end or "[*]", verb)
        for start in JobState
        for end in (*JobState, GONE)
        for verb, row in TRANSITIONS.items()
        if end in row.get(start, ())
    ]
    for (start, end), group in groupby(steps, key=lambda step: step[:2]):
        yield f"    {start} --> {end}: {', '.join(verb for _, _, verb in group)}"
    for state in JobState:
        if state in FINAL:
            yield f"    {state} --> [*]: retention is over"


def _grid() -> Iterator[str]:
    states = [state for state in JobState if state in LIVE] + [
        state for state in JobState if state in FINAL
    ]
    yield f"| | {' | '.join(states)} |"
    yield "|---" * (len(states) + 1) + "|"
    for verb, row in TRANSITIONS.items():
        cells = [
            " or ".join(to or "gone" for to in (*JobState, GONE) if to in row.get(state, ()))
            for state in states
        ]
        yield f"| **{verb}** | {' | '.join(cells)} |"


if __name__ == "__main__":
    PAGE.write_text(redrawn(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
