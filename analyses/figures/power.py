"""Figure: the smallest difference of sizes that the items show, beside the difference observed.

In: rows of analyses.power. Out: a Figure: a block of panels per family, one for each ladder of
sizes (method, module, thinking), with a row per task and mean.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from analyses.contrasts.differences import ALL_ITEMS, OVERALL
from analyses.figures.parts import style
from analyses.figures.parts.rows import Entry, Series, entries_of, forest, heights

LADDER = ["method", "module", "thinking"]
METHODS = {
    "end_to_end": "end to end",
    "blind": "blind",
    "text_only": "text only",
    "oracle": "gold\ndescriptions",
    "decoupled": "decoupled,\n",
}
ACROSS = 5
BAND: dict[str, Any] = {"color": "#c9d3da", "height": 0.66, "linewidth": 0}
DETECTABLE: dict[str, Any] = {"color": style.QUIET, "marker": "|", "markersize": 7, "capsize": 0}
OBSERVED: dict[str, Any] = {"color": style.BLUE, "marker": "o", "label": "difference observed"}


def select(table: pd.DataFrame) -> pd.DataFrame:
    """Selects every ladder; tasks and the means of the domains."""
    whole = table["group"].isna() & ~table["task"].isin((OVERALL, ALL_ITEMS))
    return table[whole].reset_index(drop=True)


@style.styled
def draw(table: pd.DataFrame) -> Figure:
    """Draws a panel per ladder: the band of differences too small to show, and the one observed."""
    if not len(table):
        return style.nothing("the study has no cells that differ in the size of one module alone")
    among = style.families(table)
    blocks = [table[table["family"] == family] for family in among]
    counts = [math.ceil(len(_ladders(rows)) / ACROSS) for rows in blocks]
    entries = [entries_of(rows) for rows in blocks]
    heights = [c * (0.17 * len(own) + 0.85) for c, own in zip(counts, entries)]
    figure, parts = style.bands(heights, 0.75)
    for part, rows, own, family in zip(parts, blocks, entries, among):
        if len(among) > 1:
            style.band_title(part, family)
        _block(part, rows, own)
    figure.legend(
        *parts[0].axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2
    )
    style.footnote(
        figure,
        f"{style.n_text(table['n'])} items a row; differences of accuracy, of the largest"
        f" less the smallest size; {style.INTERVAL}; lines at the ends of a band are its 95 %"
        " interval, where it has one. A row without a band was not asked, or the CSV says why.",
    )
    return figure


def _ladders(rows: pd.DataFrame) -> list[pd.DataFrame]:
    return [part for _, part in rows.groupby(LADDER, sort=False, dropna=False)]


def _block(figure: SubFigure, rows: pd.DataFrame, entries: list[Entry]) -> None:
    parts = _ladders(rows)
    grid, lowest = style.multiples(figure, len(parts), ACROSS, sharex=True, sharey=True)
    names = style.task_names(rows["task"])
    for axes, part in zip(grid, parts):
        _panel(axes, part, entries, names)
        axes.set_title(_title(part), fontsize=7.2, fontweight="normal")
    for axes, part in zip(lowest, parts[-len(lowest) :]):
        large, small = part["large"].iloc[0], part["small"].iloc[0]
        axes.set_xlabel(f"{large} \N{MINUS SIGN} {small}")


def _panel(axes: Axes, rows: pd.DataFrame, entries: list[Entry], names: dict[str, str]) -> None:
    width = np.nan_to_num(rows["estimate"].to_numpy(dtype=np.float64))
    label = "too small to be found with 80 % power"
    axes.barh(heights(rows, entries), 2 * width, left=-width, label=label, **BAND)
    left = rows.assign(estimate=-rows["estimate"], low=-rows["high"], high=-rows["low"])
    observed = Series(rows, OBSERVED, columns=("difference", "difference_low", "difference_high"))
    series = [Series(rows, DETECTABLE), Series(left, DETECTABLE), observed]
    forest(axes, series, entries, zero=True, names=names, ticks=4)


def _title(rows: pd.DataFrame) -> str:
    """What varies in the ladder, and between which sizes."""
    first = rows.iloc[0]
    method, module = str(first["method"]), str(first["module"])
    text = METHODS.get(method, method.replace("_", " "))
    text += module if method == "decoupled" else ""
    text += ", thinking" if first["thinking"] else ""
    return f"{text}\n{first['small']} to {first['large']}"


def caption(table: pd.DataFrame) -> str:
    """What is drawn; n and the intervals stand under the figure."""
    return (
        "For each ladder of sizes (a method and the module that shrinks, the other at its largest),"
        " the difference of accuracy between the largest and the smallest size (points), and as a"
        " band the true differences that a test at the 5 % level would find with less than 80 %"
        " power on these items, its width by the share of items that change."
    )
