"""Figure: the paper's table of methods: systems by parameters against their accuracy.

In: the published Table 2 (`analyses.paper.claims`). Out: a Figure with the in-domain and the MMStar
average over the parameters of the language models, end-to-end systems open, decoupled ones filled.

The paper prints no intervals. MMStar's number of items is known (six categories of 250), so there
the figure shows the binomial error of the mean over categories,
se = sqrt(sum_c p_c (1 - p_c) / 250) / 6, and bars of 1.96 se; items that share an image would widen
it. How many items are behind the in-domain averages is not printed: no bars.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analyses.figures.parts import labels, style
from analyses.paper.claims import AVERAGES, METHODS, MMSTAR_CATEGORIES, SYSTEM

TABLE = METHODS
PER_CATEGORY = 250
"""Items of each MMStar category."""
COLUMNS = (*SYSTEM, "total_b", "average", "accuracy", "low", "high", "n")
MARKERS = "osD^vPX*p<>h"
COLOURS = ("#0b3c5d", "#D55E00", "#7a7a7a", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
TICKS = (0.5, 1, 2, 5, 10, 20, 50, 100)
TITLES = {"in-domain": "in-domain, mean of six sets", "MMStar": "MMStar, mean of six categories"}


def select(table: pd.DataFrame) -> pd.DataFrame:
    """Selects a row per system and average: COLUMNS; accuracies in percent, sizes in billions."""
    parts = []
    for column, (place, _) in AVERAGES.items():
        part = table[list(SYSTEM)].copy()
        part["total_b"] = part["perception_b"].fillna(0) + part["reasoning_b"].fillna(0)
        part["average"] = place
        part["accuracy"] = table[column]
        reach: Any = np.nan
        n = 0
        if place == "MMStar":
            shares = table[list(MMSTAR_CATEGORIES)].to_numpy(dtype=np.float64) / 100
            variance = (shares * (1 - shares) / PER_CATEGORY).sum(axis=1)
            reach = 1.96 * 100 * np.sqrt(variance) / len(MMSTAR_CATEGORIES)
            n = PER_CATEGORY * len(MMSTAR_CATEGORIES)
        part["low"], part["high"] = part["accuracy"] - reach, part["accuracy"] + reach
        part["n"] = n
        parts.append(part)
    rows = pd.concat(parts, ignore_index=True)
    return rows.loc[rows["accuracy"].notna() & (rows["total_b"] > 0), list(COLUMNS)]


@style.styled
def draw(table: pd.DataFrame) -> Figure:
    """Draws two panels, in-domain and MMStar; a line joins the sizes of one method."""
    if not len(table):
        return style.nothing("the table has no system with parameters and an average")
    looks = _looks(table)
    figure = style.new_figure(style.TWO_COLUMNS, 3.9)
    panels = figure.subplots(1, len(TITLES))
    for axes, (place, title) in zip(panels, TITLES.items()):
        _panel(axes, table[table["average"] == place], looks)
        axes.set_title(title)
    panels[0].set_ylabel("accuracy (%)")
    style.footnote(
        figure,
        "Open: end to end; filled: decoupled. Bars: 95 % binomial intervals, n = 1,500; no n is"
        " printed for the in-domain sets.",
    )
    figure.draw_without_rendering()  # fixes the layout, so that names can be placed by pixels
    for axes, place in zip(panels, TITLES):
        _name(axes, table[table["average"] == place])
    return figure


def _name(axes: Axes, rows: pd.DataFrame) -> None:
    """The method beside one of its points: of each line the largest size."""
    rows = rows.sort_values("total_b", kind="stable")
    last = ~rows.duplicated(["method", "setup"], keep="last")
    xy = rows[["total_b", "accuracy"]].to_numpy(dtype=np.float64)
    lines = [np.column_stack(line.get_data()) for line in axes.lines]
    ends = [
        np.array([(x, low), (x, high)]) for (x, _), low, high in zip(xy, rows["low"], rows["high"])
    ]
    names = [str(name) for name in rows.loc[last, "method"]]
    labels.name_points(axes, xy[last], names, lines=[*lines, *ends], others=xy[~last], size=6.4)


def _looks(table: pd.DataFrame) -> dict[tuple[str, str], dict[str, Any]]:
    """(method, setup) -> marker and line; open markers are end to end."""
    methods = list(table["method"].drop_duplicates())
    keys = table[["method", "setup"]].drop_duplicates().itertuples(index=False, name=None)
    looks: dict[tuple[str, str], dict[str, Any]] = {}
    for method, setup in sorted(keys, key=lambda key: str(key[1]), reverse=True):
        k = methods.index(method)
        colour, whole = COLOURS[k % len(COLOURS)], setup == "end_to_end"
        looks[str(method), str(setup)] = {
            "color": colour,
            "marker": MARKERS[k % len(MARKERS)],
            "markerfacecolor": "white" if whole else colour,
            "markeredgecolor": colour,
            "markersize": 5.5,
            "linestyle": ":" if whole else "-",
            "linewidth": 0.9,
        }
    return looks


def _panel(axes: Axes, rows: pd.DataFrame, looks: dict[tuple[str, str], dict[str, Any]]) -> None:
    for (method, setup), look in looks.items():
        own = rows[(rows["method"] == method) & (rows["setup"] == setup)].sort_values("total_b")
        style.with_interval(
            axes,
            own["total_b"],
            own["accuracy"],
            own["low"],
            own["high"],
            **{"elinewidth": 0.8, **look},
        )
    axes.set_xscale("log")
    total = rows["total_b"]
    axes.set_xlim(total.min() / 1.6, total.max() * 2.2)  # room for names
    ticks = [t for t in TICKS if total.min() / 1.3 <= t <= total.max() * 1.3]
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.minorticks_off()
    axes.grid(axis="y")
    axes.set_xlabel("parameters of the language models (billions)")


def caption(table: pd.DataFrame) -> str:
    """What is drawn, and what the bars are."""
    return (
        "Average accuracy of each system of the paper's Table 2 over the parameters of its language"
        " models (perception and reasoning added; vision encoders left out), in-domain and on"
        " MMStar. Open markers: end to end; filled: decoupled; a line joins the sizes of a method."
        " The paper prints no intervals: on MMStar"
        f" ({style.n_text(table.loc[table['n'] > 0, 'n'])}) bars are 95 % binomial intervals of the"
        " mean over categories; the number of in-domain items is not printed."
    )
