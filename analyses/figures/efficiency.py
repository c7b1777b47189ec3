"""Figure: accuracy of every system against generated tokens and against parameters.

In: rows of analyses.efficiency. Out: a Figure, a row of two panels per family and task group.
"""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from analyses.figures import style, systems
from analyses.figures.systems import COSTS

DRAWN = ("generated_tokens", "params")
LEFT_OUT = ("oracle", "text_only")
"""Not asked the same question: gold descriptions, or no description."""


def select(table: pd.DataFrame) -> pd.DataFrame:
    """Every system, and the blind cells, which show what the image buys."""
    return table[~table["method"].isin(LEFT_OUT)].reset_index(drop=True)


@style.styled
def draw(table: pd.DataFrame) -> Figure:
    """A row per family and group of tasks; left tokens, right parameters."""
    table = table[table["accuracy"].notna()]
    if not len(table):
        return style.nothing("no cell that sees the image has an accuracy")
    among = style.families(table)
    names = style.task_names(table["task"])
    panels = list(table.groupby(["family", "task"], sort=False))
    figure = style.new_figure(style.TWO_COLUMNS, 2.3 * len(panels) + 0.6)
    grid = figure.subplots(len(panels), len(DRAWN), squeeze=False, sharey="row")
    for row, ((family, task), rows) in zip(grid, panels):
        for axes, cost in zip(row, DRAWN):
            systems.panel(axes, rows, cost)
        row[0].set_ylabel("accuracy")
        text = f"{names[str(task)]}, {style.n_text(rows['n'])}"
        row[0].set_title(style.panel_title(str(family), among, text))
    _legend(figure)
    style.footnote(figure, f"The line is the front; {style.INTERVAL}, of accuracy and of the cost.")
    return figure


def _legend(figure: Figure) -> None:
    """One legend of everything that some panel shows."""
    seen = {
        label: handle
        for axes in figure.axes
        for handle, label in zip(*axes.get_legend_handles_labels())
    }
    figure.legend(list(seen.values()), list(seen), loc="outside upper center", ncols=3, fontsize=7)


def caption(table: pd.DataFrame) -> str:
    """What is drawn, n and the interval."""
    costs = " and ".join(COSTS[cost][0] for cost in DRAWN)
    return (
        f"Accuracy of every system against {costs} ({style.n_text(table['n'])} items a point). The"
        " line joins the systems that no other beats in both; gold descriptions and runs without"
        " a description are left out, and blind runs are on no front. Bars are 95 % paired"
        " cluster-bootstrap intervals over images; tables hold the share of draws in which a"
        " system is on the front."
    )
