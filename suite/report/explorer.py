"""The explorer inside a report: every item of a small run with its grid and its ways, in one file.

In: a run's directory. Out: JSON that the page's own script shows, of LARGEST bytes at most; what
there was no room for is said. Every text in it is `visible` already, and the script puts texts into
the page as texts, so that none is read as anything else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from suite.errors import one_line
from suite.runs.words import SIGNS, STAGES, reading

Grid = dict[str, Any]


def visible(text: object) -> str:
    """Shows a text with its lines; what would turn the writing's direction, or is not seen at all,
    is written out."""
    return "\n".join(one_line(line) for line in str(text).splitlines())


def kind(marks: Sequence[str]) -> str:
    """Says what several samples of a cell are in all: a mark, or none of no answer."""
    if len(marks) > 1 and len(set(marks)) > 1:
        return "right" if 2 * marks.count("right") >= len(marks) else "wrong"
    return marks[0] if marks else "none"


def sign(marks: Sequence[str]) -> str:
    """Gives the sign of a cell: how many are right where there are several answers."""
    if len(marks) > 1:
        return f"{marks.count('right')}/{len(marks)}"
    return SIGNS[marks[0]] if marks else "·"


def said(marks: Sequence[str]) -> str:
    """Gives the sign in a word."""
    return f"right: {marks.count('right')} of {len(marks)}" if len(marks) > 1 else kind(marks)


def in_words(grid: Grid) -> str:
    """Says a grid for those who do not see it."""
    asked = [marks for row in grid["marks"] for marks in row if marks]
    right = sum(kind(marks) == "right" for marks in asked)
    return f"{right} of {len(asked)} right"


def filters() -> dict[str, Callable[..., Any]]:
    """Gives what the templates of items need, by name."""
    return {
        "visible": visible,
        "kind": kind,
        "sign": sign,
        "said": said,
        "in_words": in_words,
        "places": _places,
        "place": _place,
        "stage": lambda name: STAGES.get(name, name),
        "reading": reading,
        "count": "{:,}".format,
        "share": "{:.3f}".format,
    }


def _places(grid: Grid, answers: Sequence[dict[str, Any]]) -> list[list[int | None]]:
    """Where the answer of each cell of a grid stands among the answers."""
    at: dict[str, int] = {}
    for number, answer in enumerate(answers):
        at.setdefault(answer["cell"], number)
    return [[at.get(cell) for cell in row] for row in grid["cells"]]


def _place(name: str) -> str:
    """A name as part of an anchor."""
    return "".join(letter if letter.isalnum() else "-" for letter in name)
