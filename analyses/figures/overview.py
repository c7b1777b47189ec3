"""Figure: the study at a glance: the grid of pairings and the drop by module.

In: rows of analyses.decoupling. Out: a Figure: heat maps of all pairings (in-domain and outside,
direct and thinking) beside the accuracy lost when only one module shrinks.
"""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analyses.figures.decoupling import MODULES
from analyses.figures.parts import heatmap, style
from analyses.figures.parts.rows import MODES
from analyses.table.scores import IN_DOMAIN, OUT_OF_DOMAIN

WIDTH = 30
"""Letters of a title's line."""
MOST = 4
"""Sizes up to which an interval fits on one line of its square."""


def select(table: pd.DataFrame) -> pd.DataFrame:
    """Pairings and drops (other module at its largest) of the in-domain and outside means."""
    outside = OUT_OF_DOMAIN if (table["task"] == OUT_OF_DOMAIN).any() else None
    out = (table["domain"] != IN_DOMAIN) & table["group"].isna()
    if outside is not None:
        out &= table["task"] == outside
    rows = table[(table["task"] == IN_DOMAIN) | out]
    drop = rows["quantity"].isin(MODULES) & rows["at_largest"].astype(bool)
    return rows[(rows["quantity"] == "accuracy") | drop].reset_index(drop=True)


@style.styled
def draw(table: pd.DataFrame) -> Figure:
    """A row of panels per family and mean: direct grid, thinking grid, drop by module."""
    grids = table[table["quantity"] == "accuracy"]
    if not len(grids):
        return style.nothing("the study has no decoupled cells")
    among = style.families(grids)
    rows = list(
        grids.drop_duplicates(["family", "task"])[["family", "task"]].itertuples(index=False)
    )
    rows.sort(key=lambda row: (among.index(str(row.family)), str(row.task) != IN_DOMAIN))
    modes = [mode for mode in MODES if (grids["thinking"] == mode).any()]
    sizes = max(int(grids[name].nunique()) for name in ("perception", "reasoning"))
    height = 2.35 * max(1.0, sizes / MOST)
    figure = style.new_figure(style.TWO_COLUMNS, height * len(rows) + 0.35)
    widths = [1.0] * len(modes) + [0.75]
    squares: dict[str, Any] = {"size": 7.5, "small": 6.2, "stacked": sizes > MOST}
    grid = figure.subplots(len(rows), len(widths), squeeze=False, width_ratios=widths)
    colours = heatmap.scale(grids)
    names = style.task_names(table["task"])
    for line, row in zip(grid, rows):
        own = table[(table["family"] == row.family) & (table["task"] == row.task)]
        text = style.panel_title(str(row.family), among, "Accuracy (%)")
        for axes, mode in zip(line, modes):
            part = own[(own["thinking"] == mode) & (own["quantity"] == "accuracy")]
            axes.set_visible(len(part) > 0)  # a perceiver that reasons in one way alone
            if not len(part):
                continue
            heatmap.panel(axes, part, colours, parameters=True, **squares)
            name = f"{names[str(row.task)]}, {style.n_text(part['n'])}"
            axes.set_title(f"{textwrap.fill(f'{text}, {MODES[mode]}', WIDTH)}\n{name}")
            axes.set_xlabel("reasoning size")
            axes.set_ylabel("perception size")
        drops = own[own["quantity"] != "accuracy"]
        line[-1].set_visible(len(drops) > 0)
        _drops(line[-1], drops, modes)
        line[-1].set_title("Accuracy lost when\none module shrinks")
        line[-1].set_ylabel("accuracy lost")
    _same_height(grid[:, -1])
    style.footnote(
        figure,
        f"Small figures and {style.INTERVAL}.\n"
        "Lost: largest to smallest, the other module at its largest.",
    )
    return figure


def _drops(axes: Axes, rows: pd.DataFrame, modes: list[bool]) -> None:
    for k, (quantity, (_, look)) in enumerate(MODULES.items()):
        part = rows[rows["quantity"] == quantity]
        x = np.array([modes.index(bool(mode)) for mode in part["thinking"]]) + 0.2 * (k - 0.5)
        label = quantity.removesuffix("_drop")
        style.with_interval(
            axes, x, part["estimate"], part["low"], part["high"], label=label, **look
        )
    axes.set_xticks(range(len(modes)), [MODES[mode] for mode in modes])
    axes.set_xlim(-0.6, len(modes) - 0.4)
    axes.axhline(0, color=style.QUIET, linewidth=0.7)
    axes.grid(axis="y")
    axes.legend(loc="upper left", borderaxespad=0.1)


def _same_height(column: np.ndarray) -> None:
    """The same scale for all panels, with room above the points for the legend."""
    ends = [axes.get_ylim() for axes in column]
    low, high = min(0.0, *(low for low, _ in ends)), max(0.0, *(high for _, high in ends))
    for axes in column:
        axes.set_ylim(low, high + 0.35 * (high - low))


def caption(table: pd.DataFrame) -> str:
    """What is drawn; n and the intervals stand under the figure."""
    return (
        "Accuracy of every pairing of perception module and reasoning module, answering directly"
        " and with thinking, on the mean of the in-domain tasks and outside the training domain;"
        " and the accuracy lost when only one of the modules shrinks."
    )
