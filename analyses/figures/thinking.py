"""Figure: what thinking gains at each reasoning size: the means, then every task and category.

In: rows of analyses.thinking. Out: a Figure, a row of panels per family and one small panel per
task and category (decoupled, perception at the largest size).
"""

from __future__ import annotations

import math
import textwrap
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analyses.figures import style
from analyses.scores import IN_DOMAIN, SHARED

METHODS = {
    "decoupled": "described by the largest",
    "oracle": "gold descriptions",
    "text_only": "no description",
}
ACROSS = 7


def select(table: pd.DataFrame) -> pd.DataFrame:
    """The gains."""
    rows = table[(table["quantity"] == "gain") & (table["task"] != SHARED)]
    return rows.reset_index(drop=True)


@style.styled
def draw(table: pd.DataFrame) -> Figure:
    """Above: gain of the means by method. Below: gain of each task and category, decoupled."""
    if not len(table):
        return style.nothing("the study has no size that answers both directly and with thinking")
    among = style.families(table)
    small = {family: _small(table[table["family"] == family]) for family in among}
    heights = [h for f in among for h in (1.9, 1.3 * math.ceil(len(small[f]) / ACROSS))]
    figure = style.new_figure(style.TWO_COLUMNS, sum(heights) + 0.35)
    parts = figure.subfigures(
        len(heights), 1, squeeze=False, height_ratios=[max(h, 0.01) for h in heights]
    )
    for k, family in enumerate(among):
        own = table[table["family"] == family]
        methods = [name for name in METHODS if (own["method"] == name).any()]
        grid = parts[2 * k, 0].subplots(1, len(methods), squeeze=False, sharey=True)[0]
        for axes, method in zip(grid, methods):
            _means(axes, own[own["method"] == method])
            axes.set_title(style.panel_title(family, among, METHODS[method]))
        grid[0].set_ylabel("gain of thinking")
        low, high = grid[0].get_ylim()
        grid[0].set_ylim(low, high + 0.4 * (high - low))  # room for the legend
        grid[0].legend(loc="upper left", borderaxespad=0.1)
        if small[family]:
            _multiples(parts[2 * k + 1, 0], small[family])
    tasks = table[table["average"] != "tasks"]
    style.footnote(figure, f"{style.n_text(tasks['n'])} items a point; {style.INTERVAL}.")
    return figure


def _small(rows: pd.DataFrame) -> list[pd.DataFrame]:
    """The gains of each task and category, of decoupled cells where there are any."""
    method = next(name for name in METHODS if (rows["method"] == name).any())
    rows = rows[(rows["method"] == method) & (rows["average"] != "tasks")]
    rows = rows[(rows["domain"] == IN_DOMAIN) | rows["group"].notna()]
    return [part for _, part in rows.groupby(["task", "group"], sort=False, dropna=False)]


def _means(axes: Axes, rows: pd.DataFrame) -> None:
    headline = (rows["task"] == IN_DOMAIN) | (rows["domain"] != IN_DOMAIN)
    rows = rows[headline & rows["group"].isna()]
    names = style.task_names(rows["task"])
    sizes = style.sizes_in_order(rows, "reasoning", "params")
    tasks = sorted(rows["task"].drop_duplicates(), key=lambda task: str(task) != IN_DOMAIN)
    for k, task in enumerate(tasks):
        part = rows[rows["task"] == task]
        x = np.array([sizes.index(str(size)) for size in part["reasoning"]]) + 0.08 * (k - 0.5)
        label = f"{names[str(task)]} ({style.n_text(part['n'])})"
        look = style.SERIES[k % len(style.SERIES)]
        style.with_interval(
            axes, x, part["estimate"], part["low"], part["high"], label=label, **look
        )
    axes.axhline(0, color=style.QUIET, linewidth=0.7)
    axes.grid(axis="y")
    style.size_axis(axes, sizes, "size of the reasoning module")


def _multiples(figure: Figure, parts: list[pd.DataFrame]) -> None:
    count = math.ceil(len(parts) / ACROSS)
    across = min(ACROSS, len(parts))
    grid = figure.subplots(count, across, squeeze=False, sharex=True, sharey=True)
    names = style.task_names(part["task"].iloc[0] for part in parts)
    sizes = style.sizes_in_order(pd.concat(parts), "reasoning", "params")
    for axes, part in zip(grid.flat, parts):
        x = [sizes.index(str(size)) for size in part["reasoning"]]
        look: dict[str, Any] = {
            "color": style.BLUE,
            "marker": "o",
            "markersize": 3.2,
            "elinewidth": 0.9,
        }
        style.with_interval(
            axes, x, part["estimate"], part["low"], part["high"], **look, linestyle="-"
        )
        axes.axhline(0, color=style.QUIET, linewidth=0.7)
        axes.grid(axis="y")
        group = part["group"].iloc[0]
        title = names[str(part["task"].iloc[0])] if pd.isna(group) else str(group)
        axes.set_title(textwrap.fill(title, 16), fontsize=6.5, fontweight="normal")
        style.size_axis(axes, sizes, "")
    for axes in grid.flat[len(parts) :]:
        axes.axis("off")
    for axes in grid.flat[max(len(parts) - across, 0) : len(parts)]:
        axes.tick_params(labelbottom=True)


def caption(table: pd.DataFrame) -> str:
    """What is drawn, n and the interval."""
    tasks = table[table["average"] != "tasks"]
    return (
        "Accuracy with thinking minus accuracy without, paired by item, by size of the reasoning"
        " module. Above: means, with descriptions of the largest perception module, with gold"
        " descriptions and without a description. Below: every task and category with the largest"
        f" perception module ({style.n_text(tasks['n'])} items a point). Bars are 95 % paired"
        " cluster-bootstrap intervals over images."
    )
