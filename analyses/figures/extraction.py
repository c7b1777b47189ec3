"""Figure: what visual extraction adds to captioning at each perception size, as published.

In: the values of the paper's Figure 5 (`analyses.paper.claims`). Out: a Figure with the in-domain
and the MMStar average, a line per training of the perception module, the gain written above them.

The paper prints no intervals: on MMStar the bars are the widest that a binomial mean of six
categories of 250 items can have at that average, 1.96 sqrt(p (1 - p) / 1500), since the categories
are not printed there; how many items are behind the in-domain average is not printed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analyses.figures.parts import style
from analyses.paper.claims import EXTRACTION

TABLE = EXTRACTION
ITEMS = 1500
"""Items of MMStar."""
TITLES = {"in_domain": "in-domain, mean of six sets", "mmstar": "MMStar, mean of six categories"}
LOOKS: dict[str, dict[str, Any]] = {
    "captioning": style.TRAINED["caption"],
    "visual_extraction": style.TRAINED["extract"],
}
COLUMNS = ("perception_training", "perception_b", "average", "accuracy", "low", "high", "n")


def select(table: pd.DataFrame) -> pd.DataFrame:
    """Selects a row per training, perception size and average: COLUMNS; percent, sizes in
    billions."""
    parts = []
    for average in TITLES:
        part = table[["perception_training", "perception_b"]].copy()
        part["average"], part["accuracy"] = average, table[average]
        share = part["accuracy"] / 100
        known = average == "mmstar"
        reach = 196 * np.sqrt(share * (1 - share) / ITEMS) if known else np.nan
        part["low"], part["high"] = part["accuracy"] - reach, part["accuracy"] + reach
        part["n"] = ITEMS if known else 0
        parts.append(part)
    rows = pd.concat(parts, ignore_index=True)
    return rows.loc[rows["accuracy"].notna(), list(COLUMNS)].reset_index(drop=True)


@style.styled
def draw(table: pd.DataFrame) -> Figure:
    """Draws two panels, in-domain and MMStar, over the perception sizes."""
    if not len(table):
        return style.nothing("the table has no perception module with an average")
    figure = style.new_figure(style.TWO_COLUMNS, 2.6)
    sizes = sorted(table["perception_b"].unique())
    for axes, (average, title) in zip(figure.subplots(1, len(TITLES)), TITLES.items()):
        rows = table[table["average"] == average]
        for k, (training, own) in enumerate(rows.groupby("perception_training", sort=False)):
            own = own.sort_values("perception_b")
            x = [sizes.index(size) for size in own["perception_b"]]
            other = style.DATA[k % len(style.DATA)] | {"linestyle": "-"}
            look = LOOKS.get(str(training), other)
            label = str(training).replace("_", " ")
            ends = own["low"], own["high"]
            style.with_interval(axes, x, own["accuracy"], *ends, label=label, **look)
        _gains(axes, rows, sizes)
        axes.set_ylim(0, 100)
        style.size_axis(axes, [f"{size:g}B" for size in sizes], "size of the perception module")
        axes.grid(axis="y")
        axes.set_title(title)
    figure.axes[0].set_ylabel("accuracy (%)")
    handles = figure.axes[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper center", ncols=2)
    style.footnote(
        figure,
        f"Bars: 95 % binomial intervals, n = {ITEMS:,}; no n is printed for the in-domain sets.",
    )
    return figure


def _gains(axes: Axes, rows: pd.DataFrame, sizes: list[float]) -> None:
    """The difference of the two trainings, in points, above each pair of points."""
    wide = rows.pivot_table("accuracy", "perception_b", "perception_training")
    if not {"captioning", "visual_extraction"} <= set(wide.columns):
        return
    for size, pair in wide.dropna().iterrows():
        gain = pair["visual_extraction"] - pair["captioning"]
        axes.annotate(
            f"{gain:+.1f} points",
            (sizes.index(float(str(size))), pair.max()),
            xytext=(0, 12),
            textcoords="offset points",
            ha="center",
            fontsize=7,
        )


def caption(table: pd.DataFrame) -> str:
    """What is drawn, and what the bars are."""
    return (
        "Average accuracy with a perception module trained by captioning and by visual extraction"
        " (the paper's Figure 5, reasoning module of 8B), in-domain and on MMStar; the gain in"
        " points stands above. The paper prints no intervals: on MMStar"
        f" ({style.n_text(table.loc[table['n'] > 0, 'n'])}) bars are 95 % binomial intervals; the"
        " number of in-domain items is not printed."
    )
