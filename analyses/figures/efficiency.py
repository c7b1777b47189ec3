"""Figure: accuracy of every system against generated tokens and against parameters.

In: rows of analyses.efficiency. Out: a Figure, a row of panels per family and task group; a third
one, against the rows that perception saw in training, where they are known and differ.
"""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from analyses.figures.parts import style, systems
from analyses.figures.parts.systems import COSTS

DRAWN = {"generated_tokens": "generated tokens", "params": "parameters"}
"""Cost -> its name in a title."""
SAMPLES = {"samples": "rows seen in training"}
"""The same, where it is known and tells systems apart."""
_BARS = f"{style.BOOTSTRAP}; of accuracies never narrower than adjusted Wald"


def select(table: pd.DataFrame) -> pd.DataFrame:
    """Every system, and the blind cells, which show what the image buys."""
    return systems.shown(table)


@style.styled
def draw(table: pd.DataFrame) -> Figure:
    """Draws a row per family and group of tasks; left tokens, right parameters."""
    table = table[table["accuracy"].notna()]
    if not len(table):
        return style.nothing("no cell that sees the image has an accuracy")
    among = style.families(table)
    names = style.task_names(table["task"])
    panels = list(table.groupby(["family", "task"], sort=False))
    figure = style.new_figure(style.TWO_COLUMNS, 2.75 * len(panels) + 0.75)
    drawn = _drawn(table)
    grid = figure.subplots(len(panels), len(drawn), squeeze=False, sharey="row")
    for row, ((family, task), rows) in zip(grid, panels):
        text = f"{names[str(task)]}, {style.n_text(rows['n'])}"
        for axes, (cost, by) in zip(row, drawn.items()):
            systems.prepare(axes, rows, cost)
            title = style.panel_title(str(family), among, f"Accuracy by {by}")
            axes.set_title(style.wrapped(len(drawn), title, text))
        row[0].set_ylabel("accuracy")
    systems.legend(figure, table)
    style.footnote(figure, f"{systems.WORDS.capitalize()} Intervals: {_BARS}.")
    figure.draw_without_rendering()  # fixes the layout, so that markers are placed by pixels
    for row, (_, rows) in zip(grid, panels):
        for axes, cost in zip(row, drawn):
            systems.points(axes, rows, cost)
    return figure


def _drawn(table: pd.DataFrame) -> dict[str, str]:
    return DRAWN | (
        SAMPLES if "samples" in table and len(table["samples"].dropna().unique()) > 1 else {}
    )


def caption(table: pd.DataFrame) -> str:
    """What is drawn; n and the intervals stand under the figure."""
    costs = " and ".join(COSTS[cost][0] for cost in _drawn(table))
    return (
        f"Accuracy of every system against {costs}. The"
        " line joins the systems that no other beats in both; gold descriptions and runs without"
        " a description are left out, and blind runs are on no front. Tables hold the share of"
        " draws in which a system is on the front."
    )
