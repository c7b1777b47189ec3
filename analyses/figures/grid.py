"""Figure: the decoupled grid of every task and category, direct and thinking, as small heat maps.

In: `accuracy` rows of analyses.decoupling. Out: a Figure.
"""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.figure import Figure

from analyses.figures.parts import heatmap, style
from analyses.figures.parts.rows import TITLES, name_part, parts_of
from analyses.table.scores import IN_DOMAIN

ACROSS = 4
"""Panels beside each other with up to MOST sizes; fewer with more, so that the numbers fit."""
MOST = 4


def select(table: pd.DataFrame) -> pd.DataFrame:
    """Selects the accuracies of all pairings by task (in-domain) and category (outside)."""
    rows = table[(table["quantity"] == "accuracy") & (table["average"] != "tasks")]
    split = rows.loc[rows["group"].notna(), "task"].unique()
    finest = rows["group"].notna() | ~rows["task"].isin(split)
    return rows[finest | (rows["domain"] == IN_DOMAIN) & rows["group"].isna()].reset_index(
        drop=True
    )


@style.styled
def draw(table: pd.DataFrame) -> Figure:
    """Draws a block of small heat maps per family and reasoning mode."""
    if not len(table):
        return style.nothing("the study has no decoupled cells")
    among = style.families(table)
    blocks = list(table.groupby(["family", "thinking"], sort=False))
    panels = [parts_of(rows) for _, rows in blocks]
    across = _across(table)
    rows_of = [math.ceil(len(p) / across) for p in panels]
    figure = style.new_figure(
        style.TWO_COLUMNS, sum(1.4 * ACROSS / across * n + 0.35 for n in rows_of) + 0.4
    )
    parts = figure.subfigures(len(blocks), 1, squeeze=False, height_ratios=rows_of)
    colours = heatmap.scale(table)
    names = style.task_names(table["task"])
    for part, (_, block), own in zip(parts[:, 0], blocks, panels):
        mode = bool(block["thinking"].iloc[0])
        text = f"Accuracy of every pairing in percent, {TITLES[mode]}"
        style.band_title(part, style.panel_title(str(block["family"].iloc[0]), among, text))
        grid, lowest = style.multiples(part, len(own), across, full=True)
        for k, (axes, rows) in enumerate(zip(grid, own)):
            heatmap.panel(axes, rows, colours, parameters=False, size=7.5, small=6.4)
            name_part(axes, rows, names, 32, f", {style.n_text(rows['n'])}")
            axes.tick_params(labelsize=6.4, labelleft=k % across == 0, pad=1)
            if axes in lowest:
                axes.set_xlabel("reasoning size", fontsize=7)
            if k % across == 0:
                axes.set_ylabel("perception size", fontsize=7)
    style.footnote(
        figure,
        f"One colour scale, darker is more accurate. Small: {style.INTERVAL[9:]}.",
    )
    return figure


def _across(table: pd.DataFrame) -> int:
    """Panels beside each other: for the same width of a number, whatever the sizes."""
    sizes = max(int(table[name].nunique()) for name in ("perception", "reasoning"))
    return max(1, ACROSS * MOST // max(sizes, MOST))


def caption(table: pd.DataFrame) -> str:
    """What is drawn; n and the intervals stand under the figure."""
    return (
        "Accuracy of every pairing of perception module (upward) and reasoning module (to the"
        " right) on every task and category."
    )
