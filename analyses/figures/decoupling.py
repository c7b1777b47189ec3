"""Figure: accuracy lost by module, alone and as its part of the whole drop, by task and category.

In: rows of analyses.decoupling. Out: a Figure: a column of panels per reasoning mode (direct,
thinking), tasks above, categories below.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analyses.figures.parts import style
from analyses.figures.parts.rows import MODES, TITLES, Entry, Series, entries_of, forest
from analyses.table.scores import SHARED

MODULES = {
    "perception_drop": ("only perception shrinks", style.PERCEPTION),
    "reasoning_drop": ("only reasoning shrinks", style.REASONING),
}
PARTS = ("perception_part", "reasoning_part")
OPEN = {"elinewidth": 0.7, "capsize": 1.4, "markerfacecolor": "white"}
SERIES: tuple[tuple[str, str, dict[str, Any], float], ...] = (
    ("perception_drop", "only perception shrinks", style.PERCEPTION, 0.27),
    ("perception_part", "part of perception in the whole drop", style.PERCEPTION | OPEN, 0.11),
    ("reasoning_drop", "only reasoning shrinks", style.REASONING, -0.09),
    ("reasoning_part", "part of reasoning in the whole drop", style.REASONING | OPEN, -0.25),
)
"""Quantity, its name, its look and where it stands in its row."""


def select(table: pd.DataFrame) -> pd.DataFrame:
    """Drops with the other module at its largest, and the parts of the whole drop."""
    rows = table[table["task"] != SHARED]
    held = rows["quantity"].isin(MODULES) & rows["at_largest"].astype(bool)
    return rows[held | rows["quantity"].isin(PARTS)].reset_index(drop=True)


@style.styled
def draw(table: pd.DataFrame) -> Figure:
    """Draws the drop by module for each task and category; filled: other module largest, open: its
    part."""
    if not len(table):
        return style.nothing("the study has no decoupled cells at two sizes of a module")
    among = style.families(table)
    modes = [mode for mode in MODES if (table["thinking"] == mode).any()]
    counts = [entries_of(table[table["family"] == family]) for family in among]
    figure = style.new_figure(style.TWO_COLUMNS, sum(0.33 * len(c) + 0.75 for c in counts) + 0.5)
    grid = figure.subplots(
        len(among),
        len(modes),
        squeeze=False,
        sharey="row",
        sharex=True,
        height_ratios=[len(c) for c in counts],
    )
    for row, family, entries in zip(grid, among, counts):
        for axes, mode in zip(row, modes):
            own = table[(table["family"] == family) & (table["thinking"] == mode)]
            _panel(axes, own, entries)
            axes.set_title(style.panel_title(family, among, f"Accuracy lost, {TITLES[mode]}"))
    known = grid[0, 0].get_legend_handles_labels()
    figure.legend(*known, loc="outside upper center", ncols=2, fontsize=7.5)
    style.footnote(figure, f"{style.n_text(table['n'])} items a row; {style.INTERVAL}.")
    return figure


def _panel(axes: Axes, rows: pd.DataFrame, entries: list[Entry]) -> None:
    series = [
        Series(rows[rows["quantity"] == quantity], look | {"label": label}, above)
        for quantity, label, look, above in SERIES
    ]
    forest(axes, series, entries, zero=True, names=style.task_names(rows["task"]))
    axes.set_xlabel("accuracy lost, largest to smallest")


def caption(table: pd.DataFrame) -> str:
    """What is drawn; n and the intervals stand under the figure."""
    return (
        "Accuracy lost when only the perception module shrinks from the largest to the smallest"
        " size, and when only the reasoning module does, for every task and category."
        " Filled: the other module at its largest size, as in the paper. Open: the module's"
        " Shapley part of the drop when both shrink; the two parts sum to that drop."
    )
