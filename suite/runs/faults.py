"""Whose fault an item is, in words, and the marks of its pairings.

In: the rows of one item's answers. Out: JSON-able values. The rule is that of
`analyses.attribution`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from analyses.attribution import BOTTLENECK
from analyses.attribution_examples import CORNERS, item_classes
from analyses.stats import mending
from analyses.table.sizes import pairings_of
from suite.base.json_values import rows_of

BLAMES = {
    "perception": mending.PERCEPTION,
    "reasoning": mending.REASONING,
    "either": mending.EITHER,
    "both": mending.ONLY_BOTH,
    "bottleneck": BOTTLENECK,
}
"""Whose fault an item is -> the class of `analyses.attribution`."""
RIGHT = 0.5
"""Scores from here on count as right where an answer is marked right or wrong."""


def mark(row: dict[str, Any]) -> str:
    """Says in a word what an answer is: right, wrong, unread or failed."""
    if row["failed"] or row["score"] is None:
        return "failed"
    if not row["parsed"]:
        return "unread"
    return "right" if row["score"] >= RIGHT else "wrong"


def grids(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The marks of the pairings, a grid per family, perceiver and way to reason: a list per
    perception size, smallest first, of the marks of each sample by reasoning size."""
    cells = pd.DataFrame(rows).drop_duplicates("cell", ignore_index=True)
    marks: dict[str, list[str]] = {}
    for row in rows:
        marks.setdefault(row["cell"], []).append(mark(row))
    return [
        {
            **grid.labels,
            "perception": [rung.size for rung in grid.perception],
            "reasoning": [rung.size for rung in grid.reasoning],
            "marks": [
                [marks.get(grid.cells.get((p.size, r.size), ""), []) for r in grid.reasoning]
                for p in grid.perception
            ],
        }
        for grid in pairings_of(cells)
    ]


def faults(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Whose fault the item is, a sentence a grid with four corners."""
    return [
        {
            **{name: row[name] for name in ("family", "perceiver", "thinking")},
            "whose": _whose(row),
            "sentence": sentence_of(row),
            "shares": {name: row[key] for name, key in BLAMES.items()},
        }
        for row in rows_of(item_classes(frame))
    ]


def _whose(row: dict[str, Any]) -> str | None:
    """The class that holds for most ways to draw one answer of each cell; None without one."""
    return next((name for name, key in BLAMES.items() if (row[key] or 0) > RIGHT), None)


def sentence_of(row: dict[str, Any]) -> str:
    """Says in words whose fault an item is in one grid: a row of `item_classes`."""
    small, low = row["perception_small"], row["reasoning_small"]
    large, high = row["perception_large"], row["reasoning_large"]
    smallest = f"with {small} looking and {low} reasoning it is wrong"
    if any(row[corner] is None for corner in CORNERS):
        return "Nobody's fault can be told: an answer of the smallest or largest sizes is missing."
    shares = {name: row[key] for name, key in BLAMES.items() if row[key]}
    if any(0 < share < 1 for share in shares.values()):
        parts = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
        return f"By the ways to draw one answer of each cell, it is the fault of: {parts}."
    sentences = {
        "perception": f"Perception's fault: {smallest}; a larger perception ({large}) alone mends "
        f"it, a larger reasoning ({high}) alone does not.",
        "reasoning": f"Reasoning's fault: {smallest}; a larger reasoning ({high}) alone mends it, "
        f"a larger perception ({large}) alone does not.",
        "either": f"The fault of either: {smallest}; a larger perception ({large}) alone mends it, "
        f"and so does a larger reasoning ({high}) alone.",
        "both": f"The fault of both: {smallest}; only {large} looking and {high} reasoning "
        "together mend it.",
        "bottleneck": f"Lost on the way: {large} answers it right end to end, and no pairing does.",
    }
    for name in shares:
        return sentences[name]
    if row["both_small"] >= RIGHT:
        return f"Nobody's fault: with {small} looking and {low} reasoning it is right already."
    return f"No larger size mends it: with {large} looking and {high} reasoning it is wrong, too."
